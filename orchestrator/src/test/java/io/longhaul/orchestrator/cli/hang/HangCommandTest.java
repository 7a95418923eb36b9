package io.longhaul.orchestrator.cli.hang;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class HangCommandTest {
    @TempDir
    private Path directory = Path.of("");

    private void status(int rank, long enqueued, long completed) throws IOException {
        Files.writeString(directory.resolve("nccl_trace_rank_" + rank + ".json"), """
                {"version": "2.4", "pg_config": {"0": {"name": "0", "ranks": "[0, 1, 2, 3]"}},
                 "pg_status": {"0": {"last_enqueued_collective": %d, "last_started_collective": %d,
                                     "last_completed_collective": %d}}, "entries": []}
                """.formatted(enqueued, enqueued, completed));
    }

    private void entries(int rank, long done, long open) throws IOException {
        Files.writeString(directory.resolve("dump-" + rank),
                """
                        {"entries": [{"pg_id": 0, "collective_seq_id": %d, "state": "completed", "profiling_name": "nccl:all_reduce"},
                                     {"pg_id": 0, "collective_seq_id": %d, "state": "scheduled"}]}
                        """
                        .formatted(done, open));
    }

    private String run(int code, String... more) {
        String[] arguments = new String[more.length + 1];
        arguments[0] = directory.toString();
        System.arraycopy(more, 0, arguments, 1, more.length);
        PrintStream before = System.out;
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
        try {
            assertThat(new CommandLine(new HangCommand()).execute(arguments)).isEqualTo(code);
        } finally {
            System.setOut(before);
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @Test
    void namesTheRankWhoseProgramHasNotComeToTheCollective() throws IOException {
        for (int rank = 0; rank < 4; rank++) {
            status(rank, rank == 2 ? 17 : 18, 17);
        }
        Files.writeString(directory.resolve("README"), "no dump");
        Files.writeString(directory.resolve("broken-9"), "{");
        assertThat(run(0)).contains("4 ranks read; rank behind: rank 2")
                .contains("rank 2, group 0: entered 17, finished 17; the others entered 18");
    }

    @Test
    void readsDumpsThatHaveEntriesOnly() throws IOException {
        for (int rank = 0; rank < 3; rank++) {
            entries(rank, 4, 5);
        }
        assertThat(run(0)).contains("3 ranks read; network: all have entered the collective");
    }

    @Test
    void aRankWithoutADumpIsSilent() throws IOException {
        for (int rank = 0; rank < 3; rank++) {
            status(rank, 18, 17);
        }
        assertThat(run(0, "--ranks", "4")).contains("rank silent: rank 3 no longer reports");
    }

    @Test
    void nothingToReadIsAnError() {
        assertThat(run(1)).isEmpty();
    }
}

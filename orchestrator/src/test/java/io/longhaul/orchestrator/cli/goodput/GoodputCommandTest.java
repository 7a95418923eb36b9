package io.longhaul.orchestrator.cli.goodput;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class GoodputCommandTest {
    @TempDir
    private Path directory = Path.of("");

    private static JsonNode run(String... arguments) {
        List<String> all = new ArrayList<>(List.of("--json", "--save", "60", "--restart", "300"));
        all.addAll(List.of(arguments));
        PrintStream before = System.out;
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
        try {
            assertThat(new CommandLine(new GoodputCommand()).execute(all.toArray(String[]::new))).isZero();
        } finally {
            System.setOut(before);
        }
        return JsonMapper.builder().build().readTree(bytes.toByteArray());
    }

    private static double ettr(JsonNode answer, String what) {
        for (JsonNode row : answer.path("rows")) {
            if (row.path("what").asString("").contains(what)) {
                return row.path("ettr").asDouble();
            }
        }
        throw new AssertionError("no row " + what + " in " + answer);
    }

    @Test
    void sparesAndFasterRestartsTrainMoreAndTheSameSeedSaysTheSame() {
        JsonNode answer = run("--nodes", "64", "--rate", "20");
        assertThat(run("--nodes", "64", "--rate", "20")).isEqualTo(answer);
        double now = ettr(answer, "best under these");
        assertThat(now).isBetween(0.8, 1.0);
        assertThat(ettr(answer, "with 0 spare")).isLessThan(now);
        assertThat(ettr(answer, "restarts twice as fast")).isGreaterThan(now);
        assertThat(ettr(answer, "saves ten times as fast")).isGreaterThan(now);
        assertThat(ettr(answer, "coded")).isLessThan(0.51);
        assertThat(ettr(answer, "by Daly")).isBetween(now - 0.05, now + 0.01);
    }

    @Test
    void readsARecordAndPassesOverRowsWithoutTimes() throws IOException {
        Path trace = Files.writeString(directory.resolve("trace.csv"), """
                node,start_day,end_day,repair_hours
                a,1,2,24
                b,,,
                b,5,5,0
                c,10,10.5,12
                """);
        JsonNode answer = run("--nodes", "3", "--trace", trace.toString());
        assertThat(answer.path("days").asDouble()).isEqualTo(10);
        assertThat(answer.path("spares").asInt()).isEqualTo(1);
        assertThat(ettr(answer, "best under these")).isGreaterThan(0.95);
        assertThat(ettr(answer, "with 0 spare")).as("a day of ten is lost").isLessThan(0.9);
    }

    @Test
    void aWrongNumberIsNamedWithWhatIsAllowed() {
        CommandLine line = new CommandLine(new GoodputCommand());
        java.io.StringWriter text = new java.io.StringWriter();
        line.setErr(new PrintWriter(text));
        assertThat(line.execute("--nodes", "0", "--save", "60", "--restart", "300")).isEqualTo(2);
        assertThat(text.toString()).contains("--nodes 1 to 100000", "got 0");
    }
}

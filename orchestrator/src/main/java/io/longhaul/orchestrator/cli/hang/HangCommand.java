package io.longhaul.orchestrator.cli.hang;

import io.longhaul.monitor.hang.HangCause;
import io.longhaul.monitor.hang.HangDiagnosis;
import io.longhaul.monitor.hang.RankState;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code longhaul hang}: whom a job that stands still waits for. */
@Command(name = "hang", mixinStandardHelpOptions = true, description = "Says whom a hanging job waits for, from the JSON dumps of the NCCL flight recorder of its ranks. The last number in a file's name is the rank.")
public final class HangCommand implements Callable<Integer> {
    private static final int NOTHING_READ = 1;

    @Parameters(paramLabel = "DIR", description = "folder with a dump per rank")
    private Path directory = Path.of(".");

    @Option(names = "--ranks", description = "size of the job: ranks without a dump count as silent (default: only those that there are)")
    private @Nullable Integer ranks;

    @Override
    public Integer call() {
        List<RankState> states = new ArrayList<>();
        List<Integer> heard = new ArrayList<>();
        for (Path file : files()) {
            FlightRecord.read(file).ifPresent(record -> {
                heard.add(record.rank());
                states.addAll(record.groups());
            });
        }
        if (states.isEmpty()) {
            System.err
                    .println("longhaul: no dump in " + directory + " tells of a collective; needed is JSON as"
                            + " torch._C._distributed_c10d._dump_nccl_trace_json writes it, a file per rank");
            return NOTHING_READ;
        }
        for (int rank = 0; ranks != null && rank < ranks; rank++) {
            if (!heard.contains(rank)) {
                states.add(new RankState(rank, states.getFirst().group(), -1, -1, RankState.Phase.UNKNOWN,
                        false));
            }
        }
        HangCause cause = HangDiagnosis.of(states);
        System.out.printf(Locale.ROOT, "%d ranks read; %s: %s%n", heard.stream().distinct().count(),
                cause.kind().name().toLowerCase(Locale.ROOT).replace('_', ' '), cause.text());
        states.stream()
                .filter(state -> cause.ranks().contains(state.rank()))
                .forEach(state -> System.out.printf(
                        "  rank %d, group %d: entered %d, finished %d; the others entered %d%n",
                        state.rank(), state.group(), state.entered(), state.finished(),
                        newest(states, state.group())));
        return 0;
    }

    private static long newest(List<RankState> states, int group) {
        return states.stream().filter(s -> s.group() == group).mapToLong(RankState::entered).max().orElse(-1);
    }

    private List<Path> files() {
        try (Stream<Path> found = Files.list(directory)) {
            return found.filter(Files::isRegularFile).sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + directory + ": " + e.getMessage(), e);
        }
    }
}

package io.longhaul.orchestrator.cli.goodput;

import io.longhaul.monitor.goodput.CheckpointInterval;
import io.longhaul.monitor.goodput.ClusterReplay;
import io.longhaul.monitor.goodput.ClusterReplay.Job;
import io.longhaul.monitor.goodput.ClusterReplay.Outage;
import io.longhaul.monitor.rates.FaultProcess;
import io.longhaul.orchestrator.cli.validate.Csv;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

/** {@code longhaul goodput}: how often to save, how many spares, what a faster restart is worth. */
@Command(name = "goodput", mixinStandardHelpOptions = true, description = "Says what share of its time a job trains under failures, how often to save, and what spares, faster restarts or coded gradients would change. Failures are drawn with bursts and relapses at a published rate, or read from a record.")
public final class GoodputCommand implements Runnable {
    private static final double DAY = 86_400;
    private static final int HISTORIES = 8;
    private static final Duration HISTORY = Duration.ofDays(90);

    @Option(names = "--nodes", required = true, description = "nodes that train, 1 to 100000")
    private int nodes;

    @Option(names = "--save", paramLabel = "SECONDS", required = true, description = "pause of training for one checkpoint")
    private double saveSeconds;

    @Option(names = "--restart", paramLabel = "SECONDS", required = true, description = "from a failure to the first step after it")
    private double restartSeconds;

    @Option(names = "--rate", paramLabel = "FAULTS", description = "faults per 1000 node-days (default: 3.79, Llama 3)")
    private @Nullable Double rate;

    @Option(names = "--spares", description = "spare nodes that there are (default: as many as are ever down at once)")
    private @Nullable Integer given;

    @Option(names = "--trace", paramLabel = "CSV", description = "record of outages with the columns node, start_day, end_day, in the place of --rate")
    private @Nullable Path trace;

    @Option(names = "--seed", defaultValue = "1", description = "of the drawn failures (default: ${DEFAULT-VALUE})")
    private long seed;

    @Option(names = "--json", description = "print JSON")
    private boolean json;

    @Spec
    private @Nullable CommandSpec spec;

    /** Failures over a stretch of time. */
    private record History(List<Outage> outages, double seconds) {}

    /** One line of the answer. */
    private record Row(String what, double intervalSeconds, double ettr, double ofPaid) {}

    @Override
    public void run() {
        if (nodes < 1 || nodes > 100_000 || given != null && (given < 0 || given > 100_000)
                || !(saveSeconds > 0)
                || !(restartSeconds >= 0) || rate != null && !(rate > 0)) {
            throw new CommandLine.ParameterException(Objects.requireNonNull(spec).commandLine(),
                    "allowed are --nodes 1 to 100000, --spares 0 to 100000, --save above 0, --restart 0 or more and"
                            + " --rate above 0; got " + nodes + ", " + given + ", " + saveSeconds + ", "
                            + restartSeconds + " and " + rate);
        }
        History history = trace == null ? drawn() : recorded(trace);
        List<Integer> downAtOnce = downAtOnce(history);
        int spares = given == null ? downAtOnce.getLast() : given;
        Job job = new Job(nodes, spares, 0, saveSeconds, restartSeconds);
        long failures = history.outages()
                .stream()
                .filter(o -> o.node() < nodes && o.at() < history.seconds())
                .count();
        double between = history.seconds() / Math.max(1, failures);
        List<Row> rows = new ArrayList<>();
        CheckpointInterval formula = new CheckpointInterval(saveSeconds, restartSeconds, between);
        rows.add(row("saves by Young", formula.young(), job, history));
        rows.add(row("saves by Daly", Math.max(1, formula.daly()), job, history));
        rows.add(row("saves by the exact formula", formula.best(), job, history));
        double best = ClusterReplay.bestInterval(history.outages(), history.seconds(), job);
        rows.add(row("saves best under these failures", best, job, history));
        for (int count : downAtOnce) {
            if (count != spares) {
                rows.add(row("  with " + count + " spare nodes", best, job.withSpares(count), history));
            }
        }
        rows.add(whatIf("  with restarts twice as fast",
                new Job(nodes, spares, 0, saveSeconds, restartSeconds / 2),
                history));
        rows.add(whatIf("  with saves ten times as fast",
                new Job(nodes, spares, 0, saveSeconds / 10, restartSeconds),
                history));
        if (nodes > 1) {
            rows.add(whatIf("  with gradients coded against one loss",
                    new Job(nodes, spares, 1, saveSeconds, restartSeconds), history));
        }
        print(rows, spares, failures, history.seconds(), between, formula);
    }

    private static Row whatIf(String what, Job job, History history) {
        return row(what, ClusterReplay.bestInterval(history.outages(), history.seconds(), job), job, history);
    }

    private static Row row(String what, double interval, Job job, History history) {
        double ettr = ClusterReplay.share(history.outages(), history.seconds(), interval, job);
        return new Row(what, interval, ettr, ettr * job.nodes() / (job.nodes() + job.spares()));
    }

    /** None, and so many nodes as are down at once half of the time, nine tenths of it, and ever; ascending. */
    private List<Integer> downAtOnce(History first) {
        List<Integer> down = new ArrayList<>();
        for (double at = 0; at < first.seconds(); at += DAY / 4) {
            double now = at;
            down.add((int) first.outages()
                    .stream()
                    .filter(o -> o.node() < nodes && o.at() <= now && now < o.until())
                    .map(Outage::node)
                    .distinct()
                    .count());
        }
        down.sort(null);
        return List.of(0, down.get(down.size() / 2), down.get(down.size() * 9 / 10), down.getLast())
                .stream()
                .distinct()
                .toList();
    }

    /** Several histories one after the other, each with all nodes up at its beginning. */
    private History drawn() {
        FaultProcess.Rates llama = FaultProcess.Rates.llama3();
        FaultProcess.Rates rates = rate == null
                ? llama
                : new FaultProcess.Rates(rate, llama.burst(), llama.again(), llama.repair(),
                        llama.repairSpread(),
                        llama.components());
        // Spares fail as well; what is drawn must not depend on how many there are.
        int all = 2 * nodes + (given == null ? 0 : given);
        List<Outage> outages = new ArrayList<>();
        SplittableRandom random = new SplittableRandom(seed);
        double length = HISTORY.toSeconds();
        for (int i = 0; i < HISTORIES; i++) {
            double begin = i * length;
            new FaultProcess(rates, all, random.split()).draw(HISTORY)
                    .forEach(f -> outages.add(
                            new Outage(begin + f.at().toMillis() / 1e3, f.node(),
                                    begin + Math.min(length, f.repairedAt().toMillis() / 1e3))));
        }
        return new History(outages, HISTORIES * length);
    }

    private History recorded(Path file) {
        Map<String, Integer> numbers = new HashMap<>();
        List<Outage> outages = new ArrayList<>();
        double end = 0;
        for (Csv.Row row : Csv.read(file)) {
            double from = row.number("start_day") * DAY;
            double to = row.number("end_day") * DAY;
            if (from >= 0 && to >= from && row.has("node")) {
                outages.add(
                        new Outage(from, numbers.computeIfAbsent(row.text("node"), n -> numbers.size()), to));
                end = Math.max(end, from);
            }
        }
        if (outages.isEmpty()) {
            throw new CommandLine.ParameterException(Objects.requireNonNull(spec).commandLine(),
                    file + " has no row with node, start_day and end_day");
        }
        return new History(outages, end);
    }

    private void print(List<Row> rows, int spares, long failures, double seconds, double between,
            CheckpointInterval formula) {
        if (json) {
            Map<String, Object> all = new LinkedHashMap<>();
            all.put("nodes", nodes);
            all.put("spares", spares);
            all.put("failures", failures);
            all.put("days", seconds / DAY);
            all.put("hoursBetweenFailures", between / 3600);
            all.put("exactFormulaEttr", formula.exactShare(formula.best()));
            all.put("rows", rows);
            System.out.println(
                    JsonMapper.builder().build().writerWithDefaultPrettyPrinter().writeValueAsString(all));
            return;
        }
        System.out.printf(Locale.ROOT,
                "%d failures of %d nodes in %.0f days, one every %.2f h; %d spare nodes; exact formula: %.4f%n",
                failures, nodes, seconds / DAY, between / 3600, spares, formula.exactShare(formula.best()));
        System.out.printf("%-42s %12s %8s %14s%n", "", "save every", "ETTR", "of paid nodes");
        for (Row row : rows) {
            System.out.printf(Locale.ROOT, "%-42s %10.1f m %8.4f %14.4f%n", row.what(),
                    row.intervalSeconds() / 60,
                    row.ettr(), row.ofPaid());
        }
    }
}

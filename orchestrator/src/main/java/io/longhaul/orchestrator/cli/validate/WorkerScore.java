package io.longhaul.orchestrator.cli.validate;

import io.longhaul.monitor.straggler.PeerEvent;
import io.longhaul.monitor.straggler.PeerGroup;
import io.longhaul.monitor.straggler.PeerSettings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The straggler detectors on generated groups and recorded traces.
 *
 * <p>Definitions: a slow worker is found by an alarm on it between its onset and one median length after its end;
 * an alarm on a worker that is not slow then accuses it wrongly, where workers that always had more to do count as
 * not slow and short bumps do not count at all.
 */
final class WorkerScore {
    private static final int MARGIN = 15;
    private static final Matrix NOTHING = new Matrix(List.of(), List.of(), List.of());

    private record Label(String dataset, String kind, String worker, double onset, double end) {
        boolean slow() {
            return kind.startsWith("faulty-worker") || kind.equals("straggler")
                    || kind.equals("persistent-slow");
        }

        boolean names(String name) {
            return Arrays.asList(worker.split("[ ;]+")).contains(name) || worker.equals("several");
        }
    }

    /** Worker names by column and rows of times; {@code ticks} in the unit of the labels. */
    private record Matrix(List<String> workers, List<Double> ticks, List<double[]> rows) {
        double every() {
            return ticks.size() < 2 ? 1 : ticks.get(1) - ticks.get(0);
        }
    }

    private record Alarm(String worker, double tick, PeerEvent event) {}

    private record Item(String family, String name, List<Matrix> tables, List<Label> labels) {
        boolean generated() {
            return family.equals("workers");
        }
    }

    /** Slow workers, those found, and workers accused wrongly. */
    private record Counts(int slow, int found, int accused) {
        static Counts sum(List<Counts> all) {
            return new Counts(all.stream().mapToInt(Counts::slow).sum(),
                    all.stream().mapToInt(Counts::found).sum(),
                    all.stream().mapToInt(Counts::accused).sum());
        }
    }

    private WorkerScore() {}

    static void score(Path directory, PeerSettings settings, Report report) {
        List<Item> items = items(directory, report);
        List<Double> latencies = new ArrayList<>();
        List<Counts> generated = items.stream()
                .filter(Item::generated)
                .map(item -> count(item, settings, latencies, report))
                .toList();
        if (!generated.isEmpty()) {
            Counts sum = Counts.sum(generated);
            report.figure("workers.slow", sum.slow);
            report.figure("workers.found", sum.found);
            report.figure("workers.accused", sum.accused);
            report.figure("workers.latency_median", Report.median(latencies));
            report.line("generated worker groups: found %d/%d, wrongly accused %d, latency %.0f steps",
                    sum.found,
                    sum.slow, sum.accused, Report.median(latencies));
        }
        for (Item item : items) {
            if (!item.generated()) {
                Counts counts = count(item, settings, new ArrayList<>(), report);
                report.figure("traces." + item.name + ".found", counts.found);
                report.figure("traces." + item.name + ".total", counts.slow);
                report.figure("traces." + item.name + ".accused", counts.accused);
                report.line("  %-26s found %d/%d, wrongly accused %d", item.name, counts.found, counts.slow,
                        counts.accused);
            }
        }
    }

    /**
     * What to expect of groups that had no say in the settings: each group and each trace is judged with the settings
     * that do best on all others, by misses plus wrong accusations.
     */
    static void crossValidate(Path directory, Report report) {
        List<Item> items = items(directory, new Report());
        if (items.isEmpty()) {
            return;
        }
        PeerSettings usual = PeerSettings.usual();
        List<PeerSettings> grid = new ArrayList<>();
        for (double rise : new double[]{0.03, 0.035, 0.04, 0.05}) {
            for (double sigmas : new double[]{4, 4.5, 5, 6}) {
                grid.add(
                        new PeerSettings(usual.steps(), rise, sigmas, usual.leastRatio(), usual.ratio(),
                                usual.lastingRatio(), usual.peerSigmas(), usual.certain()));
            }
        }
        List<List<Counts>> results = grid.parallelStream()
                .map(settings -> items.stream()
                        .map(item -> count(item, settings, new ArrayList<>(), new Report()))
                        .toList())
                .toList();
        int[] choices = LeaveOut.choose(items.stream().map(Item::name).toList(), results.stream()
                .map(all -> all.stream().mapToInt(c -> c.slow - c.found + c.accused).toArray())
                .toArray(int[][]::new));
        Counts sum = Counts.sum(
                IntStream.range(0, choices.length).mapToObj(i -> results.get(choices[i]).get(i)).toList());
        report.figure("workers.cross_validated.slow", sum.slow);
        report.figure("workers.cross_validated.found", sum.found);
        report.figure("workers.cross_validated.accused", sum.accused);
        report.line("workers and traces, left out one by one: found %d/%d, wrongly accused %d", sum.found,
                sum.slow,
                sum.accused);
    }

    /** Generated groups and recorded traces that have labels. */
    private static List<Item> items(Path directory, Report report) {
        Path workers = directory.resolve("workers");
        if (!Csv.exists(workers.resolve("labels.csv"))) {
            report.line("workers: no workers/labels.csv, skipped");
            return List.of();
        }
        Map<String, List<Label>> labels = new LinkedHashMap<>();
        for (Csv.Row row : Csv.read(workers.resolve("labels.csv"))) {
            labels.computeIfAbsent(row.text("dataset"), d -> new ArrayList<>())
                    .add(
                            new Label(
                                    row.text("dataset"), row.text("kind"), row.text("worker"),
                                    row.number("onset", Double.NEGATIVE_INFINITY),
                                    row.number("end", Double.POSITIVE_INFINITY)));
        }
        List<Item> items = new ArrayList<>();
        if (Csv.exists(workers.resolve("injected_groups.csv"))) {
            Map<String, Matrix> groups = new TreeMap<>();
            matrices(workers.resolve("injected_groups.csv"), row -> row.text("group"), "t", groups);
            groups.forEach((group, matrix) -> {
                String name = "injected_group_" + group;
                items.add(new Item("workers", name, List.of(matrix), labels.getOrDefault(name, List.of())));
            });
        } else {
            report.line("workers: no workers/injected_groups.csv.gz, skipped");
        }
        for (Path file : traces(workers)) {
            String name = file.getFileName().toString().replaceAll("(_agg)?\\.csv(\\.gz)?$", "");
            if (labels.containsKey(name)) {
                items.add(new Item("traces", name, tables(file, name), labels.getOrDefault(name, List.of())));
            }
        }
        return items;
    }

    /** Tables of workers that do equal work. */
    private static List<Matrix> tables(Path file, String name) {
        if (name.startsWith("bytedance_")) {
            return List.copyOf(stages(file).values());
        }
        Map<String, Matrix> one = new TreeMap<>();
        matrices(file, row -> "all", row0(file), one);
        Matrix matrix = one.getOrDefault("all", NOTHING);
        if (name.startsWith("power")) {
            // Where power is the only signal, a worker that draws less does less.
            matrix.rows.forEach(row -> Arrays.setAll(row, i -> 1 / row[i]));
        }
        return List.of(matrix);
    }

    private static List<Path> traces(Path workers) {
        try (Stream<Path> files = Files.list(workers)) {
            return files.filter(f -> f.getFileName().toString().matches(".*\\.csv(\\.gz)?"))
                    .filter(f -> !f.getFileName().toString().contains("_events."))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list " + workers + ": " + e.getMessage(), e);
        }
    }

    private static Counts count(Item item, PeerSettings settings, List<Double> latencies, Report report) {
        String family = item.family;
        String name = item.name;
        List<Label> labels = item.labels;
        Matrix matrix = item.tables.isEmpty() ? NOTHING : item.tables.getFirst();
        List<Alarm> alarms = new ArrayList<>();
        item.tables.forEach(table -> alarms.addAll(alarms(table, settings)));
        int slow = 0;
        int found = 0;
        double margin = MARGIN * matrix.every();
        for (Label label : labels) {
            if (!label.slow()) {
                continue;
            }
            for (String worker : label.worker.split("[ ;]+")) {
                slow++;
                var first = alarms.stream()
                        .filter(a -> a.worker.equals(worker))
                        .filter(a -> a.tick >= label.onset && a.tick <= label.end + margin)
                        .findFirst();
                if (first.isPresent()) {
                    found++;
                    double onset = Math.max(label.onset,
                            matrix.ticks.isEmpty() ? 0 : matrix.ticks.getFirst());
                    latencies.add((first.get().tick - onset) / matrix.every());
                } else {
                    report.fault(family, name, "miss", label.kind + " " + worker, label.onset, "");
                }
            }
        }
        TreeSet<String> accused = new TreeSet<>();
        for (Alarm alarm : alarms) {
            boolean excused = labels.stream()
                    .filter(l -> l.slow() || l.kind.equals("minor-bump"))
                    .anyMatch(
                            l -> l.names(alarm.worker) && alarm.tick >= l.onset - matrix.every()
                                    && alarm.tick <= l.end + margin);
            if (!excused) {
                accused.add(alarm.worker);
                report.fault(family, name, "false alarm", alarm.event.kind() + " " + alarm.worker, alarm.tick,
                        String.format(Locale.ROOT, "%.3f of its peers, usually %.3f", alarm.event.ratio(),
                                alarm.event.usual()));
            }
        }
        return new Counts(slow, found, accused.size());
    }

    private static List<Alarm> alarms(Matrix matrix, PeerSettings settings) {
        List<Alarm> alarms = new ArrayList<>();
        if (matrix.workers.size() < 2) {
            return alarms;
        }
        PeerGroup group = new PeerGroup(matrix.workers.size(), settings);
        for (int i = 0; i < matrix.rows.size(); i++) {
            double tick = matrix.ticks.get(i);
            for (PeerEvent event : group.onStep((long) tick, matrix.rows.get(i))) {
                if (event.kind() != PeerEvent.Kind.RECOVERED) {
                    alarms.add(new Alarm(matrix.workers.get(event.worker()), tick, event));
                }
            }
        }
        return alarms;
    }

    private static String row0(Path file) {
        List<String> first = new ArrayList<>();
        Csv.read(file, row -> {
            if (first.isEmpty()) {
                row.columns()
                        .entrySet()
                        .stream()
                        .filter(c -> c.getValue() == 0)
                        .forEach(c -> first.add(c.getKey()));
            }
        });
        return first.isEmpty() ? "" : first.getFirst();
    }

    /** Tables with a column per worker; the workers of a group are those with a value anywhere. */
    private static void matrices(Path file, Function<Csv.Row, String> group, String tick,
            Map<String, Matrix> into) {
        Map<String, List<double[]>> rows = new LinkedHashMap<>();
        Map<String, List<Double>> ticks = new LinkedHashMap<>();
        List<String> names = new ArrayList<>();
        Csv.read(file, row -> {
            if (names.isEmpty()) {
                row.columns()
                        .entrySet()
                        .stream()
                        .filter(c -> c.getKey().matches("[a-z]+\\d+"))
                        .sorted(Map.Entry.comparingByValue())
                        .forEach(c -> names.add(c.getKey()));
            }
            rows.computeIfAbsent(group.apply(row), g -> new ArrayList<>())
                    .add(names.stream().mapToDouble(row::number).toArray());
            ticks.computeIfAbsent(group.apply(row), g -> new ArrayList<>()).add(row.number(tick));
        });
        rows.forEach((name, values) -> {
            List<Integer> used = new ArrayList<>();
            for (int i = 0; i < names.size(); i++) {
                int column = i;
                if (values.stream().anyMatch(v -> v[column] > 0)) {
                    used.add(i);
                }
            }
            into.put(
                    name,
                    new Matrix(
                            used.stream().map(names::get).toList(), ticks.getOrDefault(name, List.of()),
                            values.stream()
                                    .map(v -> used.stream().mapToDouble(i -> v[i]).toArray())
                                    .toList()));
        });
    }

    /** Compute time by step and data-parallel rank, one table per pipeline stage. */
    private static Map<String, Matrix> stages(Path file) {
        Map<String, TreeMap<Double, Map<String, Double>>> times = new TreeMap<>();
        Map<String, TreeSet<String>> names = new TreeMap<>();
        Csv.read(file, row -> {
            if (row.text("op").endsWith("-compute")) {
                String stage = row.text("pp");
                String worker = "dp" + row.text("dp") + "/pp" + stage;
                names.computeIfAbsent(stage, s -> new TreeSet<>()).add(worker);
                times.computeIfAbsent(stage, s -> new TreeMap<>())
                        .computeIfAbsent(row.number("step"), s -> new LinkedHashMap<>())
                        .merge(worker, row.number("sum_us"), Double::sum);
            }
        });
        Map<String, Matrix> stages = new TreeMap<>();
        times.forEach((stage, steps) -> {
            List<String> workers = List.copyOf(names.getOrDefault(stage, new TreeSet<>()));
            List<double[]> rows = steps.values()
                    .stream()
                    .map(
                            step -> workers.stream()
                                    .mapToDouble(w -> step.getOrDefault(w, Double.NaN))
                                    .toArray())
                    .toList();
            stages.put(stage, new Matrix(workers, List.copyOf(steps.keySet()), rows));
        });
        return stages;
    }
}

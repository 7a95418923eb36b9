package io.longhaul.orchestrator.cli.validate;

import io.longhaul.monitor.steptime.StepTimeEvent;
import io.longhaul.monitor.steptime.StepTimeMonitor;
import io.longhaul.monitor.steptime.StepTimeSettings;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * The step-time detectors on recorded runs and on injected slow-downs.
 *
 * <p>Definitions: fail-slow and creep of moderate severity or more are to be found, by an alarm from one point
 * before the onset to five after the end. Alarms inside smaller ones and in the warm-up are ignored; alarms inside
 * what belongs to a run (hiccup, stall, short slowness, saw-tooth, period, jitter) are counted by that name; all
 * others are false. Runs with fewer than a hundred step times are not scored.
 */
final class StepTimeScore {
    private static final int FEWEST = 100;

    /** @param at numbers of the points, in the unit of the labels */
    private record Series(
            String id,
            double every,
            double[] at,
            double[] seconds,
            List<Label> labels) {}

    private record Label(String kind, String severity, double onset, double end) {
        boolean positive() {
            return (kind.equals("fail-slow") || kind.equals("creep"))
                    && (severity.equals("major") || severity.equals("moderate"));
        }

        boolean ignored() {
            return severity.equals("minor") || severity.equals("ignore");
        }
    }

    private StepTimeScore() {}

    static void runs(Path directory, StepTimeSettings settings, Report report) {
        Path runs = directory.resolve("runs/runs.csv");
        if (!Csv.exists(runs)) {
            report.line("step time: no runs/runs.csv, skipped");
            return;
        }
        score("steptime", runs(directory), settings, report);
    }

    private static List<Series> runs(Path directory) {
        Map<String, List<Label>> labels = labels(directory.resolve("runs/steptime_labels.csv"), "onset_step",
                "end_step");
        List<Series> all = new ArrayList<>();
        for (Csv.Row row : Csv.read(directory.resolve("runs/runs.csv"))) {
            String id = row.text("run_id");
            Path file = directory.resolve("runs/series/" + id + ".csv");
            if (!Csv.exists(file)) {
                continue;
            }
            List<double[]> points = new ArrayList<>();
            try {
                Csv.read(file, r -> {
                    if (r.has("iter_time_s") && r.has("step")) {
                        points.add(new double[]{r.number("step"), r.number("iter_time_s")});
                    }
                });
            } catch (UncheckedIOException e) {
                // The losses of the run, which are read first, say so.
                continue;
            }
            add(all, id, points, labels);
        }
        return all;
    }

    static void mlperf(Path directory, StepTimeSettings settings, Report report) {
        if (!Csv.exists(directory.resolve("mlperf/steps.csv"))) {
            report.line("mlperf: no mlperf/steps.csv.gz, skipped");
            return;
        }
        score("mlperf", mlperf(directory), settings, report);
    }

    private static List<Series> mlperf(Path directory) {
        Map<String, List<Label>> labels = labels(directory.resolve("mlperf/labels.csv"), "onset_idx",
                "end_idx");
        List<Series> all = new ArrayList<>();
        points(directory.resolve("mlperf/steps.csv")).forEach((id, points) -> add(all, id, points, labels));
        return all;
    }

    private static Map<String, List<double[]>> points(Path file) {
        Map<String, List<double[]>> points = new LinkedHashMap<>();
        Csv.read(file, r -> {
            if (r.has("step_time_s")) {
                points.computeIfAbsent(r.text("run_id"), id -> new ArrayList<>())
                        .add(new double[]{r.number("idx"), r.number("step_time_s")});
            }
        });
        return points;
    }

    private static void add(List<Series> all, String id, List<double[]> points,
            Map<String, List<Label>> labels) {
        if (points.size() < FEWEST) {
            return;
        }
        double[] at = points.stream().mapToDouble(p -> p[0]).toArray();
        double[] gaps = new double[at.length - 1];
        for (int i = 0; i < gaps.length; i++) {
            gaps[i] = at[i + 1] - at[i];
        }
        Arrays.sort(gaps);
        all.add(
                new Series(
                        id, gaps[gaps.length / 2], at, points.stream().mapToDouble(p -> p[1]).toArray(),
                        labels.getOrDefault(id, List.of())));
    }

    private static Map<String, List<Label>> labels(Path file, String onset, String end) {
        Map<String, List<Label>> labels = new HashMap<>();
        if (Csv.exists(file)) {
            for (Csv.Row row : Csv.read(file)) {
                labels.computeIfAbsent(row.text("run_id"), id -> new ArrayList<>())
                        .add(
                                new Label(
                                        row.text("kind"), row.text("severity"), row.number(onset),
                                        row.number(end, Double.POSITIVE_INFINITY)));
            }
        }
        return labels;
    }

    private static Map<Integer, StepTimeEvent> alarms(double[] seconds, StepTimeSettings settings) {
        StepTimeMonitor monitor = new StepTimeMonitor(settings);
        Map<Integer, StepTimeEvent> alarms = new TreeMap<>();
        for (int i = 0; i < seconds.length; i++) {
            for (StepTimeEvent event : monitor.onStep(seconds[i])) {
                if (event.kind().fault()) {
                    alarms.putIfAbsent(i, event);
                }
            }
        }
        return alarms;
    }

    /** What a monitor made of one series. */
    private record Result(
            int points,
            int events,
            int found,
            int falseAlarms,
            List<Double> latencies,
            Map<String, Integer> patterns,
            List<String[]> faults) {
        int cost() {
            return events - found + falseAlarms;
        }
    }

    private static Result result(Series series, StepTimeSettings settings) {
        Map<Integer, StepTimeEvent> alarms = alarms(series.seconds, settings);
        List<String[]> faults = new ArrayList<>();
        List<Double> latencies = new ArrayList<>();
        int events = 0;
        for (Label label : series.labels) {
            if (!label.positive()) {
                continue;
            }
            events++;
            var first = alarms.keySet().stream().filter(i -> within(series, label, series.at[i])).findFirst();
            if (first.isEmpty()) {
                faults.add(
                        new String[]{"miss", label.kind, Long.toString((long) label.onset), label.severity});
            } else {
                latencies
                        .add(Math.max(0, (series.at[first.get()] - label.onset) / Math.max(1, series.every)));
            }
        }
        int falseAlarms = 0;
        Map<String, Integer> patterns = new TreeMap<>();
        for (Map.Entry<Integer, StepTimeEvent> alarm : alarms.entrySet()) {
            String around = around(series, series.at[alarm.getKey()]);
            if (around.isEmpty()) {
                continue;
            }
            StepTimeEvent e = alarm.getValue();
            boolean wrong = around.equals("none");
            falseAlarms += wrong ? 1 : 0;
            if (!wrong) {
                patterns.merge(around, 1, Integer::sum);
            }
            faults.add(
                    new String[]{wrong ? "false alarm" : "alarm in " + around, e.kind().toString(),
                            Long.toString((long) series.at[alarm.getKey()]), text(e)});
        }
        return new Result(series.at.length, events, latencies.size(), falseAlarms, latencies, patterns,
                faults);
    }

    private static String text(StepTimeEvent e) {
        return String.format(Locale.ROOT, "%.3f times %.4g s", e.ratio(), e.referenceSeconds());
    }

    private static void score(String name, List<Series> all, StepTimeSettings settings, Report report) {
        List<Result> results = new ArrayList<>();
        Map<String, Integer> patterns = new TreeMap<>();
        for (Series series : all) {
            Result result = result(series, settings);
            results.add(result);
            result.patterns.forEach((kind, count) -> patterns.merge(kind, count, Integer::sum));
            for (String[] fault : result.faults) {
                report.fault(name, series.id, fault[0], fault[1], fault[2], fault[3]);
            }
        }
        report.figure(name + ".series", all.size());
        figures(name, name, results, report);
        patterns.forEach((kind, count) -> report.figure(name + ".alarms_in." + kind, count));
        report.line("  alarms in what belongs to a run: %s", patterns);
    }

    private static void figures(String name, String title, List<Result> results, Report report) {
        int points = results.stream().mapToInt(Result::points).sum();
        int events = results.stream().mapToInt(Result::events).sum();
        int found = results.stream().mapToInt(Result::found).sum();
        int falseAlarms = results.stream().mapToInt(Result::falseAlarms).sum();
        List<Double> latencies = results.stream().flatMap(r -> r.latencies.stream()).toList();
        report.figure(name + ".points", points);
        report.figure(name + ".events", events);
        report.figure(name + ".found", found);
        report.figure(name + ".false_alarms", falseAlarms);
        report.figure(name + ".false_alarms_per_10k", Report.share(10_000 * falseAlarms, points));
        report.figure(name + ".latency_median", Report.median(latencies));
        report.line("%-28s %d series, %d points: found %d/%d, false alarms %d (%.2f per 10k), latency %.0f",
                title,
                results.size(), points, found, events, falseAlarms,
                10_000.0 * falseAlarms / Math.max(1, points), Report.median(latencies));
    }

    /**
     * What to expect of runs that had no say in the settings: each run is scored with the settings that do best on
     * all others, by misses plus false alarms.
     */
    static void crossValidate(Path directory, Report report) {
        List<Series> all = new ArrayList<>();
        if (Csv.exists(directory.resolve("runs/runs.csv"))) {
            all.addAll(runs(directory));
        }
        if (Csv.exists(directory.resolve("mlperf/steps.csv"))) {
            all.addAll(mlperf(directory));
        }
        if (all.isEmpty()) {
            return;
        }
        List<StepTimeSettings> grid = new ArrayList<>();
        StepTimeSettings usual = StepTimeSettings.usual();
        for (double slow : new double[]{0.03, 0.04, 0.05}) {
            for (double sigmas : new double[]{1.5, 2, 2.5, 3}) {
                for (double creep : new double[]{0.06, 0.08}) {
                    grid.add(new StepTimeSettings(usual.warmUp(), slow, sigmas, creep, usual.often()));
                }
            }
        }
        List<List<Result>> results = grid.parallelStream()
                .map(settings -> all.stream().map(series -> result(series, settings)).toList())
                .toList();
        int[][] costs = results.stream()
                .map(one -> one.stream().mapToInt(Result::cost).toArray())
                .toArray(int[][]::new);
        Map<String, String> families = families(directory);
        leftOut("run", all.stream().map(Series::id).toList(), results, costs, report);
        leftOut("family", all.stream().map(s -> families.getOrDefault(s.id, s.id)).toList(), results, costs,
                report);
    }

    /** Family of a recorded run, organisation of an MLPerf run. */
    private static Map<String, String> families(Path directory) {
        Map<String, String> families = new HashMap<>();
        Map.of("runs/runs.csv", "family", "mlperf/runs.csv", "organisation").forEach((file, column) -> {
            if (Csv.exists(directory.resolve(file))) {
                Csv.read(directory.resolve(file), row -> families.put(row.text("run_id"), row.text(column)));
            }
        });
        return families;
    }

    private static void leftOut(String what, List<String> groups, List<List<Result>> results, int[][] costs,
            Report report) {
        int[] choices = LeaveOut.choose(groups, costs);
        List<Result> chosen = IntStream.range(0, choices.length)
                .mapToObj(i -> results.get(choices[i]).get(i))
                .toList();
        figures("steptime.cross_validated_by_" + what, "step time, left out by " + what, chosen, report);
    }

    private static boolean within(Series series, Label label, double at) {
        return at >= label.onset - series.every && at <= label.end + 5 * series.every;
    }

    /** Empty where an alarm is right or does not count, else the kind of what the run does there, or none. */
    private static String around(Series series, double at) {
        String found = "none";
        for (Label label : series.labels) {
            if (within(series, label, at)) {
                if (label.positive() || label.ignored()) {
                    return "";
                }
                found = found.equals("none") || found.equals("hiccup") ? label.kind : found;
            }
        }
        return found;
    }

    /** Slow-downs of known onset on recorded step times. */
    static void injected(Path directory, StepTimeSettings settings, Report report) {
        Path file = directory.resolve("injected/steptime.csv");
        Path labelFile = directory.resolve("injected/steptime_labels.csv");
        if (!Csv.exists(file) || !Csv.exists(labelFile)) {
            report.line("injected step times: no injected/steptime.csv.gz with labels, skipped");
            return;
        }
        Map<String, List<double[]>> series = points(file);
        InjectedTally tally = new InjectedTally();
        for (Csv.Row row : Csv.read(labelFile)) {
            String id = row.text("run_id");
            List<double[]> points = series.getOrDefault(id, List.of());
            if (points.isEmpty()) {
                report.line("injected step times: %s has no points, skipped", id);
                continue;
            }
            boolean none = row.text("kind").equals("none");
            String kind = row.text("kind") + " " + row.text("ratio");
            double onset = row.number("onset_idx");
            double end = row.number("end_idx", Double.POSITIVE_INFINITY);
            Double latency = null;
            for (Map.Entry<Integer, StepTimeEvent> alarm : alarms(
                    points.stream().mapToDouble(p -> p[1]).toArray(), settings).entrySet()) {
                double at = points.get(alarm.getKey())[0];
                if (!none && at >= onset - 1 && at <= end + 5) {
                    latency = latency == null ? Double.valueOf(Math.max(0, at - onset)) : latency;
                } else {
                    tally.falseAlarm();
                    StepTimeEvent e = alarm.getValue();
                    report.fault("steptime.injected", id, "false alarm", e.kind().toString(), (long) at,
                            text(e));
                }
            }
            if (latency != null) {
                tally.found(kind, latency);
            } else if (!none) {
                tally.missed(kind);
                report.fault("steptime.injected", id, "miss", kind, (long) onset, "");
            }
        }
        tally.print("injected step times", "steptime.injected", report);
    }
}

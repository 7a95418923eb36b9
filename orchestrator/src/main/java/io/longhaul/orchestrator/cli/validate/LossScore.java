package io.longhaul.orchestrator.cli.validate;

import io.longhaul.monitor.loss.LossEvent;
import io.longhaul.monitor.loss.LossEvent.Grade;
import io.longhaul.monitor.loss.LossMonitor;
import io.longhaul.monitor.loss.LossPoint;
import io.longhaul.monitor.loss.LossSettings;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The loss detectors on recorded runs and on injected faults.
 *
 * <p>Definitions: an event is found by an alarm from one point before its onset to five points after its end;
 * alarms inside minor events are ignored, alarms inside data outliers counted apart, all others are false. Latency
 * is counted in points. Runs that log every hundred steps or more seldom, and excerpts of a few points, are
 * scored apart.
 */
final class LossScore {
    private static final int SPARSE = 101;
    private static final int EXCERPT = 100;

    /**
     * @param background the run itself, or the one that a fault was injected into
     * @param ignoreUntil points of the warm-up are not scored
     */
    private record Run(
            String id,
            String background,
            String family,
            double every,
            double ignoreUntil,
            List<LossPoint> points,
            List<Label> labels) {
        boolean sparse() {
            return every >= SPARSE || points.size() < EXCERPT;
        }

        int index(double step) {
            int at = 0;
            while (at < points.size() && points.get(at).step() < step) {
                at++;
            }
            return at;
        }
    }

    private record Label(String kind, String severity, double onset, double end) {
        boolean positive() {
            return severity.equals("major") || severity.equals("critical");
        }
    }

    /** What a monitor made of one run. */
    private record Result(
            int points,
            int positives,
            int found,
            int falseAlarms,
            int outlierAlarms,
            Acted acted,
            List<Double> latencies,
            List<String[]> faults) {}

    /**
     * Critical alarms, on which a run would be rolled back: in labelled divergence or NaN, in spikes that came back by
     * themselves, and outside of both.
     */
    private record Acted(int diverged, int hasty, int elsewhere) {
        Acted plus(Acted other) {
            return new Acted(diverged + other.diverged, hasty + other.hasty, elsewhere + other.elsewhere);
        }
    }

    private LossScore() {}

    static void score(Path directory, LossSettings settings, Report report) {
        Path runs = directory.resolve("runs/runs.csv");
        if (!Csv.exists(runs)) {
            report.line("loss: no runs/runs.csv, skipped");
            return;
        }
        List<Run> all = runs(directory, report);
        total(report, "loss", all.stream().filter(r -> !r.sparse()).toList(), settings, true);
        List<Run> sparse = all.stream().filter(Run::sparse).toList();
        if (!sparse.isEmpty()) {
            total(report, "sparse", sparse, settings, false);
        }
    }

    /**
     * What to expect of runs that had no say in the settings: each run, and what was injected into it, is scored with
     * the settings that do best on all others, by misses plus false alarms.
     */
    static void crossValidate(Path directory, Report report) {
        List<Run> runs = Csv.exists(directory.resolve("runs/runs.csv"))
                ? runs(directory, new Report()).stream().filter(r -> !r.sparse()).toList()
                : List.of();
        List<Run> injected = injected(directory, new Report());
        List<Run> all = Stream.concat(runs.stream(), injected.stream()).toList();
        if (all.isEmpty()) {
            return;
        }
        LossSettings usual = LossSettings.usual();
        List<LossSettings> grid = new ArrayList<>();
        for (double sigmas : new double[]{5.5, 6, 7}) {
            for (double spreads : new double[]{2.75, 3.1, 3.5}) {
                for (double noise : new double[]{2.2, 2.5, 2.8}) {
                    for (double level : new double[]{5.5, 6, 6.5, 8}) {
                        grid.add(
                                new LossSettings(usual.warmUp(), sigmas, spreads, usual.spreadPoints(),
                                        usual.driftSigmas(), noise, level));
                    }
                }
            }
        }
        List<List<Result>> results = grid.parallelStream()
                .map(settings -> all.stream().map(run -> run(run, settings)).toList())
                .toList();
        Map<String, String> families = new HashMap<>();
        runs.forEach(run -> families.put(run.id, run.family));
        leftOut(report, "run", all.stream().map(Run::background).toList(), grid, results, runs.size());
        leftOut(report, "family",
                all.stream().map(r -> families.getOrDefault(r.background, r.background)).toList(), grid,
                results,
                runs.size());
    }

    /** @param recorded number of recorded runs, which come first; injected ones follow */
    private static void leftOut(Report report, String what, List<String> groups, List<LossSettings> grid,
            List<List<Result>> results, int recorded) {
        int[] choices = LeaveOut.choose(groups, results.stream()
                .map(all -> all.stream().mapToInt(r -> r.positives - r.found + r.falseAlarms).toArray())
                .toArray(int[][]::new));
        List<Result> chosen = new ArrayList<>();
        Map<String, Integer> settings = new TreeMap<>();
        for (int i = 0; i < choices.length; i++) {
            chosen.add(results.get(choices[i]).get(i));
            LossSettings s = grid.get(choices[i]);
            settings.merge(s.sigmas() + " sigma, " + s.spreads() + " spreads, noise " + s.noise() + ", level "
                    + s.level(), 1,
                    Integer::sum);
        }
        if (recorded > 0) {
            Result sum = sum(chosen.subList(0, recorded));
            String name = "loss.cross_validated_by_" + what;
            report.figure(name + ".recall", Report.share(sum.found, sum.positives));
            report.figure(name + ".false_alarms_per_10k", Report.share(10_000 * sum.falseAlarms, sum.points));
            report.figure(name + ".latency_median", Report.median(sum.latencies));
            row(report, "loss, left out by " + what, sum);
        }
        if (recorded < chosen.size()) {
            Result sum = sum(chosen.subList(recorded, chosen.size()));
            String name = "injected.cross_validated_by_" + what;
            report.figure(name + ".found", sum.found);
            report.figure(name + ".total", sum.positives);
            report.figure(name + ".false_alarms", sum.falseAlarms);
            report.line("injected, left out by %s: found %d/%d, false alarms %d", what, sum.found,
                    sum.positives,
                    sum.falseAlarms);
        }
        report.line("  settings chosen: %s", settings);
    }

    private static void total(Report report, String name, List<Run> runs, LossSettings settings,
            boolean families) {
        Map<String, List<Result>> byFamily = new LinkedHashMap<>();
        List<Result> all = new ArrayList<>();
        for (Run run : runs) {
            Result result = run(run, settings);
            all.add(result);
            byFamily.computeIfAbsent(run.family, f -> new ArrayList<>()).add(result);
            for (String[] fault : result.faults) {
                report.fault(name, run.id, fault[0], fault[1], fault[2], fault[3]);
            }
        }
        Result sum = sum(all);
        report.figure(name + ".points", sum.points);
        report.figure(name + ".positives", sum.positives);
        report.figure(name + ".found", sum.found);
        report.figure(name + ".recall", Report.share(sum.found, sum.positives));
        report.figure(name + ".precision", Report.share(sum.found, sum.found + sum.falseAlarms));
        report.figure(name + ".false_alarms", sum.falseAlarms);
        report.figure(name + ".false_alarms_per_10k", Report.share(10_000 * sum.falseAlarms, sum.points));
        report.figure(name + ".outlier_alarms_per_10k",
                Report.share(10_000 * sum.outlierAlarms, sum.points));
        report.figure(name + ".latency_median", Report.median(sum.latencies));
        report.figure(name + ".latency_p90", Report.quantile(sum.latencies, 0.9));
        report.figure(name + ".acted_on_divergence", sum.acted.diverged);
        report.figure(name + ".acted_on_spikes_that_came_back", sum.acted.hasty);
        report.figure(name + ".acted_elsewhere", sum.acted.elsewhere);
        report.line("%-28s %8s %9s %7s %9s %8s %9s %8s", name, "points", "found", "recall", "precision",
                "false", "per 10k", "outliers");
        if (families) {
            byFamily.forEach((family, results) -> row(report, "  " + family, sum(results)));
        }
        row(report, "  all", sum);
        report.line("  latency in points: median %.1f, 90 %% below %.1f", Report.median(sum.latencies),
                Report.quantile(sum.latencies, 0.9));
        report.line(
                "  critical, to be acted on: %d in runs that diverge, %d in spikes that came back, %d elsewhere",
                sum.acted.diverged, sum.acted.hasty, sum.acted.elsewhere);
    }

    private static void row(Report report, String name, Result r) {
        report.line("%-28s %8d %9s %7.3f %9.3f %8d %9.2f %8d", name, r.points, r.found + "/" + r.positives,
                Report.share(r.found, r.positives), Report.share(r.found, r.found + r.falseAlarms),
                r.falseAlarms,
                10_000.0 * r.falseAlarms / Math.max(1, r.points), r.outlierAlarms);
    }

    private static Result sum(List<Result> results) {
        List<Double> latencies = new ArrayList<>();
        int points = 0;
        int positives = 0;
        int found = 0;
        int falseAlarms = 0;
        int outlierAlarms = 0;
        Acted acted = new Acted(0, 0, 0);
        for (Result r : results) {
            acted = acted.plus(r.acted);
            points += r.points;
            positives += r.positives;
            found += r.found;
            falseAlarms += r.falseAlarms;
            outlierAlarms += r.outlierAlarms;
            latencies.addAll(r.latencies);
        }
        return new Result(points, positives, found, falseAlarms, outlierAlarms, acted, latencies, List.of());
    }

    private static List<Run> runs(Path directory, Report report) {
        Map<String, List<Label>> labels = new HashMap<>();
        Path labelFile = directory.resolve("runs/loss_labels.csv");
        if (Csv.exists(labelFile)) {
            for (Csv.Row row : Csv.read(labelFile)) {
                labels.computeIfAbsent(row.text("run_id"), id -> new ArrayList<>())
                        .add(
                                new Label(
                                        row.text("kind"), row.text("severity"), row.number("onset_step"),
                                        row.number("end_step", Double.POSITIVE_INFINITY)));
            }
        }
        List<Run> runs = new ArrayList<>();
        for (Csv.Row row : Csv.read(directory.resolve("runs/runs.csv"))) {
            String id = row.text("run_id");
            Path series = directory.resolve("runs/series/" + id + ".csv");
            if (!Csv.exists(series)) {
                report.line("loss: run %s has no series, skipped", id);
                continue;
            }
            try {
                runs.add(
                        new Run(
                                id, id, row.text("family"), row.number("log_every", 1),
                                row.number("ignore_until_step", 0),
                                points(series), labels.getOrDefault(id, List.of())));
            } catch (UncheckedIOException e) {
                report.line("loss: run %s skipped: %s", id, String.valueOf(e.getMessage()));
            }
        }
        return runs;
    }

    /** A loss that was not recorded is no point, unless the loss scale says why. */
    private static List<LossPoint> points(Path series) {
        List<LossPoint> points = new ArrayList<>();
        Csv.read(series, row -> {
            if (row.has("step") && (row.has("loss") || row.has("loss_scale"))) {
                points.add(point(row));
            }
        });
        return points;
    }

    private static LossPoint point(Csv.Row row) {
        return new LossPoint(
                (long) row.number("step"), optional(row, "loss"), optional(row, "grad_norm"),
                optional(row, "loss_scale"), (long) row.number("nan_iters", 0));
    }

    private static OptionalDouble optional(Csv.Row row, String column) {
        return row.has(column) ? OptionalDouble.of(row.number(column)) : OptionalDouble.empty();
    }

    private static List<LossEvent> alarms(List<LossPoint> points, LossSettings settings) {
        LossMonitor monitor = new LossMonitor(settings);
        List<LossEvent> alarms = new ArrayList<>();
        for (LossPoint point : points) {
            for (LossEvent event : monitor.onPoint(point)) {
                if (event.grade() != Grade.BENIGN) {
                    alarms.add(event);
                }
            }
        }
        return alarms;
    }

    private static Result run(Run run, LossSettings settings) {
        List<LossEvent> alarms = alarms(run.points, settings);
        List<String[]> faults = new ArrayList<>();
        List<Double> latencies = new ArrayList<>();
        int positives = 0;
        for (Label label : run.labels) {
            if (!label.positive() || label.onset < run.ignoreUntil) {
                continue;
            }
            positives++;
            double from = label.onset - run.every;
            double to = label.end + 5 * run.every;
            var first = alarms.stream().filter(a -> a.step() >= from && a.step() <= to).findFirst();
            if (first.isEmpty()) {
                faults.add(new String[]{"miss", label.kind, text(label.onset), label.severity});
            } else {
                latencies.add(
                        Math.max(0.0,
                                run.index(first.get().step()) - (double) run.index(label.onset)));
            }
        }
        int falseAlarms = 0;
        int outlierAlarms = 0;
        Set<String> counted = new HashSet<>();
        for (LossEvent alarm : alarms) {
            if (alarm.step() < run.ignoreUntil) {
                continue;
            }
            String around = around(run, alarm.step());
            if (around.equals("none") && counted.add(alarm.kind() + " " + alarm.onset())) {
                falseAlarms++;
                faults.add(fault("false alarm", alarm));
            } else if (around.equals("info") && counted.add(alarm.kind() + " " + alarm.onset())) {
                outlierAlarms++;
                faults.add(fault("alarm on data outlier", alarm));
            }
        }
        int points = run.points.size() - run.index(run.ignoreUntil);
        return new Result(points, positives, latencies.size(), falseAlarms, outlierAlarms, acted(run, alarms),
                latencies, faults);
    }

    private static Acted acted(Run run, List<LossEvent> alarms) {
        Acted acted = new Acted(0, 0, 0);
        for (LossEvent alarm : alarms) {
            if (alarm.grade() == Grade.CRITICAL && alarm.step() >= run.ignoreUntil) {
                List<String> kinds = run.labels.stream()
                        .filter(l -> l.positive() && alarm.step() >= l.onset - run.every
                                && alarm.step() <= l.end + 5 * run.every)
                        .map(Label::kind)
                        .toList();
                boolean lost = kinds.stream().anyMatch(kind -> !kind.startsWith("spike"));
                acted = acted.plus(
                        new Acted(lost ? 1 : 0, !lost && !kinds.isEmpty() ? 1 : 0, kinds.isEmpty() ? 1 : 0));
            }
        }
        return acted;
    }

    private static String[] fault(String what, LossEvent a) {
        String detail = String.format(Locale.ROOT, "%s, onset %d, %.4f for %.4f, %.1f sigma", a.grade(),
                a.onset(),
                a.value(), a.baseline(), a.deviations());
        return new String[]{what, a.kind().toString(), Long.toString(a.step()), detail};
    }

    /** The gravest label around a step. */
    private static String around(Run run, long step) {
        String found = "none";
        for (Label label : run.labels) {
            if (step >= label.onset - run.every && step <= label.end + 5 * run.every) {
                if (!label.severity.equals("info")) {
                    return label.severity;
                }
                found = "info";
            }
        }
        return found;
    }

    /** Faults of known onset in quiet curves. Everything outside of them is false. */
    static void injected(Path directory, LossSettings settings, Report report) {
        List<Run> runs = injected(directory, report);
        if (runs.isEmpty()) {
            report.line("injected losses: no injected/loss.csv.gz with labels, skipped");
            return;
        }
        InjectedTally tally = new InjectedTally();
        for (Run run : runs) {
            Result result = run(run, settings);
            for (String[] fault : result.faults) {
                report.fault("injected", run.id, fault[0], fault[1], fault[2], fault[3]);
            }
            for (int i = 0; i < result.falseAlarms; i++) {
                tally.falseAlarm();
            }
            for (Label label : run.labels) {
                if (result.latencies.isEmpty()) {
                    tally.missed(label.kind);
                } else {
                    tally.found(label.kind, result.latencies.getFirst());
                }
            }
        }
        tally.print("injected losses", "injected", report);
    }

    /** One run for each injected fault; all of them are to be found, however small. */
    private static List<Run> injected(Path directory, Report report) {
        Path file = directory.resolve("injected/loss.csv");
        Path labelFile = directory.resolve("injected/loss_labels.csv");
        if (!Csv.exists(file) || !Csv.exists(labelFile)) {
            return List.of();
        }
        Map<String, List<LossPoint>> series = new LinkedHashMap<>();
        Csv.read(file, row -> series.computeIfAbsent(row.text("run_id"), id -> new ArrayList<>())
                .add(point(row)));
        List<Run> runs = new ArrayList<>();
        for (Csv.Row row : Csv.read(labelFile)) {
            String id = row.text("run_id");
            String kind = row.text("kind");
            List<LossPoint> points = series.getOrDefault(id, List.of());
            if (points.isEmpty()) {
                report.line("injected losses: %s has no points, skipped", id);
                continue;
            }
            double every = points.size() > 1 ? points.get(1).step() - points.get(0).step() : 1;
            double end = row.number("end_step", Double.POSITIVE_INFINITY);
            List<Label> labels = kind.equals("none")
                    ? List.of()
                    : List.of(new Label(kind, "major", row.number("onset_step"), end));
            String background = row.text("background").isEmpty() ? id : row.text("background");
            runs.add(new Run(id, background, kind, every, Double.NEGATIVE_INFINITY, points, labels));
        }
        return runs;
    }

    private static String text(double step) {
        return step == Math.rint(step) ? Long.toString((long) step) : Double.toString(step);
    }
}

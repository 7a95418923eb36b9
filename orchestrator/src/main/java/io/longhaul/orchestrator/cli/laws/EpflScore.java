package io.longhaul.orchestrator.cli.laws;

import io.longhaul.laws.LossCurve;
import io.longhaul.laws.MultiPowerLaw;
import io.longhaul.laws.RateHistory;
import io.longhaul.orchestrator.cli.laws.Rows.Row;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * Folder {@code epfl_schedules}: a constant run, a short decay and a slow one of a model and peak rate are fitted; the
 * final losses of its other runs are predicted, and the best schedule of a horizon chosen. The interval of a
 * prediction is that of the errors of all other models and peaks.
 */
final class EpflScore {
    private static final int SETTLED = 2000;
    private static final int SHORTEST = 20000;
    private static final double SHORT_DECAY = 0.25;
    private static final double SLOW_DECAY = 0.6;
    private static final double LEVEL = 0.9;
    private static final int LEAST_HISTORY = 10;
    /** Half of an interval without a history of errors, once a slow decay was seen; doublings of the horizon widen it. */
    private static final double COLD_HALF_WIDTH = 0.006;

    private EpflScore() {}

    private record Run(String name, Row row, RateHistory history, LossCurve curve) {
        private int iterations() {
            return history.steps();
        }

        private double decay() {
            return row.has("decay_fraction") ? row.number("decay_fraction") : 0;
        }

        private boolean cosine() {
            return row.text("scheduler").equals("cos");
        }

        private boolean constant() {
            return !cosine() && decay() == 0;
        }

        private boolean main() {
            return row.text("group").equals("main");
        }
    }

    /**
     * @param predicted loss at the last measured point of the curve
     * @param atEnd at the last step, where the final loss is measured: up to 200 steps later, in which a short decay
     *     still falls
     */
    private record Prediction(
            String group,
            Run run,
            double predicted,
            double atEnd,
            double finalLoss,
            double ratio) {
        private double error() {
            return Math.abs(predicted - run.curve().losses()[run.curve().losses().length - 1]);
        }
    }

    static void score(Path folder, Path fitFolder, Figures figures) {
        Map<String, List<Run>> tested = groups(folder, figures);
        Map<String, List<Run>> known = folder.equals(fitFolder) ? tested : groups(fitFolder, figures);
        List<Prediction> predictions = new ArrayList<>();
        Map<Integer, Double> regrets = new TreeMap<>();
        tested.forEach((group, runs) -> {
            List<Run> fit = chosen(known.getOrDefault(group, List.of()));
            if (fit.isEmpty()) {
                figures.say(
                        "  %s: %d runs, without a constant run, a short and a slow decay to fit: abstains",
                        group,
                        runs.size());
                return;
            }
            MultiPowerLaw law = MultiPowerLaw.fit(
                    fit.stream().map(Run::curve).toList(), MultiPowerLaw.Shape.FADING);
            List<String> seen = fit.stream().map(Run::name).toList();
            int longest = fit.stream().mapToInt(Run::iterations).max().orElseThrow();
            List<Prediction> here = new ArrayList<>();
            for (Run run : runs) {
                int[] steps = run.curve().steps();
                Prediction prediction = new Prediction(
                        group, run, law.loss(run.history(), steps[steps.length - 1]),
                        law.loss(run.history(), run.iterations() - 1),
                        run.row().has("final_val_loss") ? run.row().number("final_val_loss") : Double.NaN,
                        (double) run.iterations() / longest);
                here.add(prediction);
                boolean test = !seen.contains(run.name());
                figures.curve(
                        "epfl_schedules", group, run.name(), test ? "test" : "fit", steps.length,
                        prediction.error());
                if (test) {
                    predictions.add(prediction);
                }
            }
            figures.say(
                    "  %s: fitted to %s, %d runs predicted, mean absolute error of the final loss %.4f",
                    group,
                    seen, here.size() - seen.size(),
                    here.stream()
                            .filter(p -> !seen.contains(p.run().name()))
                            .mapToDouble(Prediction::error)
                            .average()
                            .orElse(Double.NaN));
            for (int horizon : new int[]{25000, 50000}) {
                regret(here, horizon, figures).ifPresent(regret -> regrets.merge(horizon, regret, Math::max));
            }
        });
        regrets.forEach((horizon, regret) -> figures.put("epfl.regret_" + horizon / 1000 + "k", regret));
        if (!predictions.isEmpty()) {
            figures.put("epfl.interval90_coverage", coverage(predictions));
            figures.put(
                    "epfl.final_mae",
                    predictions.stream().mapToDouble(Prediction::error).average().orElseThrow());
        }
    }

    /** What choosing by the law costs against the best of the schedules that were run. */
    private static Optional<Double> regret(List<Prediction> here, int horizon, Figures figures) {
        List<Prediction> candidates = here.stream()
                .filter(p -> p.run().main() && !p.run().constant())
                .filter(p -> p.run().iterations() == horizon && !Double.isNaN(p.finalLoss()))
                .toList();
        if (candidates.size() < 3) {
            return Optional.empty();
        }
        Prediction chosen = candidates.stream()
                .min(Comparator.comparingDouble(Prediction::atEnd))
                .orElseThrow();
        Prediction best = candidates.stream()
                .min(Comparator.comparingDouble(Prediction::finalLoss))
                .orElseThrow();
        figures.say(
                "    %d steps, %d schedules: chosen %s (%.4f), best %s (%.4f)", horizon, candidates.size(),
                chosen.run().name(), chosen.finalLoss(), best.run().name(), best.finalLoss());
        return Optional.of(chosen.finalLoss() - best.finalLoss());
    }

    /**
     * Share of the runs in their intervals. The half-width is that before any history, or if wider the quantile of the
     * errors of the other group with the nearest peak rate, in proportion to the peaks: what a decay gains, and with it
     * the error, grows with the peak.
     */
    private static double coverage(List<Prediction> predictions) {
        Map<String, List<Prediction>> groups = predictions.stream()
                .collect(Collectors.groupingBy(Prediction::group, LinkedHashMap::new, Collectors.toList()));
        int covered = 0;
        for (Prediction prediction : predictions) {
            double cold = COLD_HALF_WIDTH * (1 + Math.max(0, Math.log(prediction.ratio()) / Math.log(2)));
            double known = groups.entrySet()
                    .stream()
                    .filter(other -> !other.getKey().equals(prediction.group()))
                    .map(Map.Entry::getValue)
                    .filter(other -> other.size() >= LEAST_HISTORY)
                    .min(Comparator.comparingDouble(other -> Math.abs(Math.log(peaks(prediction, other)))))
                    .map(other -> quantile(other) * peaks(prediction, other))
                    .orElse(0.0);
            covered += prediction.error() <= Math.max(cold, known) ? 1 : 0;
        }
        return (double) covered / predictions.size();
    }

    private static double peaks(Prediction prediction, List<Prediction> others) {
        return peak(prediction) / peak(others.getFirst());
    }

    private static double peak(Prediction prediction) {
        return prediction.run().history().peak();
    }

    private static double quantile(List<Prediction> predictions) {
        double[] errors = predictions.stream().mapToDouble(Prediction::error).sorted().toArray();
        return errors[Math.min((int) Math.ceil(LEVEL * (errors.length + 1)), errors.length) - 1];
    }

    private static List<Run> chosen(List<Run> runs) {
        Comparator<Run> shortest = Comparator.comparingInt(Run::iterations);
        Optional<Run> constant = first(
                runs, run -> run.constant() && run.row().text("resumed").equals("False"),
                shortest.reversed());
        Optional<Run> brief = first(
                runs, run -> !run.cosine() && run.decay() > 0 && run.decay() <= SHORT_DECAY,
                Comparator.comparingDouble(Run::decay).reversed().thenComparing(shortest));
        Optional<Run> slow = first(
                runs, run -> run.cosine() && low(run) < 0.01 * run.history().peak(), shortest)
                .or(() -> first(runs, run -> !run.cosine() && run.decay() >= SLOW_DECAY, shortest));
        return constant.isPresent() && brief.isPresent() && slow.isPresent()
                ? List.of(constant.get(), brief.get(), slow.get())
                : List.of();
    }

    private static Optional<Run> first(List<Run> runs, Predicate<Run> wanted, Comparator<Run> order) {
        return runs.stream()
                .filter(run -> run.main() && run.iterations() >= SHORTEST)
                .filter(wanted)
                .min(order);
    }

    private static double low(Run run) {
        return run.history().rate(run.iterations() - 1);
    }

    /** Runs by data, model, batch and peak rate. */
    private static Map<String, List<Run>> groups(Path folder, Figures figures) {
        Map<String, TreeMap<Integer, Double>> losses = new HashMap<>();
        for (Row row : Rows.read(folder, "curves.csv")) {
            if (row.has("val_loss") && row.number("iter") >= SETTLED) {
                losses.computeIfAbsent(row.text("run"), k -> new TreeMap<>())
                        .put((int) row.number("iter"), row.number("val_loss"));
            }
        }
        Map<String, List<Run>> groups = new LinkedHashMap<>();
        int left = 0;
        for (Row row : Rows.read(folder, "runs.csv")) {
            Optional<double[]> rates = rates(row);
            TreeMap<Integer, Double> points = losses.getOrDefault(row.text("run"), new TreeMap<>());
            rates.ifPresent(all -> points.tailMap(all.length, true).clear());
            if (rates.isEmpty() || points.size() < 3) {
                left++;
                continue;
            }
            RateHistory history = RateHistory.of(rates.get());
            LossCurve curve = new LossCurve(
                    history, points.keySet().stream().mapToInt(step -> step).toArray(),
                    points.values().stream().mapToDouble(loss -> loss).toArray());
            groups.computeIfAbsent(
                    String.join(
                            " ", row.text("dataset"), row.text("params_total"), row.text("peak_lr"),
                            row.text("seqs_per_step")),
                    k -> new ArrayList<>()).add(new Run(row.text("run"), row, history, curve));
        }
        if (left > 0) {
            figures.say("  %d runs of other schedules or without losses: left out", left);
        }
        return groups;
    }

    /** Learning rate of every step from 0; empty for kinds of schedule that are not built here. */
    private static Optional<double[]> rates(Row row) {
        boolean cosine = row.text("scheduler").equals("cos");
        if (!cosine && !row.text("scheduler").equals("wsd") || row.text("group").equals("horizon")) {
            return Optional.empty();
        }
        double peak = row.number("peak_lr");
        int warmup = (int) row.number("warmup_steps");
        int total = (int) row.number("iterations");
        double decay = row.has("decay_fraction") ? row.number("decay_fraction") : 0;
        double end = row.has("cos_final_lr") && row.number("cos_final_lr") >= 0
                ? row.number("cos_final_lr")
                : 0.1 * peak;
        int start = cosine ? warmup : (int) Math.round(total * (1 - decay));
        double[] rates = new double[total];
        for (int t = 0; t < total; t++) {
            double part = (t - start) / (double) (total - start);
            if (t < warmup) {
                rates[t] = peak * (t + 1) / warmup;
            } else if (cosine) {
                rates[t] = end + (peak - end) / 2 * (1 + Math.cos(Math.PI * part));
            } else if (part <= 0 || decay == 0) {
                rates[t] = peak;
            } else {
                rates[t] = peak * (row.text("decay_type").equals("sqrt") ? 1 - Math.sqrt(part) : 1 - part);
            }
        }
        return Optional.of(rates);
    }
}

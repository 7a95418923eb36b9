package io.longhaul.orchestrator.cli.laws;

import io.longhaul.laws.AnnealingLaw;
import io.longhaul.laws.LossCurve;
import io.longhaul.laws.MultiPowerLaw;
import io.longhaul.laws.RateHistory;
import io.longhaul.orchestrator.cli.laws.Rows.Row;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Folder {@code mpl}: fitted to three schedules of a size, tried on its others. */
final class MplScore {
    private static final List<String> FITTED = List.of("cosine_24000", "constant_24000", "wsdcon_9");
    static final int WARMUP = 2160;
    private static final double PEAK = 3e-4;
    private static final double LOW = 3e-5;

    private MplScore() {}

    static void score(Path folder, Path fitFolder, Figures figures) {
        Map<String, Map<String, LossCurve>> tested = curves(folder, figures);
        Map<String, Map<String, LossCurve>> seen = fitFolder.equals(folder)
                ? tested
                : curves(fitFolder, figures);
        tested.forEach((size, curves) -> {
            Map<String, LossCurve> known = seen.getOrDefault(size, Map.of());
            List<LossCurve> fit = FITTED.stream().filter(known::containsKey).map(known::get).toList();
            if (fit.isEmpty()) {
                figures.say("  %s: none of the schedules to fit (%s) is present", size, FITTED);
                return;
            }
            size(size, fit, curves, figures);
        });
    }

    private static void size(
            String size, List<LossCurve> fit, Map<String, LossCurve> curves, Figures figures) {
        double before = Cpu.seconds();
        MultiPowerLaw law = MultiPowerLaw.fit(fit, MultiPowerLaw.Shape.FADING);
        double seconds = Cpu.seconds() - before;
        MultiPowerLaw published = MultiPowerLaw.fit(fit, MultiPowerLaw.Shape.PUBLISHED);
        AnnealingLaw annealing = AnnealingLaw.fit(fit);
        figures.say("  %s, mean absolute error in nats: fading gains | as published | annealing law", size);
        double[] sums = new double[3];
        double worst = 0;
        int tests = 0;
        for (Map.Entry<String, LossCurve> entry : curves.entrySet()) {
            LossCurve curve = entry.getValue();
            double[] errors = {error(curve, law.losses(curve.history(), curve.steps())),
                    error(curve, published.losses(curve.history(), curve.steps())),
                    error(curve, annealing.losses(curve.history(), curve.steps()))};
            boolean test = !FITTED.contains(entry.getKey());
            figures.say(
                    "    %-20s %-4s %.5f | %.5f | %.5f", entry.getKey(), test ? "test" : "fit", errors[0],
                    errors[1], errors[2]);
            figures.curve(
                    "mpl", size, entry.getKey(), test ? "test" : "fit", curve.steps().length, errors[0]);
            if (test) {
                tests++;
                worst = Math.max(worst, errors[0]);
                for (int i = 0; i < sums.length; i++) {
                    sums[i] += errors[i];
                }
            }
        }
        if (tests > 0) {
            figures.say(
                    "    mean of %d tests            %.5f | %.5f | %.5f", tests, sums[0] / tests,
                    sums[1] / tests, sums[2] / tests);
            figures.put("mpl." + size + ".mae", sums[0] / tests);
            figures.put("mpl." + size + ".worst_curve_mae", worst);
        } else {
            figures.say("    no other schedule is present: nothing to test");
        }
        figures.put("mpl." + size + ".fit_cpu_seconds", seconds);
    }

    private static double error(LossCurve curve, double[] predicted) {
        double[] losses = curve.losses();
        double sum = 0;
        for (int i = 0; i < losses.length; i++) {
            sum += Math.abs(predicted[i] - losses[i]);
        }
        return sum / losses.length;
    }

    private static Map<String, Map<String, LossCurve>> curves(Path folder, Figures figures) {
        Map<String, Map<String, List<Row>>> rows = new LinkedHashMap<>();
        for (Row row : Rows.read(folder, "curves.csv")) {
            rows.computeIfAbsent(row.text("model"), k -> new LinkedHashMap<>())
                    .computeIfAbsent(row.text("schedule"), k -> new ArrayList<>())
                    .add(row);
        }
        Map<String, Map<String, LossCurve>> curves = new LinkedHashMap<>();
        rows.forEach((size, schedules) -> schedules.forEach((schedule, points) -> {
            Optional<double[]> rates = rates(schedule);
            if (rates.isEmpty()) {
                figures.say("  %s: schedule %s is of no known kind: left out", size, schedule);
                return;
            }
            // Steps at the end of the schedule lie outside of its array, as for the authors.
            List<Row> inside = points.stream()
                    .filter(row -> row.number("step") < rates.get().length)
                    .toList();
            if (inside.isEmpty()) {
                figures.say("  %s: %s has no point within its schedule: left out", size, schedule);
                return;
            }
            curves.computeIfAbsent(size, k -> new LinkedHashMap<>())
                    .put(schedule, curve(RateHistory.of(rates.get()), inside));
        }));
        return curves;
    }

    static LossCurve curve(RateHistory history, List<Row> rows) {
        try {
            return new LossCurve(
                    history, rows.stream().mapToInt(row -> (int) row.number("step")).toArray(),
                    rows.stream().mapToDouble(row -> row.number("loss")).toArray());
        } catch (IllegalArgumentException e) {
            throw new Rows.BadDataException(rows.getFirst().file() + ": " + e.getMessage());
        }
    }

    /** Learning rate of every step from 0, after the names of the data's README. */
    static Optional<double[]> rates(String schedule) {
        String[] parts = schedule.split("_");
        int[] numbers;
        try {
            numbers = Arrays.stream(parts).skip(1).mapToInt(Integer::parseInt).toArray();
        } catch (NumberFormatException e) {
            return Optional.empty();
        }
        String kind = parts[0];
        int wanted = kind.startsWith("wsd") && !kind.equals("wsdcon") ? 2 : 1;
        if (numbers.length != wanted
                || !List.of("cosine", "constant", "wsd", "wsdld", "wsdcon").contains(kind)) {
            return Optional.empty();
        }
        int total = kind.equals("wsdcon") ? 16000 : numbers[wanted - 1];
        double[] rates = new double[total];
        for (int t = 0; t < total; t++) {
            double part = wanted == 2 ? (t - numbers[0]) / (double) (total - numbers[0]) : 0;
            rates[t] = t < WARMUP ? PEAK * t / (WARMUP - 1) : switch (kind) {
                case "cosine" -> LOW
                        + (PEAK - LOW) / 2 * (1 + Math.cos(Math.PI * (t - WARMUP) / (total - WARMUP)));
                case "wsd" -> part < 0 ? PEAK : PEAK * Math.pow(LOW / PEAK, part);
                case "wsdld" -> part < 0 ? PEAK : PEAK + (LOW - PEAK) * part;
                case "wsdcon" -> t < 8000 ? PEAK : numbers[0] * 1e-5;
                default -> PEAK;
            };
        }
        return Optional.of(rates);
    }
}

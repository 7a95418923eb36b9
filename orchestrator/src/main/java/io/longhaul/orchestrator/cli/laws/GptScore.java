package io.longhaul.orchestrator.cli.laws;

import io.longhaul.laws.LossCurve;
import io.longhaul.laws.MultiPowerLaw;
import io.longhaul.laws.RateHistory;
import io.longhaul.orchestrator.cli.laws.Rows.Row;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Folder {@code gpt100m_20b}: every schedule's losses predicted from the other schedules'. */
final class GptScore {
    private static final int MEAN_OVER = 100;
    private static final int SETTLED = 1000;
    /** Share of a run at one rate without which its decay cannot be told from its progress. */
    private static final double PLATEAU = 0.1;

    private GptScore() {}

    static void score(Path folder, Path fitFolder, Figures figures) {
        Map<String, LossCurve> test = curves(folder);
        Map<String, LossCurve> fit = curves(fitFolder);
        double sum = 0;
        int tests = 0;
        for (Map.Entry<String, LossCurve> entry : test.entrySet()) {
            List<LossCurve> others = fit.entrySet()
                    .stream()
                    .filter(other -> !other.getKey().equals(entry.getKey()))
                    .map(Map.Entry::getValue)
                    .toList();
            if (others.isEmpty()) {
                figures.say("  %s: no other schedule to fit to", entry.getKey());
                continue;
            }
            LossCurve curve = entry.getValue();
            double[] predicted = MultiPowerLaw.fit(others, MultiPowerLaw.Shape.FADING)
                    .losses(curve.history(), curve.steps());
            double error = 0;
            for (int i = 0; i < predicted.length; i++) {
                error += Math.abs(predicted[i] - curve.losses()[i]) / predicted.length;
            }
            boolean identified = others.stream().anyMatch(other -> plateau(other.history()));
            figures.say(
                    "  %s: mean absolute error %.4f%s", entry.getKey(), error,
                    identified
                            ? ""
                            : "; what a decay gains cannot be told from the other schedules: abstains");
            figures.curve(
                    "gpt100m_20b", "100M", entry.getKey(), identified ? "test" : "abstained",
                    predicted.length, error);
            if (identified) {
                sum += error;
                tests++;
            }
        }
        if (tests > 0) {
            figures.put("gpt100m.mae", sum / tests);
        }
    }

    private static boolean plateau(RateHistory history) {
        int equal = 0;
        for (int step = 1; step < history.steps(); step++) {
            equal += history.rate(step) == history.rate(step - 1) ? 1 : 0;
        }
        return equal > PLATEAU * history.steps() && equal < history.steps() - 1;
    }

    private static Map<String, LossCurve> curves(Path folder) {
        Map<String, LossCurve> curves = new TreeMap<>();
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.filter(f -> f.toString().matches(".*\\.csv(\\.gz)?")).sorted().toList()) {
                curves.put(file.getFileName().toString().replaceAll("\\.csv(\\.gz)?$", ""), curve(file));
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list " + folder, e);
        }
        return curves;
    }

    private static LossCurve curve(Path file) {
        List<Row> rows = Rows.read(file);
        int last = rows.stream().mapToInt(row -> (int) row.number("step")).max().orElse(-1);
        if (last < SETTLED + MEAN_OVER || last > 20 * rows.size()) {
            throw new Rows.BadDataException(
                    file + ": losses of more than " + (SETTLED + MEAN_OVER)
                            + " steps are needed, one by one");
        }
        double[] rates = new double[last + 1];
        Arrays.fill(rates, Double.NaN);
        double[] sums = new double[last / MEAN_OVER + 1];
        int[] counts = new int[sums.length];
        for (Row row : rows) {
            int step = (int) row.number("step");
            if (step < 0 || !Double.isNaN(rates[step])) {
                throw new Rows.BadDataException(
                        file + " line " + row.line() + ": step " + step + " is negative or there already");
            }
            rates[step] = row.number("lr");
            sums[step / MEAN_OVER] += row.number("loss");
            counts[step / MEAN_OVER]++;
        }
        // A step that is missing ran at the rate of the one before.
        for (int step = 0; step < rates.length; step++) {
            rates[step] = Double.isNaN(rates[step]) ? step == 0 ? 0 : rates[step - 1] : rates[step];
        }
        List<Integer> full = new ArrayList<>();
        for (int part = SETTLED / MEAN_OVER; part < sums.length; part++) {
            if (counts[part] >= MEAN_OVER / 2 && (part + 1) * MEAN_OVER <= last + 1) {
                full.add(part);
            }
        }
        return new LossCurve(
                RateHistory.of(rates),
                full.stream().mapToInt(part -> part * MEAN_OVER + MEAN_OVER / 2).toArray(),
                full.stream().mapToDouble(part -> sums[part] / counts[part]).toArray());
    }
}

package io.longhaul.orchestrator.cli.laws;

import io.longhaul.laws.CriticalBatch;
import io.longhaul.laws.RepeatedData;
import io.longhaul.orchestrator.cli.laws.Rows.Row;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** Folders {@code critical_batch} and {@code datablations}. */
final class BatchScore {
    /** Up to so many sequences of 512 the gain of a larger batch counts as linear. */
    private static final double SMALL = 256;

    private BatchScore() {}

    /** The largest size's critical batch (20 % waste) from a power law through the smaller ones'. */
    static void criticalBatch(Path folder, Path fitFolder, Figures figures) {
        TreeMap<Double, Double> all = critical(folder);
        TreeMap<Double, Double> fit = new TreeMap<>(critical(fitFolder));
        double largest = all.lastKey();
        fit.tailMap(largest * (1 - 1e-9), true).clear();
        if (fit.size() < 2) {
            throw new Rows.BadDataException(
                    folder + ": at least two sizes below the largest are needed, got " + fit.size());
        }
        double meanSize = fit.keySet().stream().mapToDouble(Math::log).average().orElseThrow();
        double meanBatch = fit.values().stream().mapToDouble(Math::log).average().orElseThrow();
        double above = 0;
        double below = 0;
        for (Map.Entry<Double, Double> entry : fit.entrySet()) {
            double off = Math.log(entry.getKey()) - meanSize;
            above += off * (Math.log(entry.getValue()) - meanBatch);
            below += off * off;
        }
        double exponent = above / below;
        all.putAll(fit);
        for (Map.Entry<Double, Double> entry : all.entrySet()) {
            double predicted = Math.exp(meanBatch + exponent * (Math.log(entry.getKey()) - meanSize));
            double error = Math.abs(predicted / entry.getValue() - 1);
            boolean test = entry.getKey() == largest;
            figures.say(
                    "  %.0fM: %.0f sequences by its own fit, %.0f by the law of the smaller sizes",
                    entry.getKey() / 1e6, entry.getValue(), predicted);
            figures.curve(
                    "critical_batch", "waste 20 %",
                    String.format(Locale.ROOT, "%.0fM", entry.getKey() / 1e6), test ? "test" : "fit", 1,
                    error);
            if (test) {
                figures.put("critical_batch.relative_error", error);
            }
        }
    }

    private static TreeMap<Double, Double> critical(Path folder) {
        Map<String, List<CriticalBatch.Measurement>> sizes = new LinkedHashMap<>();
        for (Row row : Rows.read(folder, "steps_to_target.csv")) {
            sizes.computeIfAbsent(row.text("model"), k -> new ArrayList<>())
                    .add(new CriticalBatch.Measurement(row.number("batch_seqs"),
                            row.number("steps_to_target")));
        }
        TreeMap<Double, Double> critical = new TreeMap<>();
        sizes.forEach(
                (name, measurements) -> critical.put(
                        weights(folder, name), CriticalBatch.fit(measurements).withWaste(SMALL)));
        return critical;
    }

    private static double weights(Path folder, String name) {
        double unit = name.endsWith("B") ? 1e9 : 1e6;
        try {
            return unit * Double.parseDouble(name.replaceAll("[MB]$", ""));
        } catch (NumberFormatException e) {
            throw new Rows.BadDataException(folder + ": model must be like 85M or 1.2B, got '" + name + "'");
        }
    }

    /**
     * The published law within its domain, times the ratio of its losses to those of the other sizes: tokenizer and
     * validation data differ from those that it was fitted to.
     */
    static void dataBlations(Path folder, Path fitFolder, Figures figures) {
        List<Row> rows = Rows.read(folder, "runs.csv");
        List<Row> known = folder.equals(fitFolder) ? rows : Rows.read(fitFolder, "runs.csv");
        double sum = 0;
        double raw = 0;
        int runs = 0;
        for (Row row : rows) {
            double[] ratios = known.stream()
                    .filter(BatchScore::holds)
                    .filter(other -> other.number("N") != row.number("N"))
                    .mapToDouble(BatchScore::ratio)
                    .sorted()
                    .toArray();
            double factor = ratios.length == 0 ? 1 : ratios[ratios.length / 2];
            double error = Math.abs(factor / ratio(row) - 1);
            figures.curve(
                    "datablations", row.text("N"), row.text("name"), holds(row) ? "test" : "outside", 1,
                    error);
            if (holds(row)) {
                sum += error;
                raw += Math.abs(1 / ratio(row) - 1);
                runs++;
            }
        }
        figures.say(
                "  %d runs in the law's domain (%.1f %% with the published constants as they are), %d outside, where it"
                        + " abstains",
                runs, 100 * raw / Math.max(1, runs), rows.size() - runs);
        if (runs > 0) {
            figures.put("datablations.mape", sum / runs);
        }
    }

    private static boolean holds(Row row) {
        return RepeatedData.holds(row.number("D"), row.number("U"));
    }

    private static double ratio(Row row) {
        return row.number("loss") / RepeatedData.loss(row.number("N"), row.number("D"), row.number("U"));
    }
}

package io.longhaul.orchestrator.cli.laws;

import io.longhaul.laws.StepLaw;
import io.longhaul.laws.StepLawFit;
import io.longhaul.orchestrator.cli.laws.Rows.Row;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Folder {@code steplaw}: what the advised rate and batch lose against the best of a cell's grid. */
final class StepLawScore {
    private static final int SEQUENCE = 2048;
    /** Losses further above the cell's best are of runs that went wrong, no ground to interpolate on. */
    private static final double SOUND = 1.2;
    /** Runs that are as good as the best. */
    private static final double GOOD = 1.0025;

    private StepLawScore() {}

    static void dense(Path folder, Path fitFolder, Figures figures) {
        score("dense", cells(folder, "dense.csv"), cells(fitFolder, "dense.csv"), figures);
    }

    static void moe(Path folder, Path fitFolder, Figures figures) {
        score("moe", cells(folder, "moe.csv"), cells(fitFolder, "moe.csv"), figures);
    }

    private static Map<String, List<Row>> cells(Path folder, String file) {
        Map<String, List<Row>> cells = new LinkedHashMap<>();
        for (Row row : Rows.read(folder, file)) {
            String active = row.has("N_active") ? " active=" + row.text("N_active") : "";
            cells.computeIfAbsent("N=" + row.text("N") + active + " D=" + row.text("D"),
                    k -> new ArrayList<>())
                    .add(row);
        }
        return cells;
    }

    /** Every cell by a law fitted to the other cells' good runs, next to the published one. */
    private static void score(
            String kind, Map<String, List<Row>> cells, Map<String, List<Row>> known, Figures figures) {
        double sum = 0;
        double published = 0;
        double worst = 0;
        for (Map.Entry<String, List<Row>> cell : cells.entrySet()) {
            List<StepLawFit.Good> good = known.entrySet()
                    .stream()
                    .filter(other -> !other.getKey().equals(cell.getKey()))
                    .flatMap(other -> good(other.getValue()).stream())
                    .toList();
            StepLawFit law = StepLawFit.fit(good);
            Row any = cell.getValue().getFirst();
            StepLaw.Scale scale = new StepLaw.Scale(any.number("N"), any.number("D"), 1);
            double above = above(cell.getValue(), law.learningRate(scale, activeShare(any)),
                    law.batch(scale, activeShare(any)));
            double as = above(cell.getValue(), StepLaw.learningRate(scale), StepLaw.batch(scale));
            figures.say("    %-44s %.3f %% (as published %.3f %%)", cell.getKey(), 100 * above, 100 * as);
            figures.curve("steplaw", kind, cell.getKey(), "test", cell.getValue().size(), above);
            sum += above;
            published += as;
            worst = Math.max(worst, above);
        }
        figures.say(
                "  %s: %d cells, the worst %.3f %% above its best; as published %.3f %% in the mean", kind,
                cells.size(), 100 * worst, 100 * published / cells.size());
        figures.put("steplaw." + kind + ".mean_above_optimum", sum / cells.size());
    }

    private static List<StepLawFit.Good> good(List<Row> cell) {
        double best = best(cell);
        return cell.stream()
                .filter(row -> row.number("smooth_loss") <= GOOD * best)
                .map(
                        row -> new StepLawFit.Good(
                                row.number("N"), activeShare(row), row.number("D"), row.number("lr"),
                                row.number("batch_seqs") * sequence(row)))
                .toList();
    }

    private static double activeShare(Row row) {
        return row.has("N_active") ? row.number("N_active") / row.number("N") : 1;
    }

    private static double best(List<Row> cell) {
        return cell.stream().mapToDouble(row -> row.number("smooth_loss")).min().orElseThrow();
    }

    private static double sequence(Row row) {
        return row.has("seq_len") ? row.number("seq_len") : SEQUENCE;
    }

    private static double above(List<Row> cell, double rate, double batch) {
        double best = best(cell);
        List<Row> sound = cell.stream().filter(row -> row.number("smooth_loss") < SOUND * best).toList();
        return interpolate(sound, Math.log(rate), Math.log(batch / sequence(cell.getFirst()))) / best - 1;
    }

    /** Between the grid's neighbouring rates and batches by logarithms; corners that are missing count for nothing. */
    private static double interpolate(Collection<Row> cell, double rate, double batch) {
        double[] rates = cell.stream()
                .mapToDouble(row -> Math.log(row.number("lr")))
                .sorted()
                .distinct()
                .toArray();
        double[] batches = cell.stream()
                .mapToDouble(row -> Math.log(row.number("batch_seqs")))
                .sorted()
                .distinct()
                .toArray();
        double loss = 0;
        double weights = 0;
        for (Row row : cell) {
            double weight = share(rates, Math.log(row.number("lr")), rate)
                    * share(batches, Math.log(row.number("batch_seqs")), batch);
            loss += weight * row.number("smooth_loss");
            weights += weight;
        }
        if (weights > 0) {
            return loss / weights;
        }
        return cell.stream()
                .min(
                        Comparator.comparingDouble(
                                row -> Math.hypot(
                                        Math.log(row.number("lr")) - rate,
                                        Math.log(row.number("batch_seqs")) - batch)))
                .orElseThrow()
                .number("smooth_loss");
    }

    /** Weight of a knot in linear interpolation at a place, which is moved into the grid. */
    private static double share(double[] knots, double knot, double at) {
        double place = Math.clamp(at, knots[0], knots[knots.length - 1]);
        double below = Double.NEGATIVE_INFINITY;
        double over = Double.POSITIVE_INFINITY;
        for (double known : knots) {
            if (known <= place) {
                below = known;
            }
            if (known >= place && over == Double.POSITIVE_INFINITY) {
                over = known;
            }
        }
        if (below == over) {
            return knot == below ? 1 : 0;
        }
        return knot == below
                ? (over - place) / (over - below)
                : knot == over ? (place - below) / (over - below) : 0;
    }
}

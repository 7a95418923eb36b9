package io.longhaul.orchestrator.cli.laws;

import io.longhaul.laws.PowerLawSurface;
import io.longhaul.laws.PowerLawSurface.Point;
import io.longhaul.orchestrator.cli.laws.Rows.Row;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Folders with final losses by size and tokens: the largest quarter of the sizes is predicted from the others. */
final class SurfaceScore {
    /** Two runs of one size differ less in their counts of weights. */
    private static final double SAME = 1e-9;

    private SurfaceScore() {}

    static void olmo(Path folder, Path fitFolder, Figures figures) {
        figures.put(
                "olmo.extrapolation_mape",
                score("olmo_ladder", "all", olmo(folder), olmo(fitFolder), !folder.equals(fitFolder),
                        figures));
    }

    private static List<Point> olmo(Path folder) {
        return Rows.read(folder, "final.csv")
                .stream()
                .map(row -> point(row, "N", "tokens", "loss_c4"))
                .toList();
    }

    static void gadre(Path folder, Path fitFolder, Figures figures) {
        Map<String, List<Point>> test = gadre(folder);
        Map<String, List<Point>> fit = gadre(fitFolder);
        double sum = 0;
        int corpora = 0;
        for (Map.Entry<String, List<Point>> entry : test.entrySet()) {
            List<Point> seen = fit.getOrDefault(entry.getKey(), List.of());
            if (seen.size() < 12) {
                figures.say("  %s: %d runs to fit are too few", entry.getKey(), seen.size());
                continue;
            }
            sum += score("gadre", entry.getKey(), entry.getValue(), seen, !folder.equals(fitFolder), figures);
            corpora++;
        }
        if (corpora > 0) {
            figures.put("gadre.extrapolation_mape", sum / corpora);
        }
    }

    private static Map<String, List<Point>> gadre(Path folder) {
        return Rows.read(folder, "models.csv")
                .stream()
                .filter(row -> row.has("loss_c4_val"))
                .collect(
                        Collectors.groupingBy(
                                row -> row.text("corpus"), LinkedHashMap::new,
                                Collectors.mapping(
                                        row -> point(row, "params", "tokens", "loss_c4_val"),
                                        Collectors.toList())));
    }

    static void misfitting(Path folder, Path fitFolder, Figures figures) {
        figures.put(
                "misfitting.mape",
                score(
                        "misfitting", "best peak rate", misfitting(folder), misfitting(fitFolder),
                        !folder.equals(fitFolder), figures));
    }

    /** Ends of runs, the best of all peak rates. */
    private static List<Point> misfitting(Path folder) {
        Map<String, Point> best = new HashMap<>();
        for (Row row : Rows.read(folder, "checkpoints.csv")) {
            if (row.number("portion_steps_elapsed") >= 0.999) {
                Point point = point(row, "N", "D", "loss");
                best.merge(row.text("N") + " " + row.text("D"), point,
                        (a, b) -> a.loss() <= b.loss() ? a : b);
            }
        }
        return best.values()
                .stream()
                .sorted(
                        (a, b) -> a.parameters() != b.parameters()
                                ? Double.compare(a.parameters(), b.parameters())
                                : Double.compare(a.tokens(), b.tokens()))
                .toList();
    }

    private static Point point(Row row, String parameters, String tokens, String loss) {
        try {
            return new Point(row.number(parameters), row.number(tokens), row.number(loss));
        } catch (IllegalArgumentException e) {
            throw new Rows.BadDataException(row.file() + " line " + row.line() + ": " + e.getMessage());
        }
    }

    private static double score(
            String folder, String group, List<Point> all, List<Point> given, boolean apart, Figures figures) {
        List<Point> fit = given;
        List<Point> test = all.stream().filter(point -> !apart || !contains(given, point)).toList();
        if (!apart) {
            List<Double> sizes = List.copyOf(
                    new TreeSet<>(all.stream().map(Point::parameters).toList()));
            double least = sizes.get(sizes.size() - Math.ceilDiv(sizes.size(), 4)) * (1 - SAME);
            fit = all.stream().filter(point -> point.parameters() < least).toList();
            test = all.stream().filter(point -> point.parameters() >= least).toList();
        }
        if (test.isEmpty() || fit.size() < 6) {
            throw new Rows.BadDataException(
                    folder + " " + group + ": " + fit.size() + " runs to fit and " + test.size()
                            + " to predict are too few");
        }
        PowerLawSurface law = PowerLawSurface.fit(fit);
        double largest = fit.stream().mapToDouble(Point::parameters).max().orElseThrow();
        figures.say(
                "  %s: %d runs predicted from %d, up to %.1f times as large; %.2f %%, Hoffmann's form %.2f %%, free coupling"
                        + " %.2f %%",
                group,
                test.size(), fit.size(),
                test.stream().mapToDouble(Point::parameters).max().orElseThrow() / largest,
                100 * error(law, test), 100 * error(PowerLawSurface.fitChinchilla(fit), test),
                100 * error(PowerLawSurface.fitSkaling(fit), test));
        List<Point> named = new ArrayList<>(fit);
        named.addAll(test);
        for (Point point : named) {
            figures.curve(
                    folder, group, String.format(Locale.ROOT, "N=%.4g D=%.4g", point.parameters(),
                            point.tokens()),
                    contains(fit, point) ? "fit" : "test", 1, relative(law, point));
        }
        return error(law, test);
    }

    private static boolean contains(Collection<Point> points, Point point) {
        return points.contains(point);
    }

    private static double relative(PowerLawSurface law, Point point) {
        return Math.abs(law.loss(point.parameters(), point.tokens()) / point.loss() - 1);
    }

    private static double error(PowerLawSurface law, List<Point> points) {
        return points.stream().mapToDouble(point -> relative(law, point)).average().orElseThrow();
    }
}

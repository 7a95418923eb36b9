package io.longhaul.orchestrator.cli.planner;

import io.longhaul.planner.calibrate.HierarchicalFit;
import io.longhaul.planner.calibrate.Posterior;
import io.longhaul.planner.constants.Level;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** The file of constants that ships with the planner. */
final class FittedConstants {
    /** Clusters and models of others are of no use to a plan. */
    private static final Set<Level> SHIPPED = EnumSet.complementOf(EnumSet.of(Level.CLUSTER, Level.GROUP));

    private FittedConstants() {}

    static String text(List<MeasuredRun> runs) {
        StringBuilder text = new StringBuilder();
        text.append(String.format(Locale.ROOT,
                "# Logarithms of constants over their priors, fitted to %d published step times and %d peaks of memory of%n"
                        + "# %d groups (a model on a cluster) by longhaul validate planner --constants; offset and its standard deviation.%n",
                runs.stream().filter(MeasuredRun::timed).count(),
                runs.stream().filter(MeasuredRun::weighed).count(),
                runs.stream().map(MeasuredRun::group).distinct().count()));
        text.append("level,key,constant,offset,sd\n");
        append(text, HierarchicalFit.fit(
                runs.stream().filter(MeasuredRun::timed).map(MeasuredRun::timeObservation).toList()), false);
        append(text, HierarchicalFit.fit(
                runs.stream().map(MeasuredRun::memoryObservation).toList()),
                true);
        return text.toString();
    }

    private static void append(StringBuilder text, Posterior posterior, boolean memory) {
        double[] spreads = posterior.spreads();
        posterior.columns().forEach((column, k) -> {
            if (SHIPPED.contains(column.level()) && column.constant().ofMemory() == memory) {
                text.append(String.format(Locale.ROOT, "%s,%s,%s,%.4f,%.4f%n", column.level(), column.key(),
                        column.constant(), posterior.offsets()[k], spreads[k]));
            }
        });
    }
}

package io.longhaul.monitor.loss;

import io.longhaul.monitor.loss.LossEvent.Grade;
import io.longhaul.monitor.loss.LossEvent.Kind;
import io.longhaul.monitor.series.SortedWindow;
import org.jspecify.annotations.Nullable;

/**
 * Finds losses that rise so slowly that every point looks like its neighbours.
 *
 * <p>The median of the last {@value #POINTS} points is compared with the lowest such median so far. Their distance
 * is measured in the spread of the points around their median, which also holds what neighbours have in common.
 * It must last for {@value #LASTS} points and still not fall; then the level is the new one and the next drift is
 * measured from it.
 */
final class DriftDetector {
    static final int POINTS = 50;
    private static final int LASTS = 50;

    private final double sigmas;
    private final SortedWindow recent = new SortedWindow(POINTS);
    private final SortedWindow medians = new SortedWindow(LASTS);
    private final SortedWindow spreads = new SortedWindow(400);
    private double best = Double.POSITIVE_INFINITY;
    private long onset;
    private int lasted;

    DriftDetector(double sigmas) {
        this.sigmas = sigmas;
    }

    /** What comes now is not to be compared with what was. */
    void newLevel() {
        recent.clear();
        medians.clear();
        best = Double.POSITIVE_INFINITY;
        lasted = 0;
    }

    @Nullable
    LossEvent onLoss(long step, double loss) {
        recent.add(loss);
        if (!recent.full()) {
            return null;
        }
        double median = recent.median();
        spreads.add(recent.quartileSigma());
        double sigma = spreads.median();
        medians.add(median);
        if (median <= best) {
            best = median;
            lasted = 0;
            return null;
        }
        if (median - best <= sigmas * sigma) {
            lasted = 0;
            return null;
        }
        if (lasted++ == 0) {
            onset = step;
        }
        if (lasted < LASTS || median < medians.oldest()) {
            return null;
        }
        double was = best;
        best = median;
        lasted = 0;
        return new LossEvent(Kind.DIVERGED, Grade.CRITICAL, onset, step, median, was, (median - was) / sigma);
    }
}

package io.longhaul.monitor.loss;

import io.longhaul.monitor.loss.LossEvent.Grade;
import io.longhaul.monitor.loss.LossEvent.Kind;
import org.jspecify.annotations.Nullable;

/**
 * Finds a loss that goes up before there are enough points to know the noise: in the first steps, and for good in
 * logs with a line every few hundred steps.
 *
 * <p>Two points in a row must be above the best loss so far by {@value #NATS} nats and by three times the
 * largest upward move so far.
 */
final class FirstPointsDetector {
    private static final double NATS = 0.3;
    private static final int FEWEST = 5;
    /** Fewer points need a larger rise. */
    private static final int CERTAIN = 10;

    private final int points;
    private double best = Double.POSITIVE_INFINITY;
    private double last = Double.NaN;
    private double rise;
    private int seen;
    private boolean highBefore;
    private long onset;
    private boolean reported;

    /** @param points number of points after which other detectors take over */
    FirstPointsDetector(int points) {
        this.points = points;
    }

    @Nullable
    LossEvent onLoss(long step, double loss) {
        if (seen >= points) {
            return null;
        }
        boolean high = seen >= FEWEST
                && loss > best + Math.max(NATS * CERTAIN / Math.min(seen, CERTAIN), 3 * rise);
        if (!Double.isNaN(last) && loss > last && !high) {
            rise = Math.max(rise, loss - last);
        }
        seen++;
        last = loss;
        best = Math.min(best, loss);
        LossEvent event = null;
        if (high && highBefore && !reported) {
            reported = true;
            event = new LossEvent(Kind.SPIKE, Grade.MAJOR, onset, step, loss, best, Double.NaN);
        }
        if (high && !highBefore) {
            onset = step;
        }
        reported &= high;
        highBefore = high;
        return event;
    }
}

package io.longhaul.monitor.loss;

import io.longhaul.monitor.loss.LossEvent.Grade;
import io.longhaul.monitor.loss.LossEvent.Kind;
import org.jspecify.annotations.Nullable;

/**
 * Finds a loss that goes up before there are enough points to know the noise: in the first steps, and for good in
 * logs with a line every few hundred steps.
 *
 * <p>Two points in a row must be above the best loss so far by {@value #NATS} nats and by three times the
 * largest upward move so far. Four that are above the very first loss stay.
 */
final class FirstPointsDetector {
    private static final double NATS = 0.3;
    private static final int FEWEST = 5;
    /** Fewer points need a larger rise. */
    private static final int CERTAIN = 10;

    private static final int CONFIRMS = 2;
    private static final int STAYS = 4;

    private final int points;
    private double best = Double.POSITIVE_INFINITY;
    private double first = Double.NaN;
    private double last = Double.NaN;
    private double rise;
    private int seen;
    private int highPoints;
    private int aboveFirst;
    private long onset;

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
        first = seen++ == 0 ? loss : first;
        last = loss;
        best = Math.min(best, loss);
        LossEvent event = null;
        highPoints = high ? highPoints + 1 : 0;
        aboveFirst = high && loss > first ? aboveFirst + 1 : 0;
        if (highPoints == 1) {
            onset = step;
        }
        if (aboveFirst == STAYS) {
            event = event(Grade.CRITICAL, step, loss);
        } else if (highPoints == CONFIRMS) {
            event = event(Grade.MAJOR, step, loss);
        }
        return event;
    }

    private LossEvent event(Grade grade, long step, double loss) {
        return new LossEvent(Kind.SPIKE, grade, onset, step, loss, best, Double.NaN);
    }
}

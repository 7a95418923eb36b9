package io.longhaul.monitor.loss;

import io.longhaul.monitor.loss.LossEvent.Grade;
import io.longhaul.monitor.loss.LossEvent.Kind;
import io.longhaul.monitor.series.SortedWindow;
import org.jspecify.annotations.Nullable;

/**
 * Finds losses that scatter more than they did, around a level that may be the same.
 *
 * <p>Distances between neighbours are compared: those of the last {@value #RECENT} points with those of the
 * {@value #REFERENCE} before. Their 70th percentile tells noise apart sooner than the median does. Where distances had
 * longer tails than normal noise has, as between two kinds of batches, the usual noise is read off the tail. Noise that
 * stays becomes the usual one. Bursts that last for fewer than a dozen points are not seen.
 */
final class NoiseDetector {
    private static final int RECENT = 32;
    private static final int REFERENCE = 200;
    private static final double SHARE = 0.7;
    /** 95th over 70th percentile of distances in normal noise. */
    private static final double TAIL = 1.89;
    /** Noise under which a burst is over, as a multiple of the usual. */
    private static final double OVER = 1.5;
    /** Distances below this share of the loss are rounding. */
    private static final double ROUNDING = 1e-4;

    private final double times;
    private final SortedWindow recent = new SortedWindow(RECENT);
    private final SortedWindow reference = new SortedWindow(REFERENCE);
    private final long[] steps = new long[RECENT];
    private int next;
    private double last = Double.NaN;
    private boolean burst;

    /** @param times multiple of the usual noise that is a burst */
    NoiseDetector(double times) {
        this.times = times;
    }

    @Nullable
    LossEvent onLoss(long step, double loss) {
        if (Double.isNaN(last)) {
            last = loss;
            return null;
        }
        if (recent.full()) {
            reference.add(recent.oldest());
        }
        double distance = Math.abs(loss - last);
        recent.add(distance);
        last = loss;
        long onset = steps[next];
        steps[next] = step;
        next = (next + 1) % RECENT;
        if (!reference.full()) {
            return null;
        }
        double normal = Math.max(reference.quantile(SHARE), reference.quantile(0.95) / TAIL);
        double usual = Math.max(normal, ROUNDING * Math.abs(loss));
        double now = recent.quantile(SHARE);
        burst &= now > OVER * usual;
        if (burst || !(now > times * usual)) {
            return null;
        }
        burst = true;
        return new LossEvent(Kind.NOISY, Grade.MINOR, onset, step, now, usual, Double.NaN);
    }
}

package io.longhaul.monitor.loss;

import io.longhaul.monitor.loss.LossEvent.Grade;
import io.longhaul.monitor.loss.LossEvent.Kind;
import org.jspecify.annotations.Nullable;

/**
 * Finds losses that no longer change at all.
 *
 * <p>How often two neighbours are equal depends on how the loss is rounded; so the number of equal values that is
 * too many follows from the share of equal neighbours so far, at a chance of one in ten million, and is at least
 * {@value #FEWEST}.
 */
final class FrozenDetector {
    private static final int FEWEST = 5;
    private static final double LOG_CHANCE = Math.log(1e-7);

    private double last = Double.NaN;
    private long onset;
    private long pairs;
    private long equalPairs;
    private int equal = 1;
    private boolean reported;

    /** The loss is frozen now. */
    boolean frozen() {
        return reported;
    }

    @Nullable
    LossEvent onLoss(long step, double loss) {
        if (loss != last) {
            pairs += equal;
            equalPairs += equal - 1;
            if (reported) {
                equalPairs -= equal - 1;
            }
            last = loss;
            onset = step;
            equal = 1;
            reported = false;
            return null;
        }
        equal++;
        if (reported || equal < FEWEST) {
            return null;
        }
        double chance = (equalPairs + 1.0) / (pairs + 2.0);
        if ((equal - 1) * Math.log(chance) > LOG_CHANCE) {
            return null;
        }
        reported = true;
        return new LossEvent(Kind.FROZEN, Grade.CRITICAL, onset, step, loss, loss, Double.NaN);
    }
}

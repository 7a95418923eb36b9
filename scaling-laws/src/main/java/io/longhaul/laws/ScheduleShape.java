package io.longhaul.laws;

/**
 * A learning-rate schedule as trainers execute it.
 *
 * @param peak learning rate after warm-up
 * @param low learning rate at the end of the decay
 * @param warmupSteps linear rise from 0
 * @param decayStart last step at the peak; the rate then falls linearly
 * @param decayEnd first step at {@code low}; not below {@code decayStart}
 */
public record ScheduleShape(double peak, double low, long warmupSteps, long decayStart, long decayEnd) {
    public ScheduleShape {
        if (!(peak > 0) || !Double.isFinite(peak) || !(low >= 0) || low > peak) {
            throw new IllegalArgumentException(
                    "rates must be 0 <= low <= peak, finite, with a positive peak, got low " + low
                            + ", peak " + peak);
        }
        if (warmupSteps < 0 || decayStart < 0 || decayEnd < decayStart) {
            throw new IllegalArgumentException(
                    "warmupSteps must be >= 0 and decayEnd >= decayStart >= 0, got " + warmupSteps + ", "
                            + decayEnd + ", " + decayStart);
        }
    }

    /** Learning rate of a step, counted from 1. */
    public double rate(long step) {
        if (warmupSteps > 0 && step <= warmupSteps) {
            return peak * step / warmupSteps;
        }
        if (step <= decayStart) {
            return peak;
        }
        if (step >= decayEnd) {
            return low;
        }
        return low + (peak - low) * (decayEnd - step) / (decayEnd - decayStart);
    }

    /** The same with both rates times a factor. */
    ScheduleShape times(double factor) {
        return factor == 1
                ? this
                : new ScheduleShape(factor * peak, factor * low, warmupSteps, decayStart, decayEnd);
    }
}

package io.longhaul.monitor.loss;

import java.util.OptionalDouble;

/**
 * One logged point of training.
 *
 * @param step optimizer steps done
 * @param loss nats per token; NaN or infinite if the trainer printed that; empty if it printed none
 * @param gradientNorm before clipping
 * @param lossScale of mixed precision
 * @param nanSteps steps since the last point whose loss or gradient was not finite
 */
public record LossPoint(
        long step,
        OptionalDouble loss,
        OptionalDouble gradientNorm,
        OptionalDouble lossScale,
        long nanSteps) {
    /** A point of which only the loss is known. */
    public static LossPoint of(long step, double loss) {
        return new LossPoint(step, OptionalDouble.of(loss), OptionalDouble.empty(), OptionalDouble.empty(),
                0);
    }

    /** The loss is a number that a trainer can have computed: none beyond single precision is. */
    public static boolean finite(double loss) {
        return Math.abs(loss) <= Float.MAX_VALUE;
    }
}

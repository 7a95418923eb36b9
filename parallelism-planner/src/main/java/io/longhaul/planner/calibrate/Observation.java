package io.longhaul.planner.calibrate;

import io.longhaul.planner.constants.Constants;
import io.longhaul.planner.constants.Level;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * Something that was measured and can be predicted.
 *
 * @param keys what the measurement belongs to, from wide to narrow: one key per {@link Level}
 * @param predicted prediction under given constants, > 0, in the unit of {@code measured}
 * @param measured > 0
 * @param noise standard deviation of the logarithm of the measurement itself, > 0
 * @param kind whether {@code measured} is the value or only a bound of it
 */
public record Observation(
        List<String> keys,
        ToDoubleFunction<Constants> predicted,
        double measured,
        double noise,
        Kind kind) {
    /** Whether the value itself was measured, or only that it lies on one side. */
    public enum Kind {
        EXACT, AT_MOST, AT_LEAST
    }

    public Observation(List<String> keys, ToDoubleFunction<Constants> predicted, double measured,
            double noise) {
        this(keys, predicted, measured, noise, Kind.EXACT);
    }

    /** Logarithm of what was measured over a prediction, 0 on the side that agrees. */
    double residual(double predictedValue) {
        double residual = Math.log(measured / predictedValue);
        return switch (kind) {
            case EXACT -> residual;
            case AT_MOST -> Math.min(0, residual);
            case AT_LEAST -> Math.max(0, residual);
        };
    }

    public Observation {
        keys = List.copyOf(keys);
        if (keys.size() != Level.values().length) {
            throw new IllegalArgumentException(
                    "keys must have one entry per level (" + Level.values().length + "), got " + keys);
        }
        if (!(measured > 0) || !(noise > 0)) {
            throw new IllegalArgumentException(
                    "measured and noise must be > 0, got " + measured + " and " + noise);
        }
    }
}

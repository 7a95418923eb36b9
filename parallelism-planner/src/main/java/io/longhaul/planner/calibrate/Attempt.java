package io.longhaul.planner.calibrate;

import io.longhaul.planner.layout.ParallelLayout;
import java.util.OptionalDouble;

/**
 * What a finished attempt measured.
 *
 * @param stepSeconds usual seconds per optimizer step, > 0
 * @param peakBytes most that any rank's device held, if it was reported
 */
public record Attempt(ParallelLayout layout, double stepSeconds, OptionalDouble peakBytes) {
    public Attempt {
        if (!(stepSeconds > 0) || !Double.isFinite(stepSeconds)) {
            throw new IllegalArgumentException("stepSeconds must be > 0 and finite, got " + stepSeconds);
        }
        if (peakBytes.isPresent() && !(peakBytes.getAsDouble() > 0)) {
            throw new IllegalArgumentException("peakBytes must be > 0, got " + peakBytes.getAsDouble());
        }
    }
}

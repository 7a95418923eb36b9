package io.longhaul.monitor;

import io.longhaul.monitor.loss.LossSettings;
import io.longhaul.monitor.steptime.StepTimeSettings;
import java.time.Duration;

/**
 * When detectors fire.
 *
 * @param startTimeout longest time from the start of the ranks to the first step
 * @param stallTimeout longest time between two steps
 */
public record Thresholds(
        Duration startTimeout,
        Duration stallTimeout,
        LossSettings loss,
        StepTimeSettings stepTime) {
    public Thresholds {
        if (!startTimeout.isPositive() || !stallTimeout.isPositive()) {
            throw new IllegalArgumentException(
                    "timeouts must be positive, got start " + startTimeout + " and stall " + stallTimeout);
        }
    }

    /** The usual thresholds with the given times. */
    public static Thresholds of(Duration startTimeout, Duration stallTimeout) {
        return new Thresholds(startTimeout, stallTimeout, LossSettings.usual(), StepTimeSettings.usual());
    }
}

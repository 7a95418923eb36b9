package io.longhaul.monitor;

import java.time.Duration;

/**
 * When detectors fire.
 *
 * @param startTimeout longest time from the start of the ranks to the first step
 * @param stallTimeout longest time between two steps
 * @param spikeDeviations how many robust standard deviations above the recent median a loss is suspect
 * @param spikeNats and by how many nats per token at least, since a robust deviation may be tiny
 * @param spikeSteps suspect steps in a row that make a spike; a single outlier comes back by itself
 * @param slowRatio a rank is slow if its compute time is this many times that of the others and of its own past
 * @param slowSteps for this many steps in a row
 */
public record Thresholds(
        Duration startTimeout,
        Duration stallTimeout,
        double spikeDeviations,
        double spikeNats,
        int spikeSteps,
        double slowRatio,
        int slowSteps) {

    /** The usual thresholds with the given times. */
    public static Thresholds of(Duration startTimeout, Duration stallTimeout) {
        return new Thresholds(startTimeout, stallTimeout, 6, 0.4, 5, 1.5, 8);
    }
}

package io.longhaul.monitor;

import java.time.Duration;

/**
 * When detectors fire.
 *
 * @param startTimeout longest time from the start of the ranks to the first step
 * @param stallTimeout longest time between two steps
 */
public record Thresholds(Duration startTimeout, Duration stallTimeout, Spike spike, Slow slow) {
    public Thresholds {
        if (!startTimeout.isPositive() || !stallTimeout.isPositive()) {
            throw new IllegalArgumentException(
                    "timeouts must be positive, got start " + startTimeout + " and stall " + stallTimeout);
        }
    }

    /** The usual thresholds with the given times. */
    public static Thresholds of(Duration startTimeout, Duration stallTimeout) {
        return new Thresholds(startTimeout, stallTimeout, Spike.usual(), Slow.usual());
    }

    /**
     * @param warmUp first losses of an attempt that are only learned from
     * @param sigmas standard deviations above the baseline from which a loss is high
     * @param minNats and at least this many nats per token above it
     * @param confirmations high losses until the spike is reported, with at most one lower loss among them
     */
    public record Spike(int warmUp, double sigmas, double minNats, int confirmations) {
        public Spike {
            if (warmUp < 9 || !(sigmas > 0) || !(minNats >= 0) || confirmations < 1) {
                throw new IllegalArgumentException(
                        "spike needs warmUp >= 9, sigmas > 0, minNats >= 0 and confirmations >= 1, got "
                                + warmUp + ", " + sigmas + ", " + minNats + ", " + confirmations);
            }
        }

        /**
         * Small models on data in its natural order move by a nat with the kind of document; in fewer than four dozen
         * steps that spread cannot be learned.
         */
        public static Spike usual() {
            return new Spike(48, 7, 0.25, 4);
        }
    }

    /**
     * @param slowdown compute time over the median of the peers from which a step is slow
     * @param ownSlowdown compute time over the rank's own past from which it counts as a change
     * @param recovered compute time over the median of the peers below which a slow rank is well again
     * @param steps steps that are looked at; four in five must agree
     */
    public record Slow(double slowdown, double ownSlowdown, double recovered, int steps) {
        public Slow {
            if (!(slowdown > 1) || !(ownSlowdown > 1) || !(recovered < slowdown) || steps < 2) {
                throw new IllegalArgumentException(
                        "slow needs slowdown > 1, ownSlowdown > 1, recovered < slowdown and steps >= 2, got "
                                + slowdown + ", " + ownSlowdown + ", " + recovered + ", " + steps);
            }
        }

        /** Over a dozen steps, so that a garbage collection or a neighbour's burst accuses nobody. */
        public static Slow usual() {
            return new Slow(1.3, 1.2, 1.15, 15);
        }
    }
}

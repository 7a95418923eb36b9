package io.longhaul.planner.explain;

import io.longhaul.planner.layout.ParallelLayout;

/**
 * Whether a running layout should be left for another: what the change costs against what it saves over the steps that
 * are left. Either figure is for the same tokens per step.
 *
 * @param from the running layout
 * @param to the other
 * @param stepSecondsBefore of the running layout
 * @param stepSecondsAfter of the other
 * @param stepsLeft at the batch that both keep
 * @param price seconds without training, by what they go to
 */
public record Move(
        ParallelLayout from,
        ParallelLayout to,
        double stepSecondsBefore,
        double stepSecondsAfter,
        long stepsLeft,
        Price price) {

    public Move {
        if (!(stepSecondsBefore > 0 && stepSecondsAfter > 0) || stepsLeft < 0) {
            throw new IllegalArgumentException(
                    "stepSecondsBefore and stepSecondsAfter must be > 0 and stepsLeft >= 0, got "
                            + stepSecondsBefore + ", " + stepSecondsAfter + ", " + stepsLeft);
        }
    }

    /**
     * Seconds that a change of layout takes; each >= 0.
     *
     * @param redo steps since the checkpoint that is continued from
     * @param restart to end the processes and start others: scheduling, imports, communicators
     * @param reshard to read the checkpoint in other pieces than it was written in
     * @param warmUp slower first steps: compilation, caches, allocator
     */
    public record Price(double redo, double restart, double reshard, double warmUp) {
        public Price {
            if (!(redo >= 0 && restart >= 0 && reshard >= 0 && warmUp >= 0)) {
                throw new IllegalArgumentException(
                        "seconds must be >= 0, got redo " + redo + ", restart " + restart + ", reshard "
                                + reshard
                                + ", warmUp " + warmUp);
            }
        }

        public double seconds() {
            return redo + restart + reshard + warmUp;
        }
    }

    /**
     * Seconds to read a whole checkpoint into another layout: every byte leaves the storage once, and the ranks that
     * hold the same weights pass them on over their own links meanwhile. In its own layout a rank reads only its shard.
     *
     * @param parameters weights of the model
     * @param bytesPerParameter of weights, fp32 copy and moments, 14 for Adam with 2-byte weights
     * @param storageBytesPerSecond that the storage gives all ranks together, > 0
     */
    public static double reshardSeconds(double parameters, double bytesPerParameter,
            double storageBytesPerSecond) {
        if (!(storageBytesPerSecond > 0)) {
            throw new IllegalArgumentException(
                    "storageBytesPerSecond must be > 0, got " + storageBytesPerSecond);
        }
        return parameters * bytesPerParameter / storageBytesPerSecond;
    }

    /** Seconds that the steps left take less. */
    public double gainSeconds() {
        return stepsLeft * (stepSecondsBefore - stepSecondsAfter);
    }

    /** Gain less price; the run ends earlier by so much, or later if negative. */
    public double netSeconds() {
        return gainSeconds() - price.seconds();
    }

    /** Steps after which the price is earned, infinite if it never is. */
    public double paybackSteps() {
        double perStep = stepSecondsBefore - stepSecondsAfter;
        return perStep > 0 ? price.seconds() / perStep : Double.POSITIVE_INFINITY;
    }

    /**
     * Probability that the change pays.
     *
     * @param spread standard deviation of the logarithm of one step over the other, see {@link Duel}
     */
    public double probability(double spread) {
        double perStep = stepsLeft == 0 ? Double.POSITIVE_INFINITY : price.seconds() / stepsLeft;
        if (perStep >= stepSecondsBefore) {
            return 0;
        }
        double needed = Math.log(stepSecondsBefore / (stepSecondsBefore - perStep));
        return Normal.positive(Math.log(stepSecondsBefore / stepSecondsAfter) - needed, spread);
    }

    public boolean worthIt() {
        return netSeconds() > 0;
    }
}

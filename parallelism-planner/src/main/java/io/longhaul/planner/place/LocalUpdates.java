package io.longhaul.planner.place;

/**
 * Data parallelism over a weak link: groups of ranks that each train for themselves and average what they have learnt
 * every so many steps (local SGD, Stich 2019; DiLoCo, Douillard et al. 2023), against summing gradients at every step.
 *
 * <p>The statistical price is not part of the time. DiLoCo's authors report the loss of synchronous training with 8
 * groups that average every 500 steps (arXiv 2311.08105, abstract); how loss depends on the number of groups and the
 * size of the model is in Charles et al. 2025 (arXiv 2503.09799). Both had small models. What can be said from times
 * alone is {@link #tokensToSpare}: how many more tokens local updates may need and still be as fast.
 *
 * @param stepSeconds of a step inside a group, with all that it waits for there
 * @param groups that average, >= 2
 * @param bytes of weights or gradients that a group sends
 * @param bytesPerSecond of a group over the link
 * @param latencySeconds of a message over the link
 * @param everySteps steps between averages, >= 1
 * @param overlapSteps steps that go on while an average travels, below {@code everySteps}; 0 waits for it (streaming
 *     DiLoCo, Douillard et al. 2025, arXiv 2501.18512)
 */
public record LocalUpdates(
        double stepSeconds,
        int groups,
        double bytes,
        double bytesPerSecond,
        double latencySeconds,
        int everySteps,
        int overlapSteps) {
    public LocalUpdates {
        if (!(stepSeconds > 0 && bytes >= 0 && bytesPerSecond > 0 && latencySeconds >= 0)) {
            throw new IllegalArgumentException(
                    "stepSeconds and bytesPerSecond must be positive, bytes and latencySeconds >= 0, got "
                            + stepSeconds + ", " + bytesPerSecond + ", " + bytes + ", " + latencySeconds);
        }
        if (groups < 2 || everySteps < 1 || overlapSteps < 0 || overlapSteps >= everySteps) {
            throw new IllegalArgumentException(
                    "groups must be >= 2 and overlapSteps from 0 to everySteps - 1, got " + groups
                            + " groups, "
                            + overlapSteps + " of " + everySteps + " steps");
        }
    }

    /** Seconds to sum over all groups, round a ring. */
    public double exchangeSeconds() {
        return 2 * (groups - 1) * (latencySeconds + bytes / groups / bytesPerSecond);
    }

    /** Seconds from one average to the next. */
    public double roundSeconds() {
        return everySteps * stepSeconds + Math.max(0, exchangeSeconds() - overlapSteps * stepSeconds);
    }

    /** Seconds per step, averages included. */
    public double localSeconds() {
        return roundSeconds() / everySteps;
    }

    /**
     * Seconds per step when gradients are summed over the link at every step.
     *
     * @param hiddenSeconds of the sum that the backward pass hides
     */
    public double synchronousSeconds(double hiddenSeconds) {
        return stepSeconds + Math.max(0, exchangeSeconds() - hiddenSeconds);
    }

    /** Bytes over the link per group, each way, and step. */
    public double bytesPerStep() {
        return 2 * bytes * (groups - 1) / groups / everySteps;
    }

    /** Share of more tokens that local updates may need for the same loss and still be as fast; negative: never pays. */
    public double tokensToSpare(double hiddenSeconds) {
        return synchronousSeconds(hiddenSeconds) / localSeconds() - 1;
    }

    /**
     * The fewest steps between averages with which these cost at most such a share of the time; at least
     * {@code overlapSteps + 1}.
     *
     * @param share in (0, 1)
     */
    public long leastSteps(double share) {
        if (!(share > 0 && share < 1)) {
            throw new IllegalArgumentException("share must be in (0, 1), got " + share);
        }
        double seen = Math.max(0, exchangeSeconds() - overlapSteps * stepSeconds);
        return Math.max(overlapSteps + 1L, (long) Math.ceil(seen * (1 - share) / (share * stepSeconds)));
    }
}

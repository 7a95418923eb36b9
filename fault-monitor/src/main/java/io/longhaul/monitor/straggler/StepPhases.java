package io.longhaul.monitor.straggler;

import java.util.Arrays;
import java.util.Optional;

/**
 * Whether steps take longer in what all ranks compute or in what they tell each other.
 *
 * <p>Of each step the mean of compute times and the shortest communication are kept: that of the rank that waited for
 * nobody. Steps of the last {@value #STEPS} are known; late reports of older ones are passed over.
 */
public final class StepPhases {
    private static final int STEPS = 256;
    private static final int NEWEST = 11;
    /** Share of the ranks that must have reported a step. */
    private static final double MOST = 0.5;

    private final int ranks;
    private final long[] steps = new long[STEPS];
    private final int[] reports = new int[STEPS];
    private final double[] compute = new double[STEPS];
    private final double[] communication = new double[STEPS];
    private long newest = Long.MIN_VALUE;

    public StepPhases(int ranks) {
        this.ranks = ranks;
        Arrays.fill(steps, Long.MIN_VALUE);
    }

    /**
     * Seconds of a step by phase, before a change and after.
     *
     * @param compute mean over the ranks
     * @param communication of the rank that waited least
     */
    public record Change(
            double computeBefore,
            double compute,
            double communicationBefore,
            double communication) {
        /** Share of the rise that is communication; NaN if neither rose. */
        public double communicationShare() {
            double computing = Math.max(0, compute - computeBefore);
            double telling = Math.max(0, communication - communicationBefore);
            return telling / (computing + telling);
        }
    }

    /** One rank's times of one step; what is negative or not finite is passed over. */
    public void onStep(long step, double computeSeconds, double communicationSeconds) {
        if (!(computeSeconds >= 0) || !(communicationSeconds >= 0)
                || !Double.isFinite(computeSeconds + communicationSeconds)) {
            return;
        }
        int at = (int) Math.floorMod(step, (long) STEPS);
        if (steps[at] != step) {
            if (step < newest) {
                return;
            }
            newest = step;
            steps[at] = step;
            reports[at] = 0;
            compute[at] = 0;
            communication[at] = Double.POSITIVE_INFINITY;
        }
        reports[at]++;
        compute[at] += computeSeconds;
        communication[at] = Math.min(communication[at], communicationSeconds);
    }

    /** Medians of the steps before one and of the newest since then; empty if too few are known. */
    public Optional<Change> since(long onset) {
        long from = Math.max(onset, newest - NEWEST);
        double[][] before = steps(Long.MIN_VALUE, onset);
        double[][] after = steps(from, Long.MAX_VALUE);
        return before[0].length < NEWEST / 2 || after[0].length < NEWEST / 2
                ? Optional.empty()
                : Optional.of(
                        new Change(median(before[0]), median(after[0]), median(before[1]), median(after[1])));
    }

    /** Compute and communication seconds of the steps from one, up to another that is left out. */
    private double[][] steps(long from, long to) {
        int[] places = java.util.stream.IntStream.range(0, STEPS)
                .filter(at -> reports[at] > 0 && reports[at] >= MOST * ranks)
                .filter(at -> steps[at] >= from && steps[at] < to)
                .toArray();
        return new double[][]{
                Arrays.stream(places).mapToDouble(at -> compute[at] / reports[at]).sorted().toArray(),
                Arrays.stream(places).mapToDouble(at -> communication[at]).sorted().toArray()};
    }

    private static double median(double[] sorted) {
        return sorted[sorted.length / 2];
    }
}

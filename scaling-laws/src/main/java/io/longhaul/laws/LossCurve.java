package io.longhaul.laws;

import java.util.Arrays;

/**
 * Losses measured along a run.
 *
 * @param steps from 0, ascending, within the history
 * @param losses in nats per token, positive
 */
public record LossCurve(RateHistory history, int[] steps, double[] losses) {
    private static final int NEIGHBOURS = 4;
    /** Median absolute deviations; about five standard deviations of Gaussian noise. */
    private static final double OUTLIER_DEVIATIONS = 7.5;

    public LossCurve {
        if (steps.length != losses.length) {
            throw new IllegalArgumentException(
                    "steps and losses must be as many, got " + steps.length + " and " + losses.length);
        }
        for (int i = 0; i < steps.length; i++) {
            if (steps[i] < 0 || steps[i] >= history.steps()) {
                throw new IllegalArgumentException(
                        "steps must lie in [0, " + history.steps() + "), got " + steps[i]);
            }
            if (i > 0 && steps[i] <= steps[i - 1]) {
                throw new IllegalArgumentException(
                        "steps must ascend, got step " + steps[i] + " after step " + steps[i - 1]);
            }
            if (!(losses[i] > 0) || !Double.isFinite(losses[i])) {
                throw new IllegalArgumentException(
                        "loss of step " + steps[i] + " must be positive and finite, got " + losses[i]);
            }
        }
    }

    /** The losses of a step and of later ones. */
    LossCurve from(int step) {
        int first = 0;
        while (first < steps.length && steps[first] < step) {
            first++;
        }
        return new LossCurve(
                history, Arrays.copyOfRange(steps, first, steps.length),
                Arrays.copyOfRange(losses, first, losses.length));
    }

    /** The losses before a step. */
    LossCurve until(int step) {
        int count = size() - from(step).size();
        return new LossCurve(history, Arrays.copyOf(steps, count), Arrays.copyOf(losses, count));
    }

    /**
     * Means of neighbouring points, single ones far off replaced by their neighbours' median.
     *
     * @param most points that are left, if there are more
     */
    public LossCurve smoothed(int most) {
        if (steps.length <= 2 * NEIGHBOURS) {
            return this;
        }
        double[] calm = new double[losses.length];
        for (int i = 0; i < losses.length; i++) {
            int from = Math.clamp(i - NEIGHBOURS, 0, losses.length - 2 * NEIGHBOURS - 1);
            double[] near = Arrays.copyOfRange(losses, from, from + 2 * NEIGHBOURS + 1);
            double median = median(near);
            double deviation = median(Arrays.stream(near).map(loss -> Math.abs(loss - median)).toArray());
            calm[i] = Math.abs(losses[i] - median) > OUTLIER_DEVIATIONS * deviation ? median : losses[i];
        }
        int count = Math.min(most, steps.length);
        int[] middles = new int[count];
        double[] means = new double[count];
        for (int bin = 0; bin < count; bin++) {
            int from = (int) ((long) bin * steps.length / count);
            int to = (int) ((bin + 1L) * steps.length / count);
            middles[bin] = steps[(from + to - 1) / 2];
            means[bin] = Arrays.stream(calm, from, to).average().orElseThrow();
        }
        return new LossCurve(history, middles, means);
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    int size() {
        return steps.length;
    }
}

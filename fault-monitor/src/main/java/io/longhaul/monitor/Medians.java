package io.longhaul.monitor;

import java.util.Arrays;

/** Robust location and scale: half of the points may be arbitrarily wrong. */
final class Medians {
    /** Standard deviation of a normal distribution over its median absolute deviation. */
    static final double NORMAL = 1.4826;

    private Medians() {}

    /** @param values at least one; not changed */
    static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    /**
     * The median without one of the values, in logarithmic time.
     *
     * @param sorted at least two, ascending
     * @param left one of them
     */
    static double ofOthers(double[] sorted, double left) {
        int at = Arrays.binarySearch(sorted, left);
        int others = sorted.length - 1;
        double upper = sorted[others / 2 < at ? others / 2 : others / 2 + 1];
        if (others % 2 == 1) {
            return upper;
        }
        int below = others / 2 - 1;
        return (sorted[below < at ? below : below + 1] + upper) / 2;
    }

    /** Median distance from {@code centre}. */
    static double deviation(double[] values, double centre) {
        double[] distances = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            distances[i] = Math.abs(values[i] - centre);
        }
        return median(distances);
    }
}

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

    /** Median distance from {@code centre}. */
    static double deviation(double[] values, double centre) {
        double[] distances = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            distances[i] = Math.abs(values[i] - centre);
        }
        return median(distances);
    }
}

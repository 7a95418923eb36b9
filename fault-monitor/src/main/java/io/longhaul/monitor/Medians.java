package io.longhaul.monitor;

import java.util.Arrays;

/** Robust location: half of the points may be arbitrarily wrong. */
final class Medians {
    private Medians() {}

    /** @param values at least one; not changed */
    static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}

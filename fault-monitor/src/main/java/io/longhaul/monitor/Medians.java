package io.longhaul.monitor;

import java.util.Arrays;

final class Medians {
    private Medians() {}

    /** Median of at least one value; the argument is sorted. */
    static double of(double[] values) {
        Arrays.sort(values);
        int middle = values.length / 2;
        return values.length % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
    }
}

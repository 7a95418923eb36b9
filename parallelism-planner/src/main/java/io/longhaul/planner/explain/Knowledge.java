package io.longhaul.planner.explain;

import io.longhaul.planner.constants.Constant;

/**
 * What is known of the constants of the cost model, as far as predictions go: a prediction's logarithm moves with the
 * logarithms of the constants by its slopes.
 */
@FunctionalInterface
public interface Knowledge {
    /**
     * Variance of a weighted sum of the constants' logarithms, {@code s^T covariance s}.
     *
     * @param slopes one weight per constant
     */
    double variance(double[] slopes);

    /** Before anything was measured: constants are what they are independently of each other. */
    static Knowledge prior() {
        return slopes -> {
            double sum = 0;
            for (Constant constant : Constant.values()) {
                double deviation = slopes[constant.ordinal()] * constant.spread();
                sum += deviation * deviation;
            }
            return sum;
        };
    }

    /** Covariance of two such sums; what measuring one tells about the other. */
    default double covariance(double[] a, double[] b) {
        double[] sum = new double[a.length];
        double[] difference = new double[a.length];
        for (int i = 0; i < a.length; i++) {
            sum[i] = a[i] + b[i];
            difference[i] = a[i] - b[i];
        }
        return (variance(sum) - variance(difference)) / 4;
    }
}

package io.longhaul.planner.calibrate;

import io.longhaul.planner.constants.Constant;
import io.longhaul.planner.constants.Constants;
import io.longhaul.planner.constants.Level;
import java.util.List;
import java.util.Map;

/**
 * What is known of the constants after measurements: a normal distribution of the offsets of all levels and keys.
 *
 * @param columns index of each level, key and constant among the offsets
 * @param offsets most likely offsets, by column
 * @param root lower triangle {@code L} of the precision {@code L L^T} of the offsets, {@code [columns, columns]}
 */
public record Posterior(Map<Column, Integer> columns, double[] offsets, double[][] root) {

    /** One offset. */
    public record Column(Level level, String key, Constant constant) {}

    /** Constants where these keys hold; keys without measurements add nothing. */
    public Constants constants(List<String> keys) {
        double[] sum = new double[Constant.values().length];
        for (Level level : Level.values()) {
            for (Constant constant : Constant.values()) {
                Integer column = columns.get(new Column(level, keys.get(level.ordinal()), constant));
                sum[constant.ordinal()] += column == null ? 0 : offsets[column];
            }
        }
        return Constants.of(sum);
    }

    /**
     * Standard deviation of the logarithm of a prediction, from what is not known of the constants, of keys without
     * measurements as much as of the others.
     *
     * @param slopes derivative of the logarithm of the prediction by that of each constant
     */
    public double spread(List<String> keys, double[] slopes) {
        double[] direction = new double[offsets.length];
        double unseen = 0;
        for (Level level : Level.values()) {
            for (Constant constant : Constant.values()) {
                double slope = slopes[constant.ordinal()];
                if (slope == 0) {
                    continue;
                }
                Integer column = columns.get(new Column(level, keys.get(level.ordinal()), constant));
                if (column == null) {
                    double sd = slope * level.spread(constant);
                    unseen += sd * sd;
                } else {
                    direction[column] += slope;
                }
            }
        }
        return Math.sqrt(unseen + squared(direction));
    }

    /** Standard deviation of each offset. */
    public double[] spreads() {
        double[] spreads = new double[offsets.length];
        for (int k = 0; k < spreads.length; k++) {
            double[] unit = new double[offsets.length];
            unit[k] = 1;
            spreads[k] = Math.sqrt(squared(unit));
        }
        return spreads;
    }

    /** {@code d^T (L L^T)^-1 d}. */
    private double squared(double[] direction) {
        double[] solved = Cholesky.forward(root, direction);
        double sum = 0;
        for (double v : solved) {
            sum += v * v;
        }
        return sum;
    }
}

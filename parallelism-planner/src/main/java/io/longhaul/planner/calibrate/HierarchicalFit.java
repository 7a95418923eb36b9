package io.longhaul.planner.calibrate;

import io.longhaul.planner.constants.Constant;
import io.longhaul.planner.constants.Constants;
import io.longhaul.planner.constants.Level;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Most likely constants given measurements: Gauss-Newton on the logarithms of predictions, normal priors on the offsets
 * of every {@link Level}, Student's t for what is left, so that a few bad measurements bend nothing.
 */
public final class HierarchicalFit {
    private static final int ITERATIONS = 12;
    private static final double STEP = 0.02;
    private static final double MOST_PER_ITERATION = 0.7;
    private static final double DEGREES = 4;
    private static final double SMALLEST_SLOPE = 1e-4;

    private HierarchicalFit() {}

    /** Derivatives of the logarithm of the prediction by the logarithms of the constants, by ordinal. */
    public static double[] slopes(Observation o, Constants at) {
        double[] slopes = new double[Constant.values().length];
        double here = Math.log(o.predicted().applyAsDouble(at));
        for (Constant constant : Constant.values()) {
            double there = Math.log(o.predicted().applyAsDouble(at.moved(constant, STEP)));
            double slope = (there - here) / STEP;
            slopes[constant.ordinal()] = Math.abs(slope) < SMALLEST_SLOPE ? 0 : slope;
        }
        return slopes;
    }

    /** The posterior after these observations. */
    public static Posterior fit(List<Observation> observations) {
        Map<Posterior.Column, Integer> columns = new LinkedHashMap<>();
        List<int[]> columnsOf = new ArrayList<>();
        Level[] levels = Level.values();
        Constant[] constants = Constant.values();
        for (Observation o : observations) {
            double[] slopes = slopes(o, Constants.prior());
            int[] own = new int[levels.length * constants.length];
            for (Level level : levels) {
                for (Constant constant : constants) {
                    int slot = level.ordinal() * constants.length + constant.ordinal();
                    own[slot] = slopes[constant.ordinal()] == 0 || level.spread(constant) == 0
                            ? -1
                            : columns.computeIfAbsent(
                                    new Posterior.Column(level, o.keys().get(level.ordinal()), constant),
                                    c -> columns.size());
                }
            }
            columnsOf.add(own);
        }
        double[] offsets = new double[columns.size()];
        double[][] precision = new double[0][];
        for (int iteration = 0; iteration < ITERATIONS; iteration++) {
            double[] gradient = new double[offsets.length];
            precision = prior(columns, offsets, gradient);
            for (int i = 0; i < observations.size(); i++) {
                accumulate(observations.get(i), columnsOf.get(i), offsets, precision, gradient);
            }
            Cholesky.factor(precision);
            double[] step = Cholesky.solve(precision, gradient);
            double largest = 0;
            for (double s : step) {
                largest = Math.max(largest, Math.abs(s));
            }
            double scale = Math.min(1, MOST_PER_ITERATION / Math.max(largest, 1e-12));
            for (int k = 0; k < offsets.length; k++) {
                offsets[k] += scale * step[k];
            }
            if (largest < 2e-3) {
                break;
            }
        }
        return new Posterior(columns, offsets, precision);
    }

    private static double[][] prior(Map<Posterior.Column, Integer> columns, double[] offsets,
            double[] gradient) {
        double[][] precision = new double[offsets.length][];
        columns.forEach((column, k) -> {
            double sd = column.level().spread(column.constant());
            precision[k] = new double[k + 1];
            precision[k][k] = 1 / (sd * sd);
            gradient[k] = -offsets[k] / (sd * sd);
        });
        return precision;
    }

    private static void accumulate(Observation o, int[] own, double[] offsets, double[][] precision,
            double[] gradient) {
        int count = Constant.values().length;
        double[] sum = new double[count];
        for (int slot = 0; slot < own.length; slot++) {
            sum[slot % count] += own[slot] < 0 ? 0 : offsets[own[slot]];
        }
        Constants at = Constants.of(sum);
        double residual = o.residual(o.predicted().applyAsDouble(at));
        if (residual == 0) {
            return;
        }
        double[] slopes = slopes(o, at);
        double z = residual / o.noise();
        double weight = (DEGREES + 1) / (DEGREES + z * z) / (o.noise() * o.noise());
        for (int a = 0; a < own.length; a++) {
            double slopeA = slopes[a % count];
            if (own[a] < 0 || slopeA == 0) {
                continue;
            }
            gradient[own[a]] += weight * slopeA * residual;
            for (int b = 0; b < own.length; b++) {
                if (own[b] >= 0 && own[b] <= own[a]) {
                    precision[own[a]][own[b]] += weight * slopeA * slopes[b % count];
                }
            }
        }
    }
}

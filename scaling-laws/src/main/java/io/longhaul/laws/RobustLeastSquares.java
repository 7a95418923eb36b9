package io.longhaul.laws;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Levenberg-Marquardt on Huber's loss (Huber 1964) by reweighting, for problems of a few parameters: residuals below
 * {@code delta} count by their square, larger ones by their size. Analytic derivatives, no bounds: parameters that
 * must be positive are given as logarithms.
 */
final class RobustLeastSquares {
    private static final int ITERATIONS = 200;
    private static final double CONVERGED = 1e-9;

    private RobustLeastSquares() {}

    /** Residuals with their derivatives. */
    @FunctionalInterface
    interface Problem {
        /**
         * @param residuals to fill
         * @param derivatives to fill, residual by parameter; null if not wanted
         */
        void evaluate(double[] parameters, double[] residuals,
                double @Nullable [][] derivatives);
    }

    /** A Gaussian belief in parameters; an infinite spread says nothing. */
    record Prior(double[] center, double[] spread) {
        static Prior none(int parameters) {
            double[] spread = new double[parameters];
            Arrays.fill(spread, Double.POSITIVE_INFINITY);
            return new Prior(new double[parameters], spread);
        }
    }

    record Minimum(double[] parameters, double cost) {}

    /**
     * @param weights one for each residual
     * @param delta where squares turn into sizes; infinite for plain least squares
     */
    static Minimum minimize(Problem problem, double[] weights, double delta, Prior prior, double[] start) {
        int n = weights.length;
        int p = start.length;
        double[] at = start.clone();
        double[] residuals = new double[n];
        double[][] derivatives = new double[n][p];
        double[] tried = new double[n];
        problem.evaluate(at, residuals, derivatives);
        double cost = cost(residuals, weights, delta, prior, at);
        double damping = 1e-3;
        for (int iteration = 0; iteration < ITERATIONS; iteration++) {
            double[][] normal = new double[p][p];
            double[] gradient = new double[p];
            for (int i = 0; i < n; i++) {
                double size = Math.abs(residuals[i]);
                double weight = weights[i] * (size <= delta ? 1 : delta / size);
                for (int a = 0; a < p; a++) {
                    double scaled = weight * derivatives[i][a];
                    gradient[a] += scaled * residuals[i];
                    for (int b = 0; b <= a; b++) {
                        normal[a][b] += scaled * derivatives[i][b];
                    }
                }
            }
            for (int a = 0; a < p; a++) {
                double precision = 1 / (prior.spread[a] * prior.spread[a]);
                gradient[a] += precision * (at[a] - prior.center[a]);
                normal[a][a] += precision;
            }
            double before = cost;
            while (damping < 1e12) {
                double[] next = step(normal, gradient, damping, at);
                problem.evaluate(next, tried, null);
                double reached = cost(tried, weights, delta, prior, next);
                if (reached <= cost) {
                    at = next;
                    cost = reached;
                    damping = Math.max(1e-12, damping / 5);
                    break;
                }
                damping *= 4;
            }
            if (!(before - cost > CONVERGED * before)) {
                break;
            }
            problem.evaluate(at, residuals, derivatives);
        }
        return new Minimum(at, cost);
    }

    private static double cost(double[] residuals, double[] weights, double delta, Prior prior, double[] at) {
        double cost = 0;
        for (int i = 0; i < residuals.length; i++) {
            double size = Math.abs(residuals[i]);
            cost += weights[i] * (size <= delta ? size * size / 2 : delta * (size - delta / 2));
        }
        for (int a = 0; a < at.length; a++) {
            double off = (at[a] - prior.center[a]) / prior.spread[a];
            cost += off * off / 2;
        }
        return Double.isNaN(cost) ? Double.POSITIVE_INFINITY : cost;
    }

    /** Solves by Cholesky's factors; the damping keeps them real. */
    private static double[] step(double[][] normal, double[] gradient, double damping, double[] at) {
        int p = at.length;
        double[][] factor = new double[p][p];
        for (int a = 0; a < p; a++) {
            for (int b = 0; b <= a; b++) {
                double sum = normal[a][b];
                if (a == b) {
                    sum += damping * Math.max(normal[a][a], 1e-12);
                }
                for (int c = 0; c < b; c++) {
                    sum -= factor[a][c] * factor[b][c];
                }
                factor[a][b] = a == b ? Math.sqrt(Math.max(sum, 1e-300)) : sum / factor[b][b];
            }
        }
        double[] x = new double[p];
        for (int a = 0; a < p; a++) {
            double sum = gradient[a];
            for (int c = 0; c < a; c++) {
                sum -= factor[a][c] * x[c];
            }
            x[a] = sum / factor[a][a];
        }
        for (int a = p - 1; a >= 0; a--) {
            double sum = x[a];
            for (int c = a + 1; c < p; c++) {
                sum -= factor[c][a] * x[c];
            }
            x[a] = sum / factor[a][a];
        }
        double[] next = at.clone();
        for (int a = 0; a < p; a++) {
            next[a] -= x[a];
        }
        return next;
    }
}

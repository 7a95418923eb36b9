package io.longhaul.laws;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * Loss along a learning-rate schedule after Tissue et al. 2024 (arXiv 2408.11029), the baseline of the multi-power law:
 *
 * <pre>L(t) = L0 + A S1(t)^-alpha - C S2(t), S2 = sum_{i<=t} m_i, m_i = lambda m_{i-1} + (eta_{i-1} - eta_i)</pre>
 *
 * S1 is the sum of the rates; S2 starts at the first step at the peak rate. Linear in the decay's area, so it credits
 * long decays with too much.
 *
 * @param floor L0 in nats per token
 * @param gain C in nats per unit of S2
 */
public record AnnealingLaw(double floor, double amplitude, double alpha, double gain, double lambda) {
    private static final double DELTA = 1e-3;
    /** Memories of 100 to 2000 steps. */
    private static final double[] LAMBDAS = {0.99, 0.995, 0.998, 0.999, 0.9995};
    private static final double[] STARTS_BELOW = {0.2, 0.5};
    private static final int PARAMETERS = 4;

    public double[] losses(RateHistory history, int[] steps) {
        double[] areas = areas(history, lambda);
        return Arrays.stream(steps)
                .mapToDouble(
                        step -> floor + amplitude * Math.pow(history.sum(step), -alpha) - gain * areas[step])
                .toArray();
    }

    /** Fits all constants, lambda from a grid, to curves of one model, each curve with the same weight. */
    public static AnnealingLaw fit(List<LossCurve> curves) {
        if (curves.isEmpty() || curves.stream().anyMatch(curve -> curve.size() == 0)) {
            throw new IllegalArgumentException("curves must hold at least one, none of them empty");
        }
        int n = curves.stream().mapToInt(LossCurve::size).sum();
        double[] weights = new double[n];
        double[] sums = new double[n];
        double[] logs = new double[n];
        int row = 0;
        for (LossCurve curve : curves) {
            for (int i = 0; i < curve.size(); i++, row++) {
                weights[row] = 1.0 / curve.size();
                sums[row] = curve.history().sum(curve.steps()[i]);
                logs[row] = Math.log(curve.losses()[i]);
            }
        }
        double least = Math.exp(Arrays.stream(logs).min().orElseThrow());
        RobustLeastSquares.Minimum best = null;
        double bestLambda = 0;
        for (double lambda : LAMBDAS) {
            double[] areas = new double[n];
            row = 0;
            for (LossCurve curve : curves) {
                double[] all = areas(curve.history(), lambda);
                for (int step : curve.steps()) {
                    areas[row++] = all[step];
                }
            }
            double largest = Math.max(Arrays.stream(areas).map(Math::abs).max().orElseThrow(), 1e-300);
            for (double below : STARTS_BELOW) {
                RobustLeastSquares.Minimum found = RobustLeastSquares.minimize(
                        problem(sums, areas, logs), weights, DELTA,
                        RobustLeastSquares.Prior.none(PARAMETERS),
                        new double[]{least - below, Math.log(0.6), Math.log(0.5), 0.1 / largest});
                if (best == null || found.cost() < best.cost()) {
                    best = found;
                    bestLambda = lambda;
                }
            }
        }
        double[] x = Objects.requireNonNull(best).parameters();
        return new AnnealingLaw(x[0], Math.exp(x[1]), Math.exp(x[2]), x[3], bestLambda);
    }

    private static RobustLeastSquares.Problem problem(double[] sums, double[] areas, double[] logs) {
        return (x, residuals, derivatives) -> {
            double alpha = Math.exp(x[2]);
            for (int i = 0; i < logs.length; i++) {
                double power = Math.exp(x[1]) * Math.pow(sums[i], -alpha);
                double loss = x[0] + power - x[3] * areas[i];
                residuals[i] = Math.log(loss) - logs[i];
                if (derivatives != null) {
                    derivatives[i][0] = 1 / loss;
                    derivatives[i][1] = power / loss;
                    derivatives[i][2] = -power * alpha * Math.log(sums[i]) / loss;
                    derivatives[i][3] = -areas[i] / loss;
                }
            }
        };
    }

    /** S2 of every step. */
    private static double[] areas(RateHistory history, double lambda) {
        double[] areas = new double[history.steps()];
        double momentum = 0;
        boolean warm = history.rate(0) == history.peak();
        for (int k = 1; k < areas.length; k++) {
            if (warm) {
                momentum = lambda * momentum + history.rate(k - 1) - history.rate(k);
            }
            warm |= history.rate(k) == history.peak();
            areas[k] = areas[k - 1] + momentum;
        }
        return areas;
    }
}

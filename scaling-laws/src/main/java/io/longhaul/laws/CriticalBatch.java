package io.longhaul.laws;

import java.util.Arrays;
import java.util.List;

/**
 * Steps to a target loss against the batch, {@code S(B) = Smin + Emin / B} (McCandlish et al. 2018, arXiv 1812.06162;
 * Zhang et al. 2024, arXiv 2410.21676), and the batch beyond which more of it is waste. Definitions of that batch
 * differ by three to four times, so its name says which one it is.
 *
 * @param leastSteps Smin
 * @param leastExamples Emin, in the unit of the batch
 */
public record CriticalBatch(double leastSteps, double leastExamples) {
    private static final double WASTE = 0.2;

    /**
     * @param batch any unit, sequences for instance
     * @param steps optimizer steps to the target
     */
    public record Measurement(double batch, double steps) {
        public Measurement {
            if (!(batch > 0) || !Double.isFinite(batch) || !(steps > 0) || !Double.isFinite(steps)) {
                throw new IllegalArgumentException(
                        "batch and steps must be positive and finite, got " + batch + " and " + steps);
            }
        }
    }

    public double steps(double batch) {
        return leastSteps + leastExamples / batch;
    }

    /** McCandlish's: twice the least examples and twice the least steps are needed there. */
    public double balanced() {
        return leastExamples / leastSteps;
    }

    /**
     * Zhang's: the batch that takes 20 % more steps than the linear gain from a small batch would.
     *
     * @param small the batch up to which the gain counts as linear
     */
    public double withWaste(double small) {
        return WASTE * leastExamples / leastSteps + (1 + WASTE) * small;
    }

    /** Least squares of the logarithm of the steps. */
    public static CriticalBatch fit(List<Measurement> measurements) {
        if (measurements.stream().map(Measurement::batch).distinct().count() < 3) {
            throw new IllegalArgumentException("measurements must be of at least 3 batches");
        }
        double[] weights = new double[measurements.size()];
        Arrays.fill(weights, 1);
        Measurement first = measurements.getFirst();
        double most = measurements.stream().mapToDouble(Measurement::steps).min().orElseThrow();
        double[] x = RobustLeastSquares.minimize(
                (at, residuals, derivatives) -> {
                    double floor = Math.exp(at[0]);
                    for (int i = 0; i < measurements.size(); i++) {
                        double share = Math.exp(at[1]) / measurements.get(i).batch();
                        residuals[i] = Math.log((floor + share) / measurements.get(i).steps());
                        if (derivatives != null) {
                            derivatives[i][0] = floor / (floor + share);
                            derivatives[i][1] = share / (floor + share);
                        }
                    }
                }, weights, Double.POSITIVE_INFINITY, RobustLeastSquares.Prior.none(2),
                new double[]{Math.log(most / 2), Math.log(first.batch() * first.steps())}).parameters();
        return new CriticalBatch(Math.exp(x[0]), Math.exp(x[1]));
    }
}

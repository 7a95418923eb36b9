package io.longhaul.laws;

import java.util.Arrays;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * Step Law's form with constants from a grid of one's own: {@code ln eta = r0 + rN ln N + rD ln D} and
 * {@code ln B = b0 + bD ln D}, fitted to runs as good as their cell's best, and held near the published exponents as far
 * as the runs leave them open.
 */
public final class StepLawFit {
    private static final double[] PUBLISHED_RATE = {-0.713, 0.307};
    private static final double PUBLISHED_BATCH = 0.571;
    /** Spread of the exponents when whole cells are drawn with replacement. */
    private static final double SPREAD = 0.05;
    /** Good runs of a cell lie within a factor of two of its optimum; as deviation of a logarithm, per cell. */
    private static final double SCATTER = 0.35;

    private final double[] rate;
    private final double[] batch;

    private StepLawFit(double[] rate, double[] batch) {
        this.rate = rate;
        this.batch = batch;
    }

    /**
     * A run about as good as the best of its size and tokens.
     *
     * @param parameters weights without the vocabulary, of all experts
     * @param batchTokens tokens per step
     */
    public record Good(double parameters, double tokens, double learningRate, double batchTokens) {}

    /** Every cell of the same size and tokens has the same weight. */
    public static StepLawFit fit(List<Good> runs) {
        if (runs.isEmpty()) {
            throw new IllegalArgumentException("runs must hold at least one");
        }
        double[] weights = runs.stream()
                .mapToDouble(
                        run -> 1 / (SCATTER * SCATTER) / runs.stream()
                                .filter(
                                        other -> other.parameters() == run.parameters()
                                                && other.tokens() == run.tokens())
                                .count())
                .toArray();
        double free = Double.POSITIVE_INFINITY;
        return new StepLawFit(
                linear(
                        runs, weights, run -> Math.log(run.learningRate()),
                        new double[]{0, PUBLISHED_RATE[0], PUBLISHED_RATE[1]},
                        new double[]{free, SPREAD, SPREAD}),
                linear(
                        runs, weights, run -> Math.log(run.batchTokens()),
                        new double[]{0, 0, PUBLISHED_BATCH},
                        new double[]{free, 1e-9, SPREAD}));
    }

    public double learningRate(StepLaw.Scale scale) {
        return at(rate, scale.parameters(), scale.tokens());
    }

    /** Tokens per step. */
    public double batch(StepLaw.Scale scale) {
        return at(batch, scale.parameters(), scale.tokens());
    }

    private static double at(double[] x, double parameters, double tokens) {
        return Math.exp(x[0] + x[1] * Math.log(parameters) + x[2] * Math.log(tokens));
    }

    private static double[] linear(
            List<Good> runs, double[] weights, ToDoubleFunction<Good> value, double[] center,
            double[] spread) {
        double[] start = center.clone();
        start[0] = runs.stream()
                .mapToDouble(
                        run -> value.applyAsDouble(run)
                                - Math.log(at(center, run.parameters(), run.tokens())))
                .average()
                .orElseThrow();
        return RobustLeastSquares.minimize(
                (x, residuals, derivatives) -> {
                    for (int i = 0; i < runs.size(); i++) {
                        Good run = runs.get(i);
                        double[] by = {1, Math.log(run.parameters()), Math.log(run.tokens())};
                        residuals[i] = x[0] + x[1] * by[1] + x[2] * by[2] - value.applyAsDouble(run);
                        if (derivatives != null) {
                            derivatives[i] = Arrays.copyOf(by, by.length);
                        }
                    }
                }, weights, Double.POSITIVE_INFINITY, new RobustLeastSquares.Prior(center, spread), start)
                .parameters();
    }
}

package io.longhaul.laws;

import java.util.Arrays;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * Step Law's form with constants from a grid of one's own: {@code ln eta = r0 + rN ln N + rD ln D + rS ln S} and
 * {@code ln B = b0 + bD ln D + bS ln S}, S being the share of the weights that a token passes through, fitted to runs as good as their cell's best, and held near the published exponents as far
 * as the runs leave them open. The law as published knows nothing of S.
 */
public final class StepLawFit {
    private static final double[] PUBLISHED_RATE = {-0.713, 0.307};
    private static final double PUBLISHED_BATCH = 0.571;
    /** Spread of the exponents when whole cells are drawn with replacement. */
    private static final double SPREAD = 0.05;
    private static final double SPREAD_SHARE = 0.2;
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
     * @param activeShare of the weights that a token passes through; 1 without experts
     * @param batchTokens tokens per step
     */
    public record Good(
            double parameters,
            double activeShare,
            double tokens,
            double learningRate,
            double batchTokens) {
        /** Of a dense model. */
        public Good(double parameters, double tokens, double learningRate, double batchTokens) {
            this(parameters, 1, tokens, learningRate, batchTokens);
        }
    }

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
                        new double[]{0, PUBLISHED_RATE[0], PUBLISHED_RATE[1], 0},
                        new double[]{free, SPREAD, SPREAD, SPREAD_SHARE}),
                linear(
                        runs, weights, run -> Math.log(run.batchTokens()),
                        new double[]{0, 0, PUBLISHED_BATCH, 0},
                        new double[]{free, 1e-9, SPREAD, SPREAD_SHARE}));
    }

    public double learningRate(StepLaw.Scale scale, double activeShare) {
        return at(rate, scale.parameters(), scale.tokens(), activeShare);
    }

    /** Tokens per step. */
    public double batch(StepLaw.Scale scale, double activeShare) {
        return at(batch, scale.parameters(), scale.tokens(), activeShare);
    }

    private static double at(double[] x, double parameters, double tokens, double activeShare) {
        return Math.exp(
                x[0] + x[1] * Math.log(parameters) + x[2] * Math.log(tokens) + x[3] * Math.log(activeShare));
    }

    private static double[] linear(
            List<Good> runs, double[] weights, ToDoubleFunction<Good> value, double[] center,
            double[] spread) {
        double[] start = center.clone();
        start[0] = runs.stream()
                .mapToDouble(
                        run -> value.applyAsDouble(run)
                                - Math.log(at(center, run.parameters(), run.tokens(), run.activeShare())))
                .average()
                .orElseThrow();
        return RobustLeastSquares.minimize(
                (x, residuals, derivatives) -> {
                    for (int i = 0; i < runs.size(); i++) {
                        Good run = runs.get(i);
                        double[] by = {1, Math.log(run.parameters()), Math.log(run.tokens()),
                                Math.log(run.activeShare())};
                        residuals[i] = x[0] + x[1] * by[1] + x[2] * by[2] + x[3] * by[3]
                                - value.applyAsDouble(run);
                        if (derivatives != null) {
                            derivatives[i] = Arrays.copyOf(by, by.length);
                        }
                    }
                }, weights, Double.POSITIVE_INFINITY, new RobustLeastSquares.Prior(center, spread), start)
                .parameters();
    }
}

package io.longhaul.laws;

import java.util.Locale;
import java.util.Optional;

/**
 * Best peak learning rate and batch of a whole run (Li et al. 2025, arXiv 2503.04715, "Step Law"):
 *
 * <pre>eta = 1.79 N^-0.713 D^0.307, B = 0.58 D^0.571</pre>
 *
 * with N weights without the vocabulary, D tokens and B tokens per step. Fitted to AdamW with sequences of 2048, a
 * warm-up of 2000 steps and a cosine down to 1e-5; on the grids that it comes from, it lies 0.12 % above the best loss.
 */
public final class StepLaw {
    /** Sizes of the grids; the law says nothing outside. */
    private static final double LEAST_PARAMETERS = 2e8;
    private static final double MOST_PARAMETERS = 1.1e9;
    private static final double LEAST_TOKENS = 4e9;
    private static final double MOST_TOKENS = 1e11;
    /**
     * Loss lost at half and at twice the best rate, as share of the loss: medians of the same grids. Four times the
     * best rate costs 3.2 %, which is what squares of the logarithm give.
     */
    private static final double COST_OF_HALF = 0.004;
    private static final double COST_OF_TWICE = 0.0075;
    /** The same for the batch, either way. */
    private static final double COST_OF_BATCH = 0.0045;

    private StepLaw() {}

    /**
     * @param parameters weights without embeddings and output projection
     * @param tokens of the whole run
     * @param batchTokens tokens per optimizer step
     */
    public record Scale(double parameters, double tokens, double batchTokens) {
        public Scale {
            requirePositive("parameters", parameters);
            requirePositive("tokens", tokens);
            requirePositive("batchTokens", batchTokens);
        }

        private static void requirePositive(String field, double value) {
            if (!(value > 0) || !Double.isFinite(value)) {
                throw new IllegalArgumentException(field + " must be positive and finite, got " + value);
            }
        }
    }

    public static double learningRate(Scale scale) {
        return 1.79 * Math.pow(scale.parameters(), -0.713) * Math.pow(scale.tokens(), 0.307);
    }

    /** Tokens per step. */
    public static double batch(Scale scale) {
        return 0.58 * Math.pow(scale.tokens(), 0.571);
    }

    /** Why the law does not hold at this scale, with the figures; empty inside of its domain. */
    public static Optional<String> outside(Scale scale) {
        boolean inside = LEAST_PARAMETERS <= scale.parameters() && scale.parameters() <= MOST_PARAMETERS
                && LEAST_TOKENS <= scale.tokens() && scale.tokens() <= MOST_TOKENS;
        return inside
                ? Optional.empty()
                : Optional.of(
                        String.format(
                                Locale.ROOT,
                                "Step Law is fitted to %.1e to %.1e weights without vocabulary and %.0e to %.0e tokens, and"
                                        + " says nothing of %.1e weights and %.1e tokens",
                                LEAST_PARAMETERS, MOST_PARAMETERS, LEAST_TOKENS, MOST_TOKENS,
                                scale.parameters(), scale.tokens()));
    }

    /** Share of the loss that a rate costs, {@code doublings} above the best one, or below if negative. */
    static double costOfRate(double doublings) {
        return (doublings < 0 ? COST_OF_HALF : COST_OF_TWICE) * doublings * doublings;
    }

    /** The same for a batch. */
    static double costOfBatch(double doublings) {
        return COST_OF_BATCH * doublings * doublings;
    }
}

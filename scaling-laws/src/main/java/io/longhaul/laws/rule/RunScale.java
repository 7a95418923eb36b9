package io.longhaul.laws.rule;

/**
 * A run as the rules know it.
 *
 * @param parameters weights without embeddings and output projection
 * @param tokens of the whole run
 * @param batchTokens tokens per step
 * @param learningRate peak
 * @param weightDecay decoupled, as AdamW has it
 * @param beta2 of the second moment
 */
public record RunScale(
        double parameters,
        double tokens,
        double batchTokens,
        double learningRate,
        double weightDecay,
        double beta2) {
    public RunScale {
        positive("parameters", parameters);
        positive("tokens", tokens);
        positive("batchTokens", batchTokens);
        positive("learningRate", learningRate);
        if (!(weightDecay >= 0) || !Double.isFinite(weightDecay)) {
            throw new IllegalArgumentException("weightDecay must be >= 0 and finite, got " + weightDecay);
        }
        if (!(beta2 > 0 && beta2 < 1)) {
            throw new IllegalArgumentException("beta2 must lie between 0 and 1, got " + beta2);
        }
    }

    static void positive(String field, double value) {
        if (!(value > 0) || !Double.isFinite(value)) {
            throw new IllegalArgumentException(field + " must be positive and finite, got " + value);
        }
    }

    double tokensPerParameter() {
        return tokens / parameters;
    }
}

package io.longhaul.planner;

/**
 * Shape of a decoder-only transformer.
 *
 * @param kvHeads key/value heads
 * @param gated feed-forward with a gate: three weight matrices instead of two
 * @param tied input and output embeddings are one matrix
 * @param experts routed experts per layer, 0 for a dense model
 * @param topK experts per token
 * @param expertFfnHiddenSize inner size of one expert
 */
public record ModelShape(
        int layers,
        int hiddenSize,
        int ffnHiddenSize,
        int attentionHeads,
        int kvHeads,
        int vocabSize,
        int sequenceLength,
        boolean gated,
        boolean tied,
        int experts,
        int topK,
        int expertFfnHiddenSize) {

    public boolean mixtureOfExperts() {
        return experts > 0;
    }

    private double feedForwardMatrices() {
        return gated ? 3 : 2;
    }

    /** Weights of one layer that every tensor-parallel group holds: attention, norms, dense feed-forward, router. */
    public double denseLayerParameters() {
        double h = hiddenSize;
        double attention = 2 * h * h + 2 * h * h * kvHeads / attentionHeads;
        double feedForward = mixtureOfExperts()
                ? h * experts
                : feedForwardMatrices() * h * ffnHiddenSize;
        return attention + feedForward + 4 * h;
    }

    /** Weights of all experts of one layer; 0 for a dense model. */
    public double expertLayerParameters() {
        return mixtureOfExperts() ? experts * feedForwardMatrices() * hiddenSize * expertFfnHiddenSize : 0;
    }

    /** Weights of one embedding matrix. */
    public double embeddingParameters() {
        return (double) vocabSize * hiddenSize;
    }

    /** All weights. */
    public double parameters() {
        return layers * (denseLayerParameters() + expertLayerParameters())
                + (tied ? 1 : 2) * embeddingParameters();
    }

    /** FLOP of one layer's matrix multiplications forward, per token, without attention scores. */
    double layerFlopsPerToken() {
        double h = hiddenSize;
        double attention = 2 * (2 * h * h + 2 * h * h * kvHeads / attentionHeads);
        double feedForward = mixtureOfExperts()
                ? 2 * feedForwardMatrices() * h * expertFfnHiddenSize * topK + 2 * h * experts
                : 2 * feedForwardMatrices() * h * ffnHiddenSize;
        return attention + feedForward;
    }

    /** FLOP of one layer's causal attention scores and values forward, per token. */
    double attentionFlopsPerToken() {
        return 2.0 * sequenceLength * hiddenSize;
    }

    /** FLOP of the output projection forward, per token. */
    double headFlopsPerToken() {
        return 2.0 * hiddenSize * vocabSize;
    }

    /** FLOP of a whole training step: forward and twice as much backward (Narayanan et al. 2021, appendix). */
    double stepFlops(long tokens) {
        return 3.0 * tokens
                * (layers * (layerFlopsPerToken() + attentionFlopsPerToken()) + headFlopsPerToken());
    }
}

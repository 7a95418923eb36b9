package io.longhaul.planner.model;

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

    public ModelShape {
        requirePositive("layers", layers);
        requirePositive("hiddenSize", hiddenSize);
        requirePositive("ffnHiddenSize", ffnHiddenSize);
        requirePositive("attentionHeads", attentionHeads);
        requirePositive("kvHeads", kvHeads);
        requirePositive("vocabSize", vocabSize);
        requirePositive("sequenceLength", sequenceLength);
        if (hiddenSize % attentionHeads != 0 || attentionHeads % kvHeads != 0) {
            throw new IllegalArgumentException(
                    "kvHeads (" + kvHeads + ") must divide attentionHeads (" + attentionHeads
                            + "), and these hiddenSize (" + hiddenSize + ")");
        }
        if (experts < 0 || experts > 0 && (topK < 1 || topK > experts || expertFfnHiddenSize < 1)) {
            throw new IllegalArgumentException(
                    "topK must be 1 to experts and expertFfnHiddenSize >= 1, got experts " + experts
                            + ", topK " + topK + ", expertFfnHiddenSize " + expertFfnHiddenSize);
        }
    }

    private static void requirePositive(String field, int value) {
        if (value < 1) {
            throw new IllegalArgumentException(field + " must be >= 1, got " + value);
        }
    }

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

    /** Weights of all layers, without embeddings and output projection. */
    public double layerParameters() {
        return layers * (denseLayerParameters() + expertLayerParameters());
    }

    /** All weights. */
    public double parameters() {
        return layerParameters() + (tied ? 1 : 2) * embeddingParameters();
    }

    /** FLOP forward per token of what every tensor-parallel group multiplies, without attention scores. */
    public double denseLayerFlopsPerToken() {
        return 2 * (denseLayerParameters() - 4.0 * hiddenSize);
    }

    /** FLOP of the chosen experts of one layer forward, per token. */
    public double expertLayerFlopsPerToken() {
        return mixtureOfExperts() ? 2.0 * topK * expertLayerParameters() / experts : 0;
    }

    /** FLOP of one layer's causal attention scores and values forward, per token: half of the full square. */
    public double attentionFlopsPerToken() {
        return 2.0 * sequenceLength * hiddenSize;
    }

    /** FLOP of the output projection forward, per token. */
    public double headFlopsPerToken() {
        return 2.0 * hiddenSize * vocabSize;
    }

    /**
     * FLOP of a whole training step without recomputation: forward and twice as much backward. As Narayanan et al.
     * 2021, appendix, with causal attention counted by half.
     */
    public double stepFlops(long tokens) {
        double layer = denseLayerFlopsPerToken() + expertLayerFlopsPerToken() + attentionFlopsPerToken();
        return 3.0 * tokens * (layers * layer + headFlopsPerToken());
    }
}

package io.longhaul.planner.model;

/**
 * Shape of a decoder-only transformer.
 *
 * @param ffnHiddenSize inner size of a dense layer's feed-forward
 * @param kvHeads key/value heads
 * @param gated feed-forward with a gate: three weight matrices instead of two
 * @param tied input and output embeddings are one matrix
 * @param experts routed experts per layer, 0 for a dense model
 * @param topK experts per token
 * @param expertFfnHiddenSize inner size of one expert
 * @param headSize values per attention head
 * @param window tokens that every second layer's attention sees, 0 if all layers see the whole sequence
 * @param queryRank inner size of the query projection in multi-head latent attention, 0 for ordinary attention
 * @param latentRank inner size of its key and value projection (DeepSeek-AI 2024, DeepSeek-V2, section 2.1)
 * @param ropeSize values per head that carry the position in latent attention, on top of {@code headSize}
 * @param denseLayers leading layers of a mixture of experts that have one feed-forward
 * @param sharedExperts experts that every token visits, in units of {@code expertFfnHiddenSize}
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
        int expertFfnHiddenSize,
        int headSize,
        int window,
        int queryRank,
        int latentRank,
        int ropeSize,
        int denseLayers,
        int sharedExperts) {

    /** With heads that share the hidden size, full attention, and experts in every layer or none. */
    public ModelShape(int layers, int hiddenSize, int ffnHiddenSize, int attentionHeads, int kvHeads,
            int vocabSize, int sequenceLength, boolean gated, boolean tied, int experts, int topK,
            int expertFfnHiddenSize) {
        this(layers, hiddenSize, ffnHiddenSize, attentionHeads, kvHeads, vocabSize, sequenceLength, gated,
                tied, experts, topK, expertFfnHiddenSize,
                wholeHeads(hiddenSize, attentionHeads) ? hiddenSize / attentionHeads : 0, 0, 0, 0, 0, 0, 0);
    }

    public ModelShape {
        requirePositive("layers", layers);
        requirePositive("hiddenSize", hiddenSize);
        requirePositive("ffnHiddenSize", ffnHiddenSize);
        requirePositive("attentionHeads", attentionHeads);
        requirePositive("kvHeads", kvHeads);
        requirePositive("vocabSize", vocabSize);
        requirePositive("sequenceLength", sequenceLength);
        if (headSize < 1 || attentionHeads % kvHeads != 0) {
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

    private static boolean wholeHeads(int hiddenSize, int attentionHeads) {
        return attentionHeads > 0 && hiddenSize % attentionHeads == 0;
    }

    /** With heads of another size than an equal share of the hidden size. */
    public ModelShape withHeadSize(int headSize) {
        return new ModelShape(layers, hiddenSize, ffnHiddenSize, attentionHeads, kvHeads, vocabSize,
                sequenceLength, gated, tied, experts, topK, expertFfnHiddenSize, headSize, window, queryRank,
                latentRank, ropeSize, denseLayers, sharedExperts);
    }

    /** With attention to so many tokens in every second layer. */
    public ModelShape withWindow(int window) {
        return new ModelShape(layers, hiddenSize, ffnHiddenSize, attentionHeads, kvHeads, vocabSize,
                sequenceLength, gated, tied, experts, topK, expertFfnHiddenSize, headSize, window, queryRank,
                latentRank, ropeSize, denseLayers, sharedExperts);
    }

    /** With multi-head latent attention. */
    public ModelShape withLatentAttention(int headSize, int queryRank, int latentRank, int ropeSize) {
        return new ModelShape(layers, hiddenSize, ffnHiddenSize, attentionHeads, kvHeads, vocabSize,
                sequenceLength, gated, tied, experts, topK, expertFfnHiddenSize, headSize, window, queryRank,
                latentRank, ropeSize, denseLayers, sharedExperts);
    }

    /** With so many dense layers before those with experts, and so many experts for every token. */
    public ModelShape withDenseLayers(int denseLayers, int sharedExperts) {
        return new ModelShape(layers, hiddenSize, ffnHiddenSize, attentionHeads, kvHeads, vocabSize,
                sequenceLength, gated, tied, experts, topK, expertFfnHiddenSize, headSize, window, queryRank,
                latentRank, ropeSize, denseLayers, sharedExperts);
    }

    public boolean mixtureOfExperts() {
        return experts > 0;
    }

    public boolean latentAttention() {
        return latentRank > 0;
    }

    /** Layers with routed experts. */
    public int expertLayers() {
        return mixtureOfExperts() ? layers - Math.min(denseLayers, layers) : 0;
    }

    private double feedForwardMatrices() {
        return gated ? 3 : 2;
    }

    /** Weights of one layer's attention. */
    public double attentionParameters() {
        double h = hiddenSize;
        double inner = (double) attentionHeads * headSize;
        if (!latentAttention()) {
            return 2 * h * inner + 2 * h * kvHeads * headSize;
        }
        double query = (double) attentionHeads * (headSize + ropeSize);
        return (queryRank > 0 ? h * queryRank + queryRank * query : h * query)
                + h * (latentRank + ropeSize) + 2.0 * latentRank * inner + inner * h;
    }

    /** Weights of the feed-forward of a dense layer. */
    public double feedForwardParameters() {
        return feedForwardMatrices() * hiddenSize * ffnHiddenSize;
    }

    /** Weights of the shared experts of one layer. */
    public double sharedExpertParameters() {
        return feedForwardMatrices() * hiddenSize * sharedExperts * expertFfnHiddenSize;
    }

    /**
     * Weights of one layer that every tensor-parallel group holds: attention, norms, dense feed-forward or router and
     * shared experts; of a mixture of experts, those of a layer with experts.
     */
    public double denseLayerParameters() {
        double feedForward = mixtureOfExperts()
                ? (double) hiddenSize * experts + sharedExpertParameters()
                : feedForwardParameters();
        return attentionParameters() + feedForward + 4.0 * hiddenSize;
    }

    /** Weights of one leading dense layer of a mixture of experts. */
    public double leadingLayerParameters() {
        return attentionParameters() + feedForwardParameters() + 4.0 * hiddenSize;
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
        int leading = layers - (mixtureOfExperts() ? expertLayers() : layers);
        return leading * leadingLayerParameters()
                + (layers - leading) * (denseLayerParameters() + expertLayerParameters());
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

    /** Tokens whose keys and values a token attends to, on average over tokens and layers, half of a full square. */
    public double attendedTokens() {
        double whole = 0.5 * sequenceLength;
        return window > 0 && window < sequenceLength
                ? 0.5 * (whole + window * (1 - 0.5 * window / sequenceLength))
                : whole;
    }

    /** FLOP of one layer's causal attention scores and values forward, per token: half of the full square. */
    public double attentionFlopsPerToken() {
        return 2.0 * attendedTokens() * attentionHeads * (2.0 * headSize + ropeSize);
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
        double all = layers * attentionFlopsPerToken() + headFlopsPerToken()
                + (layers - expertLayers()) * 2 * (attentionParameters() + feedForwardParameters())
                + expertLayers() * (denseLayerFlopsPerToken() + expertLayerFlopsPerToken());
        return 3.0 * tokens * all;
    }
}

package io.longhaul.planner.place;

/**
 * What work costs on the parts of a mixed cluster. A part is devices of one kind behind network cards of one kind;
 * seconds are forward and backward of one micro-batch, of one rank.
 */
public interface PartPrices {
    /** Of one layer. */
    double layerSeconds(int part, int tensor, int microBatch);

    /** Of the embedding. */
    double embeddingSeconds(int part, int tensor, int microBatch);

    /** Of output projection and loss. */
    double headSeconds(int part, int tensor, int microBatch);

    /** To send activations to the next stage and get gradients back, inside a part or from one to another. */
    double hopSeconds(int from, int to, int tensor, int microBatch);

    /** Per step: sums of gradients and the update of a stage with so many layers. */
    double stepSeconds(int part, int tensor, int data, int layers);

    /**
     * Layers that fit into the memory of a stage.
     *
     * @param stage counted from 0 of {@code stages}; the first has the embedding, the last the output projection
     */
    int mostLayers(int part, int tensor, int data, int microBatch, int microBatches, int stage, int stages);
}

package io.longhaul.planner;

/**
 * One way to spread a run over its ranks; {@code tensor * context * pipeline * data} is their number.
 *
 * @param expert ranks over which the experts of a layer are spread; divides {@code data}
 * @param microBatch samples per micro-batch and data-parallel rank
 * @param microBatches micro-batches per step and data-parallel rank
 * @param zeroStage what is sharded over data-parallel ranks: 1 the optimizer, 2 gradients too, 3 weights too
 */
public record Candidate(
        int tensor,
        int context,
        int pipeline,
        int data,
        int expert,
        int microBatch,
        int microBatches,
        Recompute recompute,
        int zeroStage) {
    /** Which activations are computed again in the backward pass. */
    public enum Recompute {
        NONE, SELECTIVE, FULL
    }

    /** Ranks that hold the same weights, as far as these are not sharded: each sees other tokens. */
    int replicas() {
        return data * context;
    }

    /** The same for the weights of experts. */
    int expertReplicas() {
        return replicas() / expert;
    }

    /** Short text, for instance {@code tp8 pp4 dp32 b2}. */
    @Override
    public String toString() {
        return "tp" + tensor + (context > 1 ? " cp" + context : "") + " pp" + pipeline + " dp" + data
                + (expert > 1 ? " ep" + expert : "") + " b" + microBatch
                + (recompute == Recompute.NONE
                        ? ""
                        : " recompute-" + recompute.name().toLowerCase(java.util.Locale.ROOT))
                + (zeroStage > 0 ? " zero" + zeroStage : "");
    }
}

package io.longhaul.bench.calculon;

/**
 * One point of the space.
 *
 * @param tensorNetwork tier that tensor parallelism uses, 0 or 1; the same for pipeline and data
 * @param batch samples per step
 * @param microBatch samples per micro-batch and data-parallel rank
 * @param chunks model chunks per stage
 * @param sharding the optimizer is sharded over data-parallel ranks
 * @param redo gathered inputs are gathered again in the backward pass
 */
public record Execution(
        int tensor,
        int pipeline,
        int data,
        int tensorNetwork,
        int pipelineNetwork,
        int dataNetwork,
        int batch,
        int microBatch,
        Recompute recompute,
        int chunks,
        boolean sharding,
        Exchange exchange,
        Overlap overlap,
        boolean redo,
        boolean dataOverlap) {

    /** Activations that are computed again. */
    public enum Recompute {
        FULL, ATTENTION, NONE
    }

    /** How tensor-parallel ranks exchange activations. */
    public enum Exchange {
        /** All-reduce. */
        ALL_REDUCE,
        /** All-reduce, but scattered and gathered around transfers between stages. */
        SCATTERED_TRANSFER,
        /** Reduce-scatter and all-gather: sequence parallelism. */
        SCATTER_GATHER
    }

    /** How the exchange hides behind multiplications. */
    public enum Overlap {
        NONE, RING, PIPE
    }

    Execution with(int pipelineNetwork, int dataNetwork, boolean dataOverlap) {
        return new Execution(
                tensor, pipeline, data, tensorNetwork, pipelineNetwork, dataNetwork, batch, microBatch,
                recompute, chunks, sharding, exchange, overlap, redo, dataOverlap);
    }

    int microBatches() {
        return batch / data / microBatch;
    }
}

package io.longhaul.planner;

import java.util.Optional;

/**
 * What is to be planned.
 *
 * @param globalBatch samples per optimizer step
 * @param fixed degrees that the user fixed
 * @param abilities what the trainer can execute
 */
public record PlanRequest(
        ModelShape model,
        Machine machine,
        int globalBatch,
        Optional<Fixed> fixed,
        Abilities abilities) {
    /** Degrees of parallelism that the plan must have. */
    public record Fixed(int tensor, int pipeline, int data, int context) {}

    /**
     * @param maxTensor largest tensor-parallel degree, usually the devices of a node
     * @param maxPipeline largest number of stages
     * @param selectiveRecompute attention alone can be computed again
     * @param maxZeroStage 1 for a sharded optimizer
     */
    public record Abilities(
            int maxTensor,
            int maxPipeline,
            int maxContext,
            boolean selectiveRecompute,
            int maxZeroStage) {}
}

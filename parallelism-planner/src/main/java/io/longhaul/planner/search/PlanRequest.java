package io.longhaul.planner.search;

import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.model.ModelShape;
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
    public PlanRequest {
        if (globalBatch < 1) {
            throw new IllegalArgumentException("globalBatch must be >= 1, got " + globalBatch);
        }
    }

    /** Degrees of parallelism that the plan must have. */
    public record Fixed(int tensor, int pipeline, int data, int context) {}

    /**
     * @param maxTensor largest tensor-parallel degree, usually the devices of a node
     * @param maxPipeline largest number of stages
     * @param selectiveRecompute attention alone can be computed again
     * @param maxZeroStage 1 shards the optimizer, 2 gradients too, 3 weights too (Rajbhandari et al. 2020)
     * @param sequenceParallel what lies between tensor-parallel blocks is split by tokens (Korthikanti et al. 2022)
     */
    public record Abilities(
            int maxTensor,
            int maxPipeline,
            int maxContext,
            boolean selectiveRecompute,
            int maxZeroStage,
            boolean sequenceParallel) {
        public Abilities {
            if (maxZeroStage < 0 || maxZeroStage > 3) {
                throw new IllegalArgumentException("maxZeroStage must be 0 to 3, got " + maxZeroStage);
            }
        }
    }
}

package io.longhaul.orchestrator.plan;

import io.longhaul.orchestrator.run.RunSpec;

/**
 * The chosen plan of a run, as far as the run's life needs it.
 *
 * @param layout degrees of parallelism; their product is {@code nodes * ranksPerNode}
 * @param expert ranks over which a layer's experts are spread, 1 for a dense model
 * @param microBatch samples per micro-batch and data-parallel rank
 * @param recompute activation recomputation, {@code none}, {@code selective} or {@code full}
 * @param zeroStage optimizer sharding over data-parallel ranks, 0 to 3
 * @param stepSeconds predicted seconds per optimizer step
 * @param tokensPerSecond predicted throughput of the whole run
 * @param view the plan as the API shows it, a JSON object: breakdown, memory, runners-up, reason
 */
public record PlannedRun(
        RunSpec.Layout layout,
        int expert,
        int microBatch,
        String recompute,
        int zeroStage,
        int nodes,
        int ranksPerNode,
        double stepSeconds,
        double tokensPerSecond,
        String view) {}

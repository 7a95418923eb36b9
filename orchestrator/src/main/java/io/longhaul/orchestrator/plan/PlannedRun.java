package io.longhaul.orchestrator.plan;

import io.longhaul.planner.layout.ParallelLayout;

/**
 * The chosen plan of a run, as far as the run's life needs it.
 *
 * @param layout on {@code nodes * ranksPerNode} ranks
 * @param stepSeconds predicted seconds per optimizer step
 * @param tokensPerSecond predicted throughput of the whole run
 * @param view the plan as the API shows it, a JSON object: breakdown, memory, runners-up, reason
 */
public record PlannedRun(
        ParallelLayout layout,
        int nodes,
        int ranksPerNode,
        double stepSeconds,
        double tokensPerSecond,
        String view) {}

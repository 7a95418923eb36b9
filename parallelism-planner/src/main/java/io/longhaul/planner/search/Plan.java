package io.longhaul.planner.search;

import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.memory.StageMemory;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A layout with what it costs.
 *
 * @param breakdown seconds by what they are spent on
 * @param utilisation model FLOP/s over peak FLOP/s of all ranks, in [0, 1]
 */
public record Plan(
        ParallelLayout layout,
        Map<String, Double> breakdown,
        double stepSeconds,
        double tokensPerSecond,
        double utilisation,
        List<StageMemory> memory) {
    public Plan {
        breakdown = new LinkedHashMap<>(breakdown);
        memory = List.copyOf(memory);
    }

    /** Bytes of the fullest rank. */
    public double peakBytes() {
        return memory.stream().mapToDouble(StageMemory::totalBytes).max().orElse(0);
    }
}

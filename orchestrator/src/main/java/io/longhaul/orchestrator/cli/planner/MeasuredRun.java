package io.longhaul.orchestrator.cli.planner;

import io.longhaul.planner.calibrate.Observation;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.constants.Constants;
import io.longhaul.planner.constants.Software;
import io.longhaul.planner.cost.CostModel;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.memory.MemoryModel;
import io.longhaul.planner.memory.StageMemory;
import io.longhaul.planner.model.ModelShape;
import java.util.List;

/**
 * One row of measured runs in the planner's terms.
 *
 * @param keys what its constants belong to, wide to narrow
 * @param seconds per optimizer step, NaN if not reported
 * @param memoryBytes peak of the fullest rank, NaN if not reported
 * @param memoryKind what was reported as memory
 * @param noise standard deviation of the logarithm of the reported step time, by the row's quality
 * @param assumed what the row does not say and was filled in
 */
record MeasuredRun(
        String id,
        String source,
        String group,
        List<String> keys,
        ModelShape model,
        Machine.Cluster machine,
        Software software,
        ParallelLayout layout,
        int globalBatch,
        double seconds,
        double memoryBytes,
        MemoryKind memoryKind,
        boolean outOfMemory,
        double noise,
        List<String> assumed) {

    /** The same of whether a run fits: capacities are marketed, and rows may leave out what saved memory. */
    static final double LIMIT_NOISE = 0.1;

    /** Standard deviation of the logarithm of a reported peak: rounding, and what the allocator did that day. */
    static final double MEMORY_NOISE = 0.03;

    /** What a source calls memory: tensors in use, what the allocator holds, or what the device reports. */
    enum MemoryKind {
        ALLOCATED, RESERVED, DEVICE
    }

    double predictedSeconds(Constants constants) {
        return new CostModel(model, machine, constants, software).price(layout).total();
    }

    /** Of the fullest stage, in the terms of the source. */
    double predictedBytes(Constants constants) {
        return predictedBytes(constants, memoryKind);
    }

    double predictedBytes(Constants constants, MemoryKind kind) {
        double most = 0;
        for (StageMemory stage : new MemoryModel(model, machine, constants, software).stages(layout)) {
            double bytes = stage.totalBytes();
            if (kind != MemoryKind.DEVICE) {
                bytes -= stage.terms().getOrDefault("runtime", 0.0);
            }
            if (kind == MemoryKind.ALLOCATED) {
                bytes -= stage.terms().getOrDefault("allocator", 0.0);
            }
            most = Math.max(most, bytes);
        }
        return most;
    }

    boolean timed() {
        return !Double.isNaN(seconds);
    }

    boolean weighed() {
        return !Double.isNaN(memoryBytes);
    }

    Observation timeObservation() {
        return new Observation(keys, this::predictedSeconds, seconds, noise);
    }

    /** The peak, or that it fitted the device or did not. */
    Observation memoryObservation() {
        if (weighed()) {
            return new Observation(keys, this::predictedBytes, memoryBytes, MEMORY_NOISE);
        }
        return new Observation(keys, c -> predictedBytes(c, MemoryKind.DEVICE), machine.memoryBytesPerRank(),
                LIMIT_NOISE, outOfMemory ? Observation.Kind.AT_LEAST : Observation.Kind.AT_MOST);
    }
}

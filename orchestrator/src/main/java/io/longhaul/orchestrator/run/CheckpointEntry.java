package io.longhaul.orchestrator.run;

import io.longhaul.orchestrator.telemetry.AgentRecord.CheckpointState;
import java.time.Instant;
import java.util.Optional;

/**
 * A checkpoint and the last that is known of it. Only a verified one is ever resumed from.
 *
 * @param attempt attempt that wrote it
 * @param consumedSamples position in the data, in samples
 * @param seconds time to write it
 */
public record CheckpointEntry(
        int attempt,
        long step,
        CheckpointState state,
        String path,
        Instant at,
        long consumedSamples,
        double seconds,
        Optional<String> problem) {}

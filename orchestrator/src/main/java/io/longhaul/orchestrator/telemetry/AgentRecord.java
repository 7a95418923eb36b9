package io.longhaul.orchestrator.telemetry;

import io.longhaul.monitor.hang.RankState;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * One fact from the agent of a node. {@code seq} rises by one from 1 per (run, attempt, node) and survives
 * restarts of agent and service, so that a repeated batch adds nothing.
 */
public sealed interface AgentRecord {
    long seq();

    Instant at();

    /** The agent is up and waits for a start command; {@code freePort} serves the rendezvous if this is node 0. */
    record Registered(long seq, Instant at, String host, int pid, int freePort) implements AgentRecord {}

    /** A rank's process was started. */
    record RankStarted(long seq, Instant at, int rank, int pid) implements AgentRecord {}

    /** A rank's process ended: by its own exit code, or by a signal number. */
    record RankExited(long seq, Instant at, int rank, OptionalInt code, OptionalInt signal)
            implements
                AgentRecord {}

    /** A line that a rank wrote. */
    record LogLine(long seq, Instant at, int rank, Stream stream, String line) implements AgentRecord {}

    /**
     * Phase times of one optimizer step on one rank, from the trainer's reporting hook.
     *
     * @param computeSeconds wall-clock time in forward and backward without waiting for others
     * @param communicationSeconds wall-clock time in collectives and transfers, waiting included
     * @param totalSeconds wall-clock time of the step
     */
    record RankStep(
            long seq,
            Instant at,
            int rank,
            long step,
            double computeSeconds,
            double communicationSeconds,
            double totalSeconds) implements AgentRecord {}

    /** A checkpoint reached a state; {@code verified} means that the agent read it back and the checksums agree. */
    record Checkpoint(
            long seq,
            Instant at,
            int rank,
            long step,
            CheckpointState state,
            String path,
            long consumedSamples,
            double seconds,
            Optional<String> problem) implements AgentRecord {}

    /**
     * What a DCGM exporter says of the health of the node's GPUs.
     *
     * @param text in the exporter's format, cut down to what changed
     */
    record GpuHealth(long seq, Instant at, String text) implements AgentRecord {}

    /**
     * What a rank tells of the whole model at a step, by the trainer's own names; names that nobody knows are passed over.
     *
     * @param values finite
     */
    record Metrics(long seq, Instant at, int rank, long step, Map<String, Double> values)
            implements
                AgentRecord {
        public Metrics {
            values = Map.copyOf(values);
        }
    }

    /**
     * How far a rank is in the collectives of its groups, told at its start and while it stands still.
     *
     * @param phase what it is doing
     */
    record Collectives(long seq, Instant at, int rank, RankState.Phase phase, List<Group> groups)
            implements
                AgentRecord {
        /**
         * @param group number that is the same on all its ranks; 0 is all ranks of the job
         * @param entered number of the last collective that was entered, counted alike on all ranks of the group
         * @param finished number of the last one that was finished
         */
        public record Group(int group, long entered, long finished) {}

        public Collectives {
            groups = List.copyOf(groups);
        }
    }

    /**
     * What the tests of a rank found before its start.
     *
     * @param values rates by name, in units of their own per second
     * @param wrong what was computed, remembered or sent wrong; empty if nothing
     * @param problem why the tests did not end; empty if they did
     */
    record Preflight(long seq, Instant at, int rank, Map<String, Double> values, String wrong, String problem)
            implements
                AgentRecord {
        public Preflight {
            values = Map.copyOf(values);
        }
    }

    /** The trainer begins to read a data shard: samples {@code [firstSample, endSample)} of the run's order. */
    record DataShard(long seq, Instant at, String shard, long firstSample, long endSample)
            implements
                AgentRecord {}

    /** The agent has no rank left: {@code reason} is completed, failed, drained, stopped or fenced. */
    record AllExited(long seq, Instant at, String reason, OptionalLong lastCheckpointStep)
            implements
                AgentRecord {}

    /** Origin of a log line; the kernel's lines are the node's, whatever rank they name. */
    enum Stream {
        STDOUT, STDERR, AGENT, KERNEL
    }

    /** Life of a checkpoint as the worker side sees it. */
    enum CheckpointState {
        WRITTEN, VERIFIED, FAILED
    }
}

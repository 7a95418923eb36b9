package io.longhaul.monitor;

import io.longhaul.monitor.hang.RankState;
import io.longhaul.monitor.health.GpuReading;
import io.longhaul.monitor.internals.Internal;
import io.longhaul.monitor.node.Preflight.Result;
import java.time.Instant;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/** One observation of an attempt, with the time at which it was made. */
public sealed interface Signal {
    Instant at();

    /**
     * A training step as the trainer's log reports it.
     *
     * @param step optimizer step, counted from 1
     * @param loss nats per token; not finite when the trainer printed NaN or infinity
     * @param lossScale of mixed precision
     * @param notFiniteSteps steps since the last line whose loss or gradient was not finite
     * @param skippedUpdate the trainer made no update in this step
     */
    record Step(
            Instant at,
            long step,
            double loss,
            OptionalDouble gradientNorm,
            double learningRate,
            double stepSeconds,
            OptionalDouble lossScale,
            long notFiniteSteps,
            boolean skippedUpdate) implements Signal {
        /** A step in a precision that needs no loss scale. */
        public Step(Instant at, long step, double loss, OptionalDouble gradientNorm, double learningRate,
                double stepSeconds, boolean skippedUpdate) {
            this(at, step, loss, gradientNorm, learningRate, stepSeconds, OptionalDouble.empty(), 0,
                    skippedUpdate);
        }
    }

    /** Phase times of one step on one rank, in wall-clock seconds; communication includes waiting. */
    record RankStep(
            Instant at,
            int rank,
            long step,
            double computeSeconds,
            double communicationSeconds,
            double totalSeconds) implements Signal {}

    /** What the model shows of itself at a step, over all ranks. */
    record ModelInternals(Instant at, long step, List<Internal.Reading> readings) implements Signal {
        public ModelInternals {
            readings = List.copyOf(readings);
        }
    }

    /** What the tests of a rank found before it was started. */
    record Preflight(Instant at, Result result) implements Signal {}

    /** A rank's process was started. */
    record RankStarted(Instant at, int rank) implements Signal {}

    /** A rank's process ended, by its exit code or by a signal number; {@code lastLines} is its last output. */
    record RankExited(Instant at, int rank, OptionalInt code, OptionalInt signal, String lastLines)
            implements
                Signal {}

    /** A line that a rank wrote and that tells no step. */
    record LogLine(Instant at, int rank, String text) implements Signal {}

    /**
     * How far a rank is in the collectives of one of its groups, as a flight recorder tells.
     *
     * @param state everything but when it was looked at
     */
    record CollectiveProgress(Instant at, RankState state) implements Signal {}

    /** A line of a node's kernel log. */
    record NodeLine(Instant at, int node, String text) implements Signal {}

    /** What the instruments of a node say of its GPUs. */
    record GpuReadings(Instant at, int node, List<GpuReading> readings) implements Signal {
        public GpuReadings {
            readings = List.copyOf(readings);
        }
    }

    /** All processes of a node are gone without a word, as two independent witnesses saw it. */
    record NodeGone(Instant at, int node, String detail) implements Signal {}

    /** Nothing but the passing of time. */
    record Tick(Instant at) implements Signal {}
}

package io.longhaul.orchestrator.run;

import io.longhaul.orchestrator.launch.AttemptLaunch;
import io.longhaul.orchestrator.launch.NodeSet;
import io.longhaul.orchestrator.plan.PlannedRun;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;

/** A fact in the life of a run. A run is the fold of its events; they are stored in order and never changed. */
public sealed interface RunEvent {
    Instant at();

    record Created(Instant at, RunSpec spec) implements RunEvent {}

    record Planned(Instant at, PlannedRun plan) implements RunEvent {}

    /** The next attempt is to exist. */
    record AttemptDecided(Instant at, AttemptLaunch launch, Recipe recipe, List<StepRange> skipped)
            implements
                RunEvent {
        public AttemptDecided {
            skipped = List.copyOf(skipped);
        }
    }

    /** The backend made the agents exist. */
    record AttemptCreated(Instant at, int attempt) implements RunEvent {}

    /** Something outside is in the way of the attempt, named with its remedy; an empty cause: no more. */
    record AttemptHeld(Instant at, int attempt, String cause) implements RunEvent {}

    record NodeRegistered(Instant at, int attempt, int node, String host, int freePort)
            implements
                RunEvent {}

    /** @param machines names of the machines that the nodes run on, by node */
    record NodesPlaced(Instant at, int attempt, SortedMap<Integer, String> machines) implements RunEvent {}

    /**
     * An incident speaks against a machine, also to other runs.
     *
     * @param weight 1 condemns it, less is a hint
     */
    record MachineBlamed(Instant at, int attempt, String machine, double weight, String reason)
            implements
                RunEvent {}

    /** All agents are there and were told to start their ranks. */
    record AttemptStarted(Instant at, int attempt) implements RunEvent {}

    record FirstStep(Instant at, int attempt, long step) implements RunEvent {}

    record CheckpointChanged(Instant at, CheckpointEntry checkpoint) implements RunEvent {}

    record IncidentOpened(Instant at, Incident incident) implements RunEvent {}

    /** The same trouble grew graver, and was decided on anew. */
    record IncidentChanged(Instant at, Incident incident) implements RunEvent {}

    record IncidentClosed(Instant at, String incident, Incident.Status status) implements RunEvent {}

    /** Agents were told to end their ranks, or end by themselves. */
    record AttemptEnding(Instant at, int attempt, String cause, Duration grace) implements RunEvent {}

    /** A node has no rank left, as its agent says. */
    record NodeExited(Instant at, int attempt, int node, String reason) implements RunEvent {}

    /**
     * No rank of the attempt is left and none can come back.
     *
     * @param kept nodes whose agents wait for the next attempt; no other agent is left
     */
    record AttemptEnded(
            Instant at,
            int attempt,
            String outcome,
            long lastStep,
            Optional<Instant> lastStepAt,
            NodeSet kept)
            implements
                RunEvent {
        public AttemptEnded {
            // Attempts that ended before agents were kept.
            kept = Objects.requireNonNullElse(kept, NodeSet.NONE);
        }

        /** With all its agents. */
        public AttemptEnded(Instant at, int attempt, String outcome, long lastStep,
                Optional<Instant> lastStepAt) {
            this(at, attempt, outcome, lastStep, lastStepAt, NodeSet.NONE);
        }
    }

    /** Advice was asked for; the evidence supports no change. */
    record AdviceAbstained(Instant at, int attempt, String explanation) implements RunEvent {}

    record ChangeProposed(Instant at, RecipeChange change) implements RunEvent {}

    record ChangeDecided(Instant at, String change, RecipeChange.Status status, String by)
            implements
                RunEvent {}

    record ChangeScored(Instant at, RecipeChange change) implements RunEvent {}

    /** What came of the change cannot be measured; it stays applied. */
    record ChangeNotScored(Instant at, String change, String reason) implements RunEvent {}

    record StopRequested(Instant at) implements RunEvent {}

    record Waiting(Instant at, String code, String message, String action) implements RunEvent {}

    /**
     * A person let the run go on, or not.
     *
     * @param incident whose decision is carried out by that
     */
    record WaitAnswered(Instant at, boolean approved, Optional<String> incident) implements RunEvent {}

    record Completed(Instant at) implements RunEvent {}

    record Failed(Instant at, String reason) implements RunEvent {}

    record Stopped(Instant at) implements RunEvent {}
}

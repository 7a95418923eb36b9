package io.longhaul.orchestrator.run;

import io.longhaul.monitor.Finding;
import io.longhaul.orchestrator.adapt.AdaptOutcome;
import io.longhaul.orchestrator.launch.NodeSet;
import io.longhaul.orchestrator.plan.PlannedRun;
import io.longhaul.orchestrator.telemetry.AgentRecord;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.SortedMap;

/** What the run's life reacts to. */
public sealed interface RunInput {
    /** Planning succeeded. */
    record PlanReady(PlannedRun plan) implements RunInput {}

    /** Nothing legal fits, or the machine cannot be measured. */
    record NoPlan(String reason) implements RunInput {}

    /** The backend made the attempt's agents exist. */
    record Created(int attempt) implements RunInput {}

    /** The backend waits for something outside; an empty cause if for nothing any more. */
    record Held(int attempt, String cause) implements RunInput {}

    /** The backend refused. */
    record CreateFailed(int attempt, String reason) implements RunInput {}

    /** An agent's record, {@code step} being the last that the trainer logged by then. */
    record Told(int attempt, int node, AgentRecord message) implements RunInput {}

    /**
     * Every agent has registered.
     *
     * @param places where the nodes are in the fabric, by node, as in {@code WorkloadObservation}; empty if that is not
     *     known of all
     */
    record Ready(int attempt, List<List<String>> places) implements RunInput {
        public Ready {
            places = List.copyOf(places);
        }
    }

    /** The trainer logged a step. */
    record Stepped(int attempt, long step) implements RunInput {}

    /**
     * A detector fired.
     *
     * @param signs lesser findings before it that belong to the same trouble, oldest first
     * @param damage the steps whose data is suspect, and the shard they come from
     * @param stepSeconds usual length of a step, if it was logged
     * @param node where the rank runs that is blamed
     */
    record Found(
            int attempt,
            Finding finding,
            List<Finding> signs,
            Optional<Damage> damage,
            long lastStep,
            OptionalDouble stepSeconds,
            OptionalInt node) implements RunInput {
        public Found {
            signs = List.copyOf(signs);
        }

        /** On a node that is not known. */
        Found(int attempt, Finding finding, List<Finding> signs, Optional<Damage> damage, long lastStep,
                OptionalDouble stepSeconds) {
            this(attempt, finding, signs, damage, lastStep, stepSeconds, OptionalInt.empty());
        }
    }

    /** @param shard data shard, if the trainer said which one it was reading */
    record Damage(StepRange steps, Optional<String> shard) {}

    /**
     * The attempt's agents are gone without having said so.
     *
     * @param lost the world has given up the machine, and not only what ran there
     */
    record Gone(int attempt, int node, String detail, boolean lost) implements RunInput {
        Gone(int attempt, int node, String detail) {
            this(attempt, node, detail, false);
        }
    }

    /** @param machines names of the machines that the nodes run on, by node */
    record Placed(int attempt, SortedMap<Integer, String> machines) implements RunInput {}

    /**
     * No rank of the attempt is left.
     *
     * @param kept nodes whose agents live and can go on with the next attempt; the other agents are gone
     */
    record Fenced(int attempt, long lastStep, Optional<Instant> lastStepAt, NodeSet kept)
            implements
                RunInput {
        /** With all its agents. */
        Fenced(int attempt, long lastStep, Optional<Instant> lastStepAt) {
            this(attempt, lastStep, lastStepAt, NodeSet.NONE);
        }
    }

    /** Advice before an attempt. */
    record Advised(int attempt, AdaptOutcome outcome) implements RunInput {}

    record Scored(RecipeChange change) implements RunInput {}

    /** What came of a change cannot be measured. */
    record NotScored(String change, String reason) implements RunInput {}

    record StopAsked() implements RunInput {}

    /**
     * A person's answer to what the run waits for.
     *
     * @param node where the rank runs that the incident which asks is about, if that is known
     */
    record WaitAnswered(boolean approved, OptionalInt node) implements RunInput {}

    record ChangeAnswered(String change, boolean approved) implements RunInput {}

    /** Nothing was heard from a node's agent for longer than a stall may take. */
    record Silent(int attempt, int node, Instant lastHeard) implements RunInput {}

    /** A node's agent is in touch. */
    record Heard(int attempt, int node) implements RunInput {}

    /** Time passed; before {@code listeningSince} nobody could have been heard. */
    record Tick(Instant listeningSince) implements RunInput {}
}

package io.longhaul.orchestrator.run;

import io.longhaul.orchestrator.launch.AttemptLaunch;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * One launch of a run's workers.
 *
 * @param nodes what the agents said when they registered, by node
 * @param exitedNodes nodes whose agent reported that no rank is left, with its reason
 * @param deadline when an ending attempt is fenced even if agents are still silent
 * @param lastStep last step that the trainer logged; {@code launch.resumeStep()} while the attempt is live
 * @param outcome completed, stopped or failed; empty while the attempt is live
 */
public record Attempt(
        int number,
        AttemptLaunch launch,
        Recipe recipe,
        List<StepRange> skipped,
        Stage stage,
        Instant decidedAt,
        Optional<Instant> createdAt,
        Map<Integer, Node> nodes,
        Optional<Instant> startedAt,
        Optional<Instant> firstStepAt,
        Map<Integer, String> exitedNodes,
        Optional<Instant> endingAt,
        Optional<Instant> deadline,
        Optional<Instant> endedAt,
        long lastStep,
        Optional<Instant> lastStepAt,
        String outcome,
        String cause) {
    public Attempt {
        skipped = List.copyOf(skipped);
        nodes = Map.copyOf(nodes);
        exitedNodes = Map.copyOf(exitedNodes);
    }

    /** Outcomes of an attempt that has ended. */
    static final String COMPLETED = "completed";
    static final String STOPPED = "stopped";
    static final String FAILED = "failed";

    /** Life of an attempt, in this order; {@code ENDING} can be reached from each earlier one. */
    public enum Stage {
        CREATING, REGISTERING, STARTING, TRAINING, ENDING, ENDED
    }

    /** An agent that registered. */
    public record Node(String host, int freePort) {}

    static Attempt decided(
            AttemptLaunch launch, Recipe recipe, List<StepRange> skipped, Instant at) {
        return new Attempt(launch.key().attempt(), launch, recipe, skipped, Stage.CREATING, at,
                Optional.empty(),
                Map.of(), Optional.empty(), Optional.empty(), Map.of(), Optional.empty(), Optional.empty(),
                Optional.empty(), launch.resumeStep(), Optional.empty(), "", "");
    }

    public boolean live() {
        return stage != Stage.ENDED;
    }

    boolean allRegistered() {
        return nodes.size() == launch.nodes();
    }

    boolean allExited() {
        return exitedNodes.size() == launch.nodes();
    }

    /** Whether every agent reported that its ranks did all their work. */
    public boolean completed() {
        return allExited() && exitedNodes.values().stream().allMatch("completed"::equals);
    }

    /** Nodes without a rank, as their agents say themselves. */
    Set<Integer> toldExits() {
        return exitedNodes.entrySet()
                .stream()
                .filter(exit -> !exit.getValue().equals(RunDecider.GONE))
                .map(Map.Entry::getKey)
                .collect(Collectors.toSet());
    }

    Set<Integer> nodesNotExited() {
        Set<Integer> rest = new HashSet<>();
        for (int node = 0; node < launch.nodes(); node++) {
            if (!exitedNodes.containsKey(node)) {
                rest.add(node);
            }
        }
        return rest;
    }

    Attempt created(Instant at) {
        return new Attempt(number, launch, recipe, skipped, Stage.REGISTERING, decidedAt, Optional.of(at),
                nodes,
                startedAt, firstStepAt, exitedNodes, endingAt, deadline, endedAt, lastStep, lastStepAt,
                outcome, cause);
    }

    Attempt registered(int node, Node info) {
        Map<Integer, Node> more = new HashMap<>(nodes);
        more.put(node, info);
        return new Attempt(number, launch, recipe, skipped, stage, decidedAt, createdAt, more, startedAt,
                firstStepAt,
                exitedNodes, endingAt, deadline, endedAt, lastStep, lastStepAt, outcome, cause);
    }

    Attempt started(Instant at) {
        return new Attempt(number, launch, recipe, skipped, Stage.STARTING, decidedAt, createdAt, nodes,
                Optional.of(at), firstStepAt, exitedNodes, endingAt, deadline, endedAt, lastStep, lastStepAt,
                outcome,
                cause);
    }

    Attempt firstStep(Instant at) {
        return new Attempt(number, launch, recipe, skipped, stage == Stage.STARTING ? Stage.TRAINING : stage,
                decidedAt,
                createdAt, nodes, startedAt, Optional.of(at), exitedNodes, endingAt, deadline, endedAt,
                lastStep,
                lastStepAt, outcome, cause);
    }

    Attempt exited(int node, String reason) {
        Map<Integer, String> more = new HashMap<>(exitedNodes);
        more.put(node, reason);
        return new Attempt(number, launch, recipe, skipped, stage, decidedAt, createdAt, nodes, startedAt,
                firstStepAt,
                more, endingAt, deadline, endedAt, lastStep, lastStepAt, outcome, cause);
    }

    Attempt ending(Instant at, Duration grace, String why) {
        return new Attempt(number, launch, recipe, skipped, Stage.ENDING, decidedAt, createdAt, nodes,
                startedAt,
                firstStepAt, exitedNodes, Optional.of(at), Optional.of(at.plus(grace)), endedAt, lastStep,
                lastStepAt,
                outcome, why);
    }

    Attempt ended(Instant at, String how, long step, Optional<Instant> stepAt) {
        return new Attempt(number, launch, recipe, skipped, Stage.ENDED, decidedAt, createdAt, nodes,
                startedAt,
                firstStepAt, exitedNodes, endingAt, deadline, Optional.of(at), step, stepAt, how, cause);
    }
}

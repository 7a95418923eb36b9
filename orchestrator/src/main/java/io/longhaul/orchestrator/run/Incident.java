package io.longhaul.orchestrator.run;

import io.longhaul.monitor.Finding;
import io.longhaul.monitor.loss.LossEvent.Grade;
import io.longhaul.monitor.response.Action;
import io.longhaul.monitor.response.Response;
import io.longhaul.monitor.response.ResponsePolicy;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * Something that went wrong, what was decided and what it cost.
 *
 * @param id unique within the run
 * @param grade how grave its gravest finding is
 * @param confidence probability that it is real, in [0, 1]
 * @param step first step concerned
 * @param shard data shard concerned
 * @param evidence the detector's figures
 * @param signs lesser findings that belong to it, oldest first
 * @param action what was done, for people
 * @param decision why that and not something else
 * @param earlier decisions before it became graver, oldest first
 * @param rollbackStep checkpoint that the run went back to; empty if it went on
 * @param skipped steps whose data is not used any more because of this
 * @param redoneTokens tokens trained on once more because of this
 * @param lostTokens tokens whose update was thrown away
 * @param lostSeconds from the opening to the first step of the next attempt
 */
public record Incident(
        String id,
        Finding.Kind kind,
        Grade grade,
        double confidence,
        int attempt,
        Instant openedAt,
        Optional<Instant> closedAt,
        OptionalLong step,
        OptionalInt rank,
        Optional<String> shard,
        String summary,
        Map<String, String> evidence,
        List<Sign> signs,
        String action,
        Decision decision,
        List<Decision> earlier,
        OptionalLong rollbackStep,
        List<StepRange> skipped,
        long redoneTokens,
        long lostTokens,
        double lostSeconds,
        Status status) {
    public Incident {
        evidence = new LinkedHashMap<>(evidence);
        signs = List.copyOf(signs);
        earlier = List.copyOf(earlier);
        skipped = List.copyOf(skipped);
    }

    /** {@code OBSERVED} needs no action; {@code UNRESOLVED} ended with the run still hurt. */
    public enum Status {
        OPEN, RECOVERED, OBSERVED, UNRESOLVED
    }

    /** A finding that alone is no reason to do anything. */
    public record Sign(Instant at, Finding.Kind kind, String summary) {}

    /**
     * @param gpuSeconds what the action is expected to cost
     * @param inputs figures the rule looked at, by name
     * @param learningRateFactor factor on the learning rate of the next attempt
     * @param basis all that it was made from: made again from that, it is the same
     */
    public record Decision(
            Instant at,
            Action action,
            String does,
            String rule,
            OptionalDouble gpuSeconds,
            Map<String, String> inputs,
            List<Response.Alternative> alternatives,
            double learningRateFactor,
            ResponsePolicy.Case basis) {
        public Decision {
            inputs = new LinkedHashMap<>(inputs);
            alternatives = List.copyOf(alternatives);
        }
    }

    boolean open() {
        return status == Status.OPEN;
    }

    /** What was decided about it ends the attempt, and the run then waits for a person. */
    boolean asks() {
        return decision.action() == Action.ASK
                || decision.action().ends() && decision.basis().policy().dryRun();
    }

    /** What was decided is done after all: at a person's word, though the policy is a dry run. */
    Incident carriedOut() {
        Response response = decision.basis().respond();
        return new Incident(id, kind, grade, confidence, attempt, openedAt, Optional.empty(), step, rank,
                shard,
                summary, evidence, signs, action, decision, earlier, response.rollbackStep(),
                response.skip().map(s -> new StepRange(s.from(), s.to())).stream().toList(), 0, 0, 0,
                Status.OPEN);
    }

    /** The same trouble, grown graver. */
    Incident became(Incident graver) {
        List<Decision> decisions = new ArrayList<>(earlier);
        decisions.add(decision);
        return new Incident(id, graver.kind, graver.grade, graver.confidence, attempt, openedAt, closedAt,
                step,
                graver.rank, graver.shard, graver.summary, graver.evidence, graver.signs, graver.action,
                graver.decision, decisions, graver.rollbackStep, graver.skipped, 0, 0, 0, status);
    }

    Incident closed(Instant at, Status end) {
        return new Incident(id, kind, grade, confidence, attempt, openedAt, Optional.of(at), step, rank,
                shard,
                summary, evidence, signs, action, decision, earlier, rollbackStep, skipped, redoneTokens,
                lostTokens, lostSeconds, end);
    }

    Incident resumed(long from, long redone, long lost, double seconds) {
        return new Incident(id, kind, grade, confidence, attempt, openedAt, closedAt, step, rank, shard,
                summary,
                evidence, signs, action, decision, earlier, OptionalLong.of(from), skipped, redone, lost,
                seconds,
                status);
    }
}

package io.longhaul.orchestrator.run;

import io.longhaul.monitor.Finding;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * Something that went wrong, what was decided and what it cost.
 *
 * @param id unique within the run
 * @param step first step concerned
 * @param shard data shard concerned
 * @param evidence the detector's figures
 * @param action what was done, for people
 * @param decision why that and not something else
 * @param rollbackStep checkpoint that the run went back to; empty if it went on
 * @param skipped steps whose data is not used any more because of this
 * @param redoneTokens tokens trained on once more because of this
 * @param lostTokens tokens whose update was thrown away
 * @param lostSeconds from the opening to the first step of the next attempt
 */
public record Incident(
        String id,
        Finding.Kind kind,
        int attempt,
        Instant openedAt,
        Optional<Instant> closedAt,
        OptionalLong step,
        OptionalInt rank,
        Optional<String> shard,
        String summary,
        Map<String, String> evidence,
        String action,
        Decision decision,
        OptionalLong rollbackStep,
        List<StepRange> skipped,
        long redoneTokens,
        long lostTokens,
        double lostSeconds,
        Status status) {
    public Incident {
        evidence = new LinkedHashMap<>(evidence);
        skipped = List.copyOf(skipped);
    }

    /** {@code OBSERVED} needs no action; {@code UNRESOLVED} ended with the run still hurt. */
    public enum Status {
        OPEN, RECOVERED, OBSERVED, UNRESOLVED
    }

    /** @param inputs figures the rule looked at, by name */
    public record Decision(String rule, Map<String, String> inputs, List<Alternative> alternatives) {
        public Decision {
            inputs = new LinkedHashMap<>(inputs);
            alternatives = List.copyOf(alternatives);
        }
    }

    /** Something that was not done. */
    public record Alternative(String action, String why) {}

    Incident closed(Instant at, Status end) {
        return new Incident(id, kind, attempt, openedAt, Optional.of(at), step, rank, shard, summary,
                evidence, action,
                decision, rollbackStep, skipped, redoneTokens, lostTokens, lostSeconds, end);
    }

    Incident resumed(long from, long redone, long lost, double seconds) {
        return new Incident(id, kind, attempt, openedAt, closedAt, step, rank, shard, summary, evidence,
                action,
                decision, OptionalLong.of(from), skipped, redone, lost, seconds, status);
    }
}

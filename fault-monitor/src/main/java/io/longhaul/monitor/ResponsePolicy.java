package io.longhaul.monitor;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/** What to do about a finding, and why not something else. Pure. */
public final class ResponsePolicy {
    /** Policy version; goes into the stored inputs, so that an old decision can be understood. */
    public static final String VERSION = "1";

    private ResponsePolicy() {}

    /** The choices. */
    public enum Action {
        /** End the attempt, go back to a checkpoint before the damage, do not read that data again. */
        ROLL_BACK_AND_SKIP,
        /** End the attempt, go on from the newest checkpoint. */
        RESTART,
        /** Go on and keep watching. */
        OBSERVE,
        /** End the attempt and ask a person. */
        GIVE_UP
    }

    /** Steps {@code from} to {@code to}, both included. */
    public record Steps(long from, long to) {
        public Steps {
            if (from < 1 || to < from) {
                throw new IllegalArgumentException(
                        "steps must be 1 <= from <= to, got " + from + " to " + to);
            }
        }

        boolean contains(long step) {
            return from <= step && step <= to;
        }
    }

    /**
     * What the run knows.
     *
     * @param lastStep last step that was logged
     * @param verifiedSteps steps of the checkpoints that were read back and found whole, in any order
     * @param suspectData steps that read the data which was being read when the damage began, if that is known
     * @param alreadySkipped steps whose data is not read any more
     * @param restarts restarts so far
     * @param skipMarginSteps steps to skip on both sides of the damage if the data is not known
     * @param otherNode whether a healthy node is free
     * @param samplesPerStep global batch
     */
    public record Context(
            long lastStep,
            List<Long> verifiedSteps,
            Optional<Steps> suspectData,
            List<Steps> alreadySkipped,
            int restarts,
            int maxRestarts,
            int skipMarginSteps,
            boolean otherNode,
            long samplesPerStep) {
        public Context {
            verifiedSteps = List.copyOf(verifiedSteps);
            alreadySkipped = List.copyOf(alreadySkipped);
            if (restarts < 0 || maxRestarts < 0 || skipMarginSteps < 0 || samplesPerStep < 1) {
                throw new IllegalArgumentException(
                        "restarts, maxRestarts, skipMarginSteps must be >= 0 and samplesPerStep >= 1, got "
                                + restarts + ", " + maxRestarts + ", " + skipMarginSteps + ", "
                                + samplesPerStep);
            }
        }

        /** The newest verified checkpoint at or before a step; 0, the beginning, if there is none. */
        long checkpointAtOrBefore(long step) {
            return verifiedSteps.stream().mapToLong(Long::longValue).filter(s -> s <= step).max().orElse(0);
        }
    }

    /** Something that was not done. */
    public record Alternative(String action, String why) {}

    /**
     * A decision.
     *
     * @param rule the sentence that decided
     * @param inputs figures that the rule looked at, by name
     * @param rollbackStep checkpoint to go on from, 0 for the beginning; empty if the attempt goes on
     * @param skip steps whose data is not to be read again
     */
    public record Response(
            Action action,
            String rule,
            Map<String, String> inputs,
            List<Alternative> alternatives,
            OptionalLong rollbackStep,
            Optional<Steps> skip) {
        public Response {
            inputs = new LinkedHashMap<>(inputs);
            alternatives = List.copyOf(alternatives);
        }
    }

    public static Response respond(Finding finding, Context context) {
        Map<String, String> inputs = new LinkedHashMap<>();
        inputs.put("policy version", VERSION);
        inputs.put("last step", Long.toString(context.lastStep));
        inputs.put("restarts so far", Integer.toString(context.restarts));
        inputs.put("restarts allowed", Integer.toString(context.maxRestarts));
        return switch (finding.kind()) {
            case SPIKE, NAN -> damaged(finding, context, inputs);
            case STALLED, EXITED -> stopped(finding, context, inputs);
            case SLOW_RANK -> slow(context, inputs);
            case RECOVERED -> new Response(
                    Action.OBSERVE, "nothing is wrong any more", inputs, List.of(), OptionalLong.empty(),
                    Optional.empty());
            case UNREACHABLE -> new Response(
                    Action.OBSERVE,
                    "silence alone is no failure: a second witness has to say that the node is gone",
                    inputs,
                    List.of(new Alternative("restart",
                            "the ranks may be healthy behind a broken network, and their work would be lost")),
                    OptionalLong.empty(), Optional.empty());
        };
    }

    private static Response damaged(Finding finding, Context context, Map<String, String> inputs) {
        long onset = Math.max(1, finding.step().orElse(context.lastStep));
        Steps around = new Steps(
                Math.max(1, onset - context.skipMarginSteps),
                Math.max(onset, context.lastStep) + context.skipMarginSteps);
        Steps skip = context.suspectData
                .map(data -> new Steps(Math.min(data.from, onset), Math.max(data.to, onset)))
                .orElse(around);
        long rollback = context.checkpointAtOrBefore(skip.from - 1);
        inputs.put("first damaged step", Long.toString(onset));
        inputs.put("suspect steps", skip.from + " to " + skip.to);
        inputs.put("suspect samples",
                Long.toString(Math.multiplyExact(skip.to - skip.from + 1, context.samplesPerStep)));
        inputs.put("suspect steps from",
                context.suspectData.isPresent() ? "the data being read" : "a margin");
        inputs.put("checkpoint before", checkpoint(rollback));
        List<Alternative> alternatives = new ArrayList<>();
        alternatives.add(
                new Alternative(
                        "go on",
                        finding.kind() == Finding.Kind.NAN
                                ? "weights that are not finite never become finite again"
                                : "the loss stayed up instead of coming back by itself, so the weights are damaged"));
        // Skipped steps make no update, so the same damage without its data shows right after them.
        boolean again = context.alreadySkipped.stream()
                .anyMatch(steps -> steps.from <= onset && onset <= steps.to + 1 + context.skipMarginSteps);
        if (again) {
            alternatives.add(
                    new Alternative("roll back and skip",
                            "this data is skipped already, so it is not the cause"));
            return giveUp("the damage came back without the data that was blamed for it", inputs,
                    alternatives);
        }
        if (context.restarts >= context.maxRestarts) {
            return exhausted(inputs, alternatives);
        }
        alternatives.add(
                new Alternative(
                        "restart without skipping",
                        "the data order is fixed: the same steps would read the same data"));
        alternatives.add(
                new Alternative(
                        "lower the learning rate",
                        context.suspectData.isPresent()
                                ? "the damage began with the data of step " + skip.from
                                        + ", not with the optimizer"
                                : "one event is no evidence of a rate that is too high"));
        return new Response(
                Action.ROLL_BACK_AND_SKIP,
                "damaged weights are thrown away, and the data that damaged them is not read again",
                inputs, alternatives, OptionalLong.of(rollback), Optional.of(skip));
    }

    private static Response stopped(Finding finding, Context context, Map<String, String> inputs) {
        long rollback = context.checkpointAtOrBefore(Long.MAX_VALUE);
        inputs.put("newest verified checkpoint", checkpoint(rollback));
        inputs.put("steps to redo", Long.toString(Math.max(0, context.lastStep - rollback)));
        inputs.put("free node", context.otherNode ? "yes" : "no");
        List<Alternative> alternatives = new ArrayList<>();
        alternatives
                .add(new Alternative("go on", "no other rank can finish its step without the missing one"));
        if (context.restarts >= context.maxRestarts) {
            return exhausted(inputs, alternatives);
        }
        alternatives.add(
                finding.kind() == Finding.Kind.STALLED
                        ? new Alternative("wait longer", "the limit is already several times the usual step")
                        : new Alternative(
                                "start the one rank again",
                                "its part of the optimizer state and its place in the process group ended with it"));
        alternatives.add(
                new Alternative(
                        "replace the node",
                        context.otherNode
                                ? "one failure says nothing about the node yet"
                                : "no other node is free"));
        return new Response(
                Action.RESTART, "a collective job cannot go on without one of its ranks", inputs,
                alternatives,
                OptionalLong.of(rollback), Optional.empty());
    }

    private static Response slow(Context context, Map<String, String> inputs) {
        inputs.put("free node", context.otherNode ? "yes" : "no");
        long rollback = context.checkpointAtOrBefore(Long.MAX_VALUE);
        if (context.otherNode && context.restarts < context.maxRestarts) {
            inputs.put("newest verified checkpoint", checkpoint(rollback));
            return new Response(
                    Action.RESTART, "every rank waits for the slowest, and a healthy node is free", inputs,
                    List.of(new Alternative("go on", "the slow rank would hold up all others until the end")),
                    OptionalLong.of(rollback), Optional.empty());
        }
        return new Response(
                Action.OBSERVE, "a slow rank costs time, and a restart in the same place costs more", inputs,
                List.of(
                        new Alternative(
                                "replace the node",
                                context.otherNode ? "all restarts are used up" : "no other node is free"),
                        new Alternative("restart", "the rank would run in the same place again")),
                OptionalLong.empty(), Optional.empty());
    }

    private static Response exhausted(Map<String, String> inputs, List<Alternative> alternatives) {
        alternatives.add(new Alternative("restart", "all restarts that the policy allows are used up"));
        return giveUp("a run that keeps failing needs a person", inputs, alternatives);
    }

    private static Response giveUp(String rule, Map<String, String> inputs, List<Alternative> alternatives) {
        return new Response(Action.GIVE_UP, rule, inputs, alternatives, OptionalLong.empty(),
                Optional.empty());
    }

    private static String checkpoint(long step) {
        return step == 0 ? "none, from the beginning" : "step " + step;
    }
}

package io.longhaul.monitor;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/** What to do about a finding, and why not something else. How often, is the run's to bound. Pure. */
public final class ResponsePolicy {
    private ResponsePolicy() {}

    /** The choices. */
    public enum Action {
        /** End the attempt, go back to a checkpoint before the damage, do not read that data again. */
        ROLL_BACK_AND_SKIP,
        /** End the attempt, go on from the newest checkpoint. */
        RESTART,
        /** Go on and keep watching. */
        OBSERVE
    }

    /** Steps {@code from} to {@code to}, both included. */
    public record Steps(long from, long to) {
        public Steps {
            if (from < 1 || to < from) {
                throw new IllegalArgumentException(
                        "steps must be 1 <= from <= to, got " + from + " to " + to);
            }
        }
    }

    /** Data that was being read when the damage began: the steps that read it, and its shard. */
    public record SuspectData(Steps steps, Optional<String> shard) {}

    /**
     * What the run knows.
     *
     * @param lastStep last step that was logged
     * @param verifiedSteps steps of the checkpoints that were read back and found whole, in any order
     * @param restarts restarts so far
     * @param skipMarginSteps steps to skip on both sides of the damage if the data is not known
     */
    public record Context(
            long lastStep,
            List<Long> verifiedSteps,
            Optional<SuspectData> suspectData,
            int restarts,
            int maxRestarts,
            int skipMarginSteps) {
        public Context {
            verifiedSteps = List.copyOf(verifiedSteps);
            if (restarts < 0 || maxRestarts < 0 || skipMarginSteps < 0) {
                throw new IllegalArgumentException(
                        "restarts, maxRestarts and skipMarginSteps must be >= 0, got " + restarts + ", "
                                + maxRestarts + ", " + skipMarginSteps);
            }
        }

        /** The newest verified checkpoint at or before a step; 0, the beginning, if there is none. */
        private long checkpointAtOrBefore(long step) {
            return verifiedSteps.stream().mapToLong(Long::longValue).filter(s -> s <= step).max().orElse(0);
        }
    }

    /** Something that was not done. */
    public record Alternative(String action, String why) {}

    /**
     * A decision.
     *
     * @param does what is done, for people
     * @param rule the sentence that decided
     * @param inputs figures that the rule looked at, by name
     * @param rollbackStep checkpoint to go on from, 0 for the beginning; empty if the attempt goes on
     * @param skip steps whose data is not to be read again
     */
    public record Response(
            Action action,
            String does,
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
        inputs.put("last step", Long.toString(context.lastStep));
        inputs.put("restarts so far", Integer.toString(context.restarts));
        inputs.put("restarts allowed", Integer.toString(context.maxRestarts));
        return switch (finding.kind()) {
            case SPIKE, NAN -> damaged(finding, context, inputs);
            case STALLED, EXITED -> stopped(finding, context, inputs);
            case SLOW_RANK -> observe(
                    "watch it and go on",
                    "a slow rank costs time, a restart costs more unless a better place is at hand", inputs,
                    new Alternative("replace the node", "this cluster has no spare node"),
                    new Alternative("restart", "the rank would run in the same place again"));
            case RECOVERED -> observe("go on", "nothing is wrong any more", inputs);
            case UNREACHABLE -> observe(
                    "wait for it; training may well go on",
                    "silence alone is no failure: a second witness has to say that the node is gone", inputs,
                    new Alternative(
                            "restart",
                            "the ranks may be healthy behind a broken network, and their work would be lost"),
                    new Alternative("give up", "stop the run by hand if the node is known to be dead"));
        };
    }

    private static Response observe(
            String does, String rule, Map<String, String> inputs, Alternative... alternatives) {
        return new Response(
                Action.OBSERVE, does, rule, inputs, List.of(alternatives), OptionalLong.empty(),
                Optional.empty());
    }

    private static Response damaged(Finding finding, Context context, Map<String, String> inputs) {
        long onset = Math.max(1, finding.step().orElse(context.lastStep));
        Steps skip = context.suspectData
                .map(data -> new Steps(
                        Math.min(data.steps().from, onset), Math.max(data.steps().to, onset)))
                .orElseGet(
                        () -> new Steps(
                                Math.max(1, onset - context.skipMarginSteps),
                                Math.max(onset, context.lastStep) + context.skipMarginSteps));
        Optional<String> shard = context.suspectData.flatMap(SuspectData::shard);
        long rollback = context.checkpointAtOrBefore(skip.from - 1);
        inputs.put("first damaged step", Long.toString(onset));
        inputs.put("suspect steps", skip.from + " to " + skip.to);
        inputs.put("suspect data", shard.orElse("steps around the damage, shard not known"));
        inputs.put("newest verified checkpoint before", checkpoint(rollback));
        inputs.put("steps to redo", Long.toString(Math.max(0, context.lastStep - rollback)));
        return new Response(
                Action.ROLL_BACK_AND_SKIP,
                "roll back to step " + rollback + ", skip the data of steps " + skip.from + " to " + skip.to,
                "damaged weights are thrown away, and the data that damaged them is not read again",
                inputs,
                List.of(
                        new Alternative(
                                "go on",
                                finding.kind() == Finding.Kind.NAN
                                        ? "weights that are not finite never become finite again"
                                        : "the loss stayed high instead of coming back by itself, so the weights are"
                                                + " damaged"),
                        new Alternative(
                                "restart without skipping",
                                "the data order is fixed: the same steps would read the same data"),
                        new Alternative(
                                "lower the learning rate",
                                shard.map(name -> "the damage began with shard " + name
                                        + ", not with the optimizer")
                                        .orElse("one event is no evidence of a rate that is too high"))),
                OptionalLong.of(rollback), Optional.of(skip));
    }

    private static Response stopped(Finding finding, Context context, Map<String, String> inputs) {
        long rollback = context.checkpointAtOrBefore(Long.MAX_VALUE);
        inputs.put("newest verified checkpoint", checkpoint(rollback));
        inputs.put("steps to redo", Long.toString(Math.max(0, context.lastStep - rollback)));
        List<Alternative> alternatives = new ArrayList<>();
        alternatives.add(
                finding.kind() == Finding.Kind.STALLED
                        ? new Alternative("wait longer", "the limit is already several times the usual step")
                        : new Alternative("wait",
                                "no other rank can finish its step without the missing one"));
        alternatives.add(
                new Alternative(
                        "start the one rank again",
                        "its optimizer state and its place in the process group are lost with it"));
        alternatives.add(
                new Alternative("replace the node", "nothing speaks against the node, and it is at hand"));
        return new Response(
                Action.RESTART, "restart all ranks from step " + rollback,
                "a collective job cannot go on without one of its ranks", inputs, alternatives,
                OptionalLong.of(rollback), Optional.empty());
    }

    private static String checkpoint(long step) {
        return step == 0 ? "none" : Long.toString(step);
    }
}

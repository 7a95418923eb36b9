package io.longhaul.orchestrator.run;

import io.longhaul.monitor.Finding;
import io.longhaul.orchestrator.run.Incident.Alternative;
import io.longhaul.orchestrator.run.Incident.Decision;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/** What is done about a finding, and why that. Pure. */
final class Responses {
    /** Evidence that names a node. */
    static final String NODE = "node";

    private Responses() {}

    /** The incident with its decision; with a rollback step when the attempt is to end. */
    static Incident respond(RunState state, RunInput.Found found, Instant now) {
        Finding finding = found.finding();
        String id = "attempt-" + found.attempt() + "-" + name(finding.kind())
                + (finding.rank().isPresent() ? "-rank-" + finding.rank().getAsInt() : "")
                + "-" + (state.incidents().size() + 1);
        Map<String, String> inputs = new LinkedHashMap<>();
        inputs.put("last step", Long.toString(found.lastStep()));
        inputs.put("restarts so far", Integer.toString(state.attempts().size() - 1));
        inputs.put("restarts allowed", Integer.toString(state.spec().policies().maxRestarts()));
        return switch (finding.kind()) {
            case SPIKE, NAN -> skipData(id, state, found, now, inputs);
            case STALLED, EXITED -> restart(id, state, found, now, inputs);
            case SLOW_RANK, RECOVERED -> observe(id, found, now, inputs, "watch it and go on", new Choice(
                    "a slow rank costs time, a restart costs more unless a better place is at hand",
                    List.of(
                            new Alternative("replace the node", "this cluster has no spare node"),
                            new Alternative("restart", "the rank would run in the same place again"))));
            case UNREACHABLE ->
                observe(id, found, now, inputs, "wait for it; training may well go on", new Choice(
                        "silence alone is no failure: a second witness has to say that the node is gone",
                        List.of(
                                new Alternative("restart",
                                        "the ranks may be healthy behind a broken network, and their work would be lost"),
                                new Alternative("give up",
                                        "stop the run by hand if the node is known to be dead"))));
        };
    }

    static String name(Finding.Kind kind) {
        return lower(kind.name());
    }

    /** A constant's name as people and the API write it. */
    static String lower(String constant) {
        return constant.toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private static Incident skipData(
            String id, RunState state, RunInput.Found found, Instant now, Map<String, String> inputs) {
        long step = found.finding().step().orElse(found.lastStep());
        int margin = state.spec().policies().skipMarginSteps();
        RunInput.Damage damage = found.damage()
                .orElseGet(
                        () -> new RunInput.Damage(
                                new StepRange(Math.max(1, step - margin),
                                        Math.max(found.lastStep(), step) + margin),
                                Optional.empty()));
        long rollback = rollback(state, damage.steps().first() - 1);
        inputs.put("first damaged step", Long.toString(step));
        inputs.put("suspect steps", damage.steps().first() + " to " + damage.steps().last());
        inputs.put("suspect data", damage.shard().orElse("steps around the damage, shard not known"));
        inputs.put("newest verified checkpoint before", rollback == 0 ? "none" : Long.toString(rollback));
        return new Incident(
                id,
                found.finding().kind(),
                found.attempt(),
                now,
                Optional.empty(),
                found.finding().step(),
                found.finding().rank(),
                damage.shard(),
                found.finding().summary(),
                found.finding().evidence(),
                "roll back to step " + rollback + ", skip the data of steps " + damage.steps().first()
                        + " to "
                        + damage.steps().last(),
                new Decision(
                        "damaged weights are thrown away and the data that damaged them is not read again",
                        inputs,
                        List.of(
                                new Alternative(
                                        "go on",
                                        "the loss stayed high instead of coming back by itself, so the weights are damaged"),
                                new Alternative(
                                        "restart without skipping",
                                        "the data order is fixed: the same steps would read the same data"),
                                new Alternative(
                                        "lower the learning rate",
                                        damage.shard().isPresent()
                                                ? "the damage began with shard " + damage.shard().get()
                                                        + ", not with the optimizer"
                                                : "one spike is no evidence of a rate that is too high"))),
                OptionalLong.of(rollback),
                List.of(damage.steps()),
                0,
                0,
                0,
                Incident.Status.OPEN);
    }

    private static Incident restart(
            String id, RunState state, RunInput.Found found, Instant now, Map<String, String> inputs) {
        long rollback = rollback(state, Long.MAX_VALUE);
        inputs.put("newest verified checkpoint", rollback == 0 ? "none" : Long.toString(rollback));
        inputs.put("steps to redo", Long.toString(Math.max(0, found.lastStep() - rollback)));
        return new Incident(
                id,
                found.finding().kind(),
                found.attempt(),
                now,
                Optional.empty(),
                found.finding().step(),
                found.finding().rank(),
                Optional.empty(),
                found.finding().summary(),
                found.finding().evidence(),
                "restart all ranks from step " + rollback,
                new Decision(
                        "a collective job cannot go on without one of its ranks",
                        inputs,
                        List.of(
                                new Alternative("wait",
                                        "no other rank can finish its step without the missing one"),
                                new Alternative(
                                        "start the one rank again",
                                        "its optimizer state and its place in the process group are lost with it"),
                                new Alternative("replace the node",
                                        "nothing speaks against the node, and it is at hand"))),
                OptionalLong.of(rollback),
                List.of(),
                0,
                0,
                0,
                Incident.Status.OPEN);
    }

    private record Choice(String rule, List<Alternative> alternatives) {}

    private static Incident observe(String id, RunInput.Found found, Instant now,
            Map<String, String> inputs, String action, Choice choice) {
        Finding finding = found.finding();
        return new Incident(
                id,
                finding.kind(),
                found.attempt(),
                now,
                Optional.empty(),
                finding.step(),
                finding.rank(),
                Optional.empty(),
                finding.summary(),
                finding.evidence(),
                action,
                new Decision(choice.rule(), inputs, choice.alternatives()),
                OptionalLong.empty(),
                List.of(),
                0,
                0,
                0,
                Incident.Status.OPEN);
    }

    private static long rollback(RunState state, long atMost) {
        return state.verifiedAtOrBefore(atMost).map(CheckpointEntry::step).orElse(0L);
    }
}

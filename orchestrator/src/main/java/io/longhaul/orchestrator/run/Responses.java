package io.longhaul.orchestrator.run;

import io.longhaul.monitor.Finding;
import io.longhaul.monitor.response.Action;
import io.longhaul.monitor.response.Policy;
import io.longhaul.monitor.response.Response;
import io.longhaul.monitor.response.ResponsePolicy;
import io.longhaul.monitor.response.Situation;
import io.longhaul.monitor.response.Situation.Past;
import io.longhaul.monitor.response.Situation.Steps;
import io.longhaul.monitor.response.Situation.SuspectData;
import io.longhaul.monitor.response.Trouble;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Stream;

/** Between a run and the policy that answers findings: what the run knows, and its incident. Pure. */
final class Responses {
    /** Evidence that names a node. */
    static final String NODE = "node";

    private Responses() {}

    /** The incident with its decision; with a rollback step when the attempt is to end. */
    static Incident respond(RunState state, RunInput.Found found, Instant now) {
        Finding finding = found.finding();
        ResponsePolicy.Case basis = new ResponsePolicy.Case(finding, situation(state, found, now),
                policy(state.spec().policies()));
        Response response = basis.respond();
        boolean acts = !basis.policy().dryRun();
        List<Finding.Kind> kinds = new ArrayList<>(found.signs().stream().map(Finding::kind).toList());
        kinds.add(finding.kind());
        return new Incident(
                "attempt-" + found.attempt() + "-" + name(finding.kind())
                        + (finding.rank().isPresent() ? "-rank-" + finding.rank().getAsInt() : "")
                        + "-" + (state.incidents().size() + 1),
                finding.kind(),
                finding.grade(),
                Trouble.confidence(kinds),
                found.attempt(),
                now,
                Optional.empty(),
                finding.step(),
                finding.rank(),
                found.damage().flatMap(RunInput.Damage::shard),
                finding.summary(),
                finding.evidence(),
                found.signs().stream().map(s -> new Incident.Sign(s.at(), s.kind(), s.summary())).toList(),
                response.does(),
                new Incident.Decision(now, response.action(), response.does(), response.rule(),
                        response.gpuSeconds(), response.inputs(), response.alternatives(),
                        response.learningRateFactor(), basis),
                List.of(),
                acts ? response.rollbackStep() : OptionalLong.empty(),
                acts
                        ? response.skip().map(s -> new StepRange(s.from(), s.to())).stream().toList()
                        : List.of(),
                0,
                0,
                0,
                Incident.Status.OPEN);
    }

    private static Policy policy(RunSpec.Policies policies) {
        return Policy.usual(policies.dryRun(), policies.adapt() == RunSpec.Policies.Adapt.AUTO,
                policies.skipMarginSteps());
    }

    private static Situation situation(RunState state, RunInput.Found found, Instant now) {
        return new Situation(
                now,
                found.lastStep(),
                state.verifiedSteps(),
                found.damage()
                        .map(damage -> new SuspectData(
                                new Steps(damage.steps().first(), damage.steps().last()), damage.shard())),
                state.attempt(found.attempt()).launch().worldSize(),
                found.stepSeconds().orElse(state.plan().map(p -> p.stepSeconds()).orElse(0.0)),
                restartSeconds(state),
                spareNodes(state),
                !state.spec().skipsData(),
                state.incidents().stream().flatMap(Responses::past).toList());
    }

    /** Nodes of the cluster that are neither used nor avoided; none where machines cannot be told apart. */
    private static int spareNodes(RunState state) {
        boolean named = !state.machines().isEmpty();
        return named && state.spec().cluster() instanceof RunSpec.Cluster.Described cluster
                ? Math.max(0, cluster.nodes() - Set.copyOf(state.machines().values()).size()
                        - state.lastAttempt().map(a -> a.launch().avoid().size()).orElse(0))
                : 0;
    }

    private static Stream<Past> past(Incident incident) {
        Incident.Decision decision = incident.decision();
        boolean done = incident.rollbackStep().isPresent() || decision.action() == Action.WATCH;
        return done
                ? Stream.of(new Past(decision.at(), decision.action(),
                        decision.basis().situation().newestCheckpoint()))
                : Stream.of();
    }

    /** From the decision on an attempt to its first step, as it was in this run; half of the limit at first. */
    static double restartSeconds(RunState state) {
        double[] seconds = state.attempts()
                .stream()
                .flatMap(a -> a.firstStepAt().map(at -> Duration.between(a.decidedAt(), at)).stream())
                .mapToDouble(between -> between.toMillis() / 1e3)
                .sorted()
                .toArray();
        return seconds.length == 0
                ? state.spec().policies().startTimeout().toMillis() / 2e3
                : seconds[seconds.length / 2];
    }

    static String name(Finding.Kind kind) {
        return lower(kind.name());
    }

    /** A constant's name as people and the API write it. */
    static String lower(String constant) {
        return constant.toLowerCase(Locale.ROOT).replace('_', '-');
    }
}

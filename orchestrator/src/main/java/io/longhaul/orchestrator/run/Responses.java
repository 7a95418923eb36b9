package io.longhaul.orchestrator.run;

import io.longhaul.monitor.Finding;
import io.longhaul.monitor.ResponsePolicy;
import io.longhaul.monitor.ResponsePolicy.Response;
import io.longhaul.monitor.ResponsePolicy.Steps;
import io.longhaul.monitor.ResponsePolicy.SuspectData;
import java.time.Instant;
import java.util.Locale;
import java.util.Optional;

/** Between a run and the policy that answers findings: what the run knows, and its incident. Pure. */
final class Responses {
    /** Evidence that names a node. */
    static final String NODE = "node";

    private Responses() {}

    /** The incident with its decision; with a rollback step when the attempt is to end. */
    static Incident respond(RunState state, RunInput.Found found, Instant now) {
        Finding finding = found.finding();
        Response response = ResponsePolicy.respond(finding, context(state, found));
        return new Incident(
                "attempt-" + found.attempt() + "-" + name(finding.kind())
                        + (finding.rank().isPresent() ? "-rank-" + finding.rank().getAsInt() : "")
                        + "-" + (state.incidents().size() + 1),
                finding.kind(),
                found.attempt(),
                now,
                Optional.empty(),
                finding.step(),
                finding.rank(),
                found.damage().flatMap(RunInput.Damage::shard),
                finding.summary(),
                finding.evidence(),
                response.does(),
                new Incident.Decision(
                        response.rule(),
                        response.inputs(),
                        response.alternatives()
                                .stream()
                                .map(a -> new Incident.Alternative(a.action(), a.why()))
                                .toList()),
                response.rollbackStep(),
                response.skip().map(skip -> new StepRange(skip.from(), skip.to())).stream().toList(),
                0,
                0,
                0,
                Incident.Status.OPEN);
    }

    private static ResponsePolicy.Context context(RunState state, RunInput.Found found) {
        return new ResponsePolicy.Context(
                found.lastStep(),
                state.verifiedSteps(),
                found.damage()
                        .map(damage -> new SuspectData(
                                new Steps(damage.steps().first(), damage.steps().last()), damage.shard())),
                state.attempts().size() - 1,
                state.spec().policies().maxRestarts(),
                state.spec().policies().skipMarginSteps());
    }

    static String name(Finding.Kind kind) {
        return lower(kind.name());
    }

    /** A constant's name as people and the API write it. */
    static String lower(String constant) {
        return constant.toLowerCase(Locale.ROOT).replace('_', '-');
    }
}

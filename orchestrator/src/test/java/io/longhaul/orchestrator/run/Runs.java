package io.longhaul.orchestrator.run;

import io.longhaul.monitor.Finding;
import io.longhaul.orchestrator.adapt.AdaptOutcome;
import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.launch.AttemptLaunch;
import io.longhaul.orchestrator.plan.PlanPort.RankProcess;
import io.longhaul.orchestrator.plan.PlannedRun;
import io.longhaul.orchestrator.telemetry.AgentRecord;
import io.longhaul.orchestrator.telemetry.AgentRecord.CheckpointState;
import io.longhaul.planner.layout.ParallelLayout;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.UUID;

/** Values that tests of runs start from. */
public final class Runs {
    static final UUID ID = UUID.fromString("00000000-0000-4000-8000-000000000001");
    public static final Instant AT = Instant.parse("2026-01-01T00:00:00Z");

    /** 100 steps of 4 x 16 tokens, a checkpoint every 10 steps; up to 3 restarts. */
    static final String SPEC = """
            name: test
            model: { layers: 2, hiddenSize: 32, attentionHeads: 2, vocabSize: 64, sequenceLength: 16 }
            training:
              tokens: 6400
              globalBatch: 4
              learningRate: 0.001
              schedule: constant
              checkpointEverySteps: 10
            cluster: { ranks: 2 }
            policies: { adapt: "off", maxRestarts: 3, skipMarginSteps: 2 }
            """;

    /** Two nodes of one rank. */
    public static final PlannedRun PLAN = new PlannedRun(ParallelLayout.of(1, 1, 1, 2, 2, 2), 2, 1, 0.1, 640,
            "{}");

    public static final LaunchFactory LAUNCHES = (state, recipe, resumeStep, skipped) -> new RankProcess(
            List.of("train", "--lr", Double.toString(recipe.learningRate()), "--from",
                    Long.toString(resumeStep)),
            Map.of("SKIP", skipped.toString()));

    private Runs() {}

    /** Makes the caller the controller of a store that nobody leads; the next one takes over at once. */
    public static long takeOver(RunStore store) {
        return store.takeOver("test", Duration.ZERO).orElseThrow();
    }

    public static RunSpec spec() {
        return RunSpecReader.read(SPEC);
    }

    static RunSpec spec(RunSpec.Policies.Adapt adapt) {
        return RunSpecReader.read(SPEC.replace("\"off\"", '"' + Responses.lower(adapt.name()) + '"'));
    }

    static RunState created(RunSpec spec) {
        return RunState.of(ID, new RunEvent.Created(AT, spec));
    }

    static AgentRecord registered(int node) {
        return new AgentRecord.Registered(1, AT, "host-" + node, 100 + node, 29_500 + node);
    }

    static AgentRecord checkpoint(long step, CheckpointState state) {
        return new AgentRecord.Checkpoint(2, AT, 0, step, state, "checkpoints/step-" + step, 4 * step, 0.5,
                state == CheckpointState.FAILED ? Optional.of("torn") : Optional.empty());
    }

    static AgentRecord allExited(String reason) {
        return new AgentRecord.AllExited(3, AT, reason, OptionalLong.empty());
    }

    /** What a run that trains makes of a finding. */
    public static Incident incident(Finding finding) {
        return Responses.respond(training(),
                new RunInput.Found(1, finding, List.of(), Optional.empty(), 9, OptionalDouble.of(0.1)), AT);
    }

    static RunState training() {
        return created(spec()).apply(new RunEvent.Planned(AT, PLAN))
                .apply(new RunEvent.AttemptDecided(AT,
                        new AttemptLaunch(new AttemptKey(ID, 1), 1, 2, 1, List.of(),
                                Map.of(), 0),
                        spec().training().recipe(), List.of()));
    }

    static RunInput.Found found(int attempt, Finding.Kind kind, long step) {
        boolean ofARank = kind == Finding.Kind.SLOW_RANK || kind == Finding.Kind.RECOVERED
                || kind == Finding.Kind.EXITED;
        return new RunInput.Found(attempt,
                new Finding(kind, AT, OptionalLong.of(step),
                        ofARank ? OptionalInt.of(1) : OptionalInt.empty(),
                        Responses.lower(kind.name()) + " at step " + step, Map.of("figure", "1")),
                List.of(), Optional.empty(), step + 2, OptionalDouble.of(0.1));
    }

    /** A spike whose data is known. */
    static RunInput.Found spikeInShard(int attempt, long step, long first, long last) {
        RunInput.Found spike = found(attempt, Finding.Kind.SPIKE, step);
        return new RunInput.Found(attempt, spike.finding(), List.of(),
                Optional.of(new RunInput.Damage(new StepRange(first, last), Optional.of("shard-7"))),
                spike.lastStep(), spike.stepSeconds());
    }

    static RecipeChange change(int beforeAttempt) {
        Recipe from = spec().training().recipe();
        Recipe to = new Recipe(from.globalBatch(), 2e-3, 0, 0, Recipe.Schedule.WSD, 100, 50,
                from.weightDecay(),
                from.gradientClip());
        return new RecipeChange("before-attempt-" + beforeAttempt, beforeAttempt, from, to, "law", "because",
                2.1,
                2.0, 1.9, 2.05, -0.2, -0.05, Optional.empty(), RecipeChange.Status.PROPOSED);
    }

    static RunInput.Advised advised(int attempt, boolean change) {
        return new RunInput.Advised(attempt,
                new AdaptOutcome(change ? Optional.of(change(attempt)) : Optional.empty(), "because"));
    }

    static RunInput.Scored scored(int beforeAttempt) {
        return new RunInput.Scored(change(beforeAttempt).scored(new RecipeChange.Score(2.0, true, -0.1)));
    }
}

package io.longhaul.orchestrator.run;

import io.longhaul.monitor.Finding;
import io.longhaul.monitor.log.LogLabel.Suspect;
import io.longhaul.monitor.loss.LossEvent.Grade;
import io.longhaul.orchestrator.run.RunDecider.Decision;
import io.longhaul.orchestrator.run.RunSpec.Policies.Adapt;
import io.longhaul.orchestrator.telemetry.AgentRecord;
import io.longhaul.orchestrator.telemetry.AgentRecord.CheckpointState;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Runs on their way, and all that can come in: what the tests of the decider start from. */
final class Lives {
    static final RunInput APPROVE = new RunInput.WaitAnswered(true, OptionalInt.empty());
    static final RunInput REJECT = new RunInput.WaitAnswered(false, OptionalInt.empty());
    static final long EPOCH = 5;
    static final Instant LATER = Runs.AT.plus(Duration.ofHours(1));

    static final RunDecider DECIDER = new RunDecider(Runs.LAUNCHES);

    /** A run on its way, and what was decided last. */
    static final class Life {
        RunState state;
        Decision last;
        Instant now = Runs.AT;
        final List<RunEvent> events = new ArrayList<>();

        Life(RunSpec spec) {
            RunEvent.Created created = new RunEvent.Created(now, spec);
            events.add(created);
            state = RunState.of(Runs.ID, created);
        }

        Life then(RunInput... inputs) {
            for (RunInput input : inputs) {
                now = now.plusSeconds(1);
                last = DECIDER.decide(state, input, now, EPOCH);
                state = last.state();
                events.addAll(last.events());
            }
            return this;
        }

        Attempt attempt() {
            return state.lastAttempt().orElseThrow();
        }
    }

    static Life life(Adapt adapt) {
        return new Life(Runs.spec(adapt));
    }

    static Life training(Adapt adapt) {
        return life(adapt).then(starting(1));
    }

    static RunInput[] starting(int attempt) {
        Stream<RunInput> planned = attempt == 1 ? Stream.of(new RunInput.PlanReady(Runs.PLAN)) : Stream.of();
        return Stream.concat(planned, Stream.of(
                new RunInput.Created(attempt), new RunInput.Told(attempt, 0, Runs.registered(0)),
                new RunInput.Told(attempt, 1, Runs.registered(1)), new RunInput.Ready(attempt, List.of()),
                new RunInput.Stepped(attempt, 1)))
                .toArray(RunInput[]::new);
    }

    static RunInput[] ending(int attempt, String reason, long lastStep) {
        return new RunInput[]{new RunInput.Told(attempt, 0, Runs.allExited(reason)),
                new RunInput.Told(attempt, 1, Runs.allExited(reason)),
                new RunInput.Fenced(attempt, lastStep, Optional.of(Runs.AT.plusSeconds(30)))};
    }

    static RunInput verified(int attempt, long step) {
        return new RunInput.Told(attempt, 0, Runs.checkpoint(step, CheckpointState.VERIFIED));
    }

    /** One run for every place a run can be in. */
    static Map<String, Life> places() {
        Map<String, Life> places = new LinkedHashMap<>();
        places.put("planning", life(Adapt.AUTO));
        places.put("creating", life(Adapt.AUTO).then(new RunInput.PlanReady(Runs.PLAN)));
        places.put("registering, node 0 is there",
                life(Adapt.AUTO).then(Arrays.copyOf(starting(1), 3)));
        places.put("registering, all are there",
                life(Adapt.AUTO).then(Arrays.copyOf(starting(1), 4)));
        places.put("starting", life(Adapt.AUTO).then(Arrays.copyOf(starting(1), 5)));
        places.put("training", training(Adapt.AUTO));
        places.put("training, node 1 is silent",
                training(Adapt.AUTO).then(new RunInput.Silent(1, 1, Runs.AT)));
        places.put("ending after a fault", training(Adapt.AUTO).then(Runs.found(1, Finding.Kind.EXITED, 9)));
        places.put("ending after a fault, with a stop asked for",
                training(Adapt.AUTO).then(Runs.found(1, Finding.Kind.EXITED, 9), new RunInput.StopAsked()));
        places.put("ending with all steps done",
                training(Adapt.AUTO).then(Arrays.copyOf(ending(1, "completed", 100), 2)));
        places.put("draining", training(Adapt.AUTO).then(new RunInput.StopAsked()));
        places.put("recovering",
                training(Adapt.AUTO).then(Runs.found(1, Finding.Kind.EXITED, 9))
                        .then(ending(1, "failed", 9)));
        places.put("asking for approval",
                training(Adapt.ASK).then(Runs.found(1, Finding.Kind.EXITED, 9))
                        .then(ending(1, "failed", 9))
                        .then(Runs.advised(2, true)));
        places.put("restarted too often", restartedTooOften());
        places.put("waiting for a score", waitingForScore());
        places.put("completed", training(Adapt.AUTO).then(ending(1, "completed", 100)));
        places.put("failed", life(Adapt.AUTO).then(new RunInput.NoPlan("nothing fits")));
        places.put("stopped", life(Adapt.AUTO).then(new RunInput.StopAsked()));
        return places;
    }

    static Life restartedTooOften() {
        Life life = life(Adapt.OFF);
        for (int attempt = 1; attempt <= 4; attempt++) {
            life.then(starting(attempt))
                    .then(Runs.found(attempt, Finding.Kind.EXITED, 9))
                    .then(ending(attempt, "failed", 9));
        }
        return life;
    }

    static Life waitingForScore() {
        return training(Adapt.AUTO).then(Runs.found(1, Finding.Kind.EXITED, 9))
                .then(ending(1, "failed", 9))
                .then(Runs.advised(2, true))
                .then(starting(2))
                .then(ending(2, "completed", 100));
    }

    /** Everything that can come in, for one attempt. */
    static Map<String, RunInput> inputs(int attempt) {
        Map<String, RunInput> inputs = new LinkedHashMap<>();
        inputs.put("plan ready", new RunInput.PlanReady(Runs.PLAN));
        inputs.put("no plan", new RunInput.NoPlan("nothing fits"));
        inputs.put("created", new RunInput.Created(attempt));
        inputs.put("create failed", new RunInput.CreateFailed(attempt, "disk full"));
        inputs.put("node 1 registered", new RunInput.Told(attempt, 1, Runs.registered(1)));
        inputs.put("all registered", new RunInput.Ready(attempt, List.of()));
        inputs.put("checkpoint written",
                new RunInput.Told(attempt, 0, Runs.checkpoint(10, CheckpointState.WRITTEN)));
        inputs.put("node 1 exited, completed", new RunInput.Told(attempt, 1, Runs.allExited("completed")));
        inputs.put("node 1 exited, failed", new RunInput.Told(attempt, 1, Runs.allExited("failed")));
        inputs.put("rank started",
                new RunInput.Told(attempt, 0, new AgentRecord.RankStarted(4, Runs.AT, 0, 7)));
        inputs.put("stepped", new RunInput.Stepped(attempt, 10));
        // What is unreachable no detector finds: it comes as silence.
        for (Finding.Kind kind : EnumSet.complementOf(EnumSet.of(Finding.Kind.UNREACHABLE))) {
            inputs.put("found " + Responses.lower(kind.name()), Runs.found(attempt, kind, 10));
        }
        inputs.put("node 1 gone", new RunInput.Gone(attempt, 1, "no process"));
        inputs.put("held up", new RunInput.Held(attempt, "the quota is used up; raise it"));
        inputs.put("held up no more", new RunInput.Held(attempt, ""));
        inputs.put("fenced", new RunInput.Fenced(attempt, 10, Optional.empty()));
        inputs.put("advised a change", Runs.advised(attempt + 1, true));
        inputs.put("advised no change", Runs.advised(attempt + 1, false));
        inputs.put("scored", Runs.scored(2));
        inputs.put("not scored", new RunInput.NotScored("before-attempt-2", "the curve is short"));
        inputs.put("stop asked", new RunInput.StopAsked());
        inputs.put("person says yes", APPROVE);
        inputs.put("person says no", REJECT);
        inputs.put("placed", placed(attempt));
        inputs.put("change approved", new RunInput.ChangeAnswered("before-attempt-2", true));
        inputs.put("change rejected", new RunInput.ChangeAnswered("before-attempt-2", false));
        inputs.put("node 1 silent", new RunInput.Silent(attempt, 1, Runs.AT));
        inputs.put("node 1 heard", new RunInput.Heard(attempt, 1));
        inputs.put("an hour passed", new RunInput.Tick(Runs.AT));
        inputs.put("an hour passed, unheard", new RunInput.Tick(LATER));
        return inputs;
    }

    static RunInput placed(int attempt) {
        return new RunInput.Placed(attempt, new TreeMap<>(Map.of(0, "gpu-17", 1, "gpu-18")));
    }

    static RunInput.Found graded(Finding.Kind kind, Grade grade, long step, Suspect suspect) {
        Finding finding = new Finding(kind, grade, Runs.AT, OptionalLong.of(step), OptionalInt.empty(),
                "found",
                Map.of(), OptionalDouble.empty(), suspect);
        return new RunInput.Found(1, finding, List.of(), Optional.empty(), step + 2, OptionalDouble.of(0.1));
    }

    private Lives() {}
}

package io.longhaul.orchestrator.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.longhaul.monitor.Finding;
import io.longhaul.monitor.log.LogLabel.Suspect;
import io.longhaul.monitor.log.LogRules;
import io.longhaul.monitor.loss.LossEvent.Grade;
import io.longhaul.monitor.response.Action;
import io.longhaul.orchestrator.Golden;
import io.longhaul.orchestrator.launch.AgentCommand;
import io.longhaul.orchestrator.plan.PlanPort.RankProcess;
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
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

final class RunDeciderTest {
    private static final long EPOCH = 5;
    private static final Instant LATER = Runs.AT.plus(Duration.ofHours(1));

    private final RunDecider decider = new RunDecider(Runs.LAUNCHES);

    /** A run on its way, and what was decided last. */
    private final class Life {
        private RunState state;
        private Decision last;
        private Instant now = Runs.AT;
        private final List<RunEvent> events = new ArrayList<>();

        Life(RunSpec spec) {
            RunEvent.Created created = new RunEvent.Created(now, spec);
            events.add(created);
            state = RunState.of(Runs.ID, created);
        }

        Life then(RunInput... inputs) {
            for (RunInput input : inputs) {
                now = now.plusSeconds(1);
                last = decider.decide(state, input, now, EPOCH);
                state = last.state();
                events.addAll(last.events());
            }
            return this;
        }

        Attempt attempt() {
            return state.lastAttempt().orElseThrow();
        }
    }

    private Life life(Adapt adapt) {
        return new Life(Runs.spec(adapt));
    }

    private Life training(Adapt adapt) {
        return life(adapt).then(starting(1));
    }

    private static RunInput[] starting(int attempt) {
        Stream<RunInput> planned = attempt == 1 ? Stream.of(new RunInput.PlanReady(Runs.PLAN)) : Stream.of();
        return Stream.concat(planned, Stream.of(
                new RunInput.Created(attempt), new RunInput.Told(attempt, 0, Runs.registered(0)),
                new RunInput.Told(attempt, 1, Runs.registered(1)), new RunInput.Ready(attempt, List.of()),
                new RunInput.Stepped(attempt, 1)))
                .toArray(RunInput[]::new);
    }

    private static RunInput[] ending(int attempt, String reason, long lastStep) {
        return new RunInput[]{new RunInput.Told(attempt, 0, Runs.allExited(reason)),
                new RunInput.Told(attempt, 1, Runs.allExited(reason)),
                new RunInput.Fenced(attempt, lastStep, Optional.of(Runs.AT.plusSeconds(30)))};
    }

    private static RunInput verified(int attempt, long step) {
        return new RunInput.Told(attempt, 0, Runs.checkpoint(step, CheckpointState.VERIFIED));
    }

    /** One run for every place a run can be in. */
    private Map<String, Life> places() {
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

    private Life restartedTooOften() {
        Life life = life(Adapt.OFF);
        for (int attempt = 1; attempt <= 4; attempt++) {
            life.then(starting(attempt))
                    .then(Runs.found(attempt, Finding.Kind.EXITED, 9))
                    .then(ending(attempt, "failed", 9));
        }
        return life;
    }

    private Life waitingForScore() {
        return training(Adapt.AUTO).then(Runs.found(1, Finding.Kind.EXITED, 9))
                .then(ending(1, "failed", 9))
                .then(Runs.advised(2, true))
                .then(starting(2))
                .then(ending(2, "completed", 100));
    }

    /** Everything that can come in, for one attempt. */
    private static Map<String, RunInput> inputs(int attempt) {
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
        inputs.put("person says yes", new RunInput.WaitAnswered(true));
        inputs.put("person says no", new RunInput.WaitAnswered(false));
        inputs.put("placed", placed(attempt));
        inputs.put("change approved", new RunInput.ChangeAnswered("before-attempt-2", true));
        inputs.put("change rejected", new RunInput.ChangeAnswered("before-attempt-2", false));
        inputs.put("node 1 silent", new RunInput.Silent(attempt, 1, Runs.AT));
        inputs.put("node 1 heard", new RunInput.Heard(attempt, 1));
        inputs.put("an hour passed", new RunInput.Tick(Runs.AT));
        inputs.put("an hour passed, unheard", new RunInput.Tick(LATER));
        return inputs;
    }

    private static String shown(Decision decision) {
        String events = decision.events()
                .stream()
                .map(e -> e.getClass().getSimpleName())
                .collect(Collectors.joining(" "));
        String commands = decision.commands()
                .stream()
                .map(c -> c.command().id())
                .collect(Collectors.joining(" "));
        return commands.isEmpty() ? events : events + " | " + commands;
    }

    private String shown(RunState state, RunInput input) {
        try {
            return shown(decider.decide(state, input, LATER, EPOCH));
        } catch (IllegalStateException | IllegalArgumentException refused) {
            return "refused: " + refused.getMessage().replace(Runs.ID.toString(), "ID");
        }
    }

    /** The table of what every input means everywhere; what is not in it means nothing. */
    @Test
    void everyInputIsDecidedInEveryPlace() {
        StringBuilder table = new StringBuilder();
        places().forEach((place, life) -> {
            table.append(place).append('\n');
            int attempt = Math.max(1, life.state.attempts().size());
            List<String> nothing = new ArrayList<>();
            inputs(attempt).forEach((name, input) -> {
                String decided = shown(life.state, input);
                if (decided.isEmpty()) {
                    nothing.add(name);
                } else {
                    table.append("  %-26s %s%n".formatted(name, decided));
                }
            });
            table.append("  nothing from: ").append(String.join(", ", nothing)).append("\n\n");
        });
        Golden.check("run-decisions.txt", table.toString());
    }

    @Test
    void theTableLeavesOutNoPlaceAndNoInput() {
        assertThat(places().values()).extracting(life -> life.state.phase())
                .contains(RunPhase.PLANNING,
                        RunPhase.LAUNCHING, RunPhase.TRAINING, RunPhase.DRAINING, RunPhase.RECOVERING,
                        RunPhase.WAITING,
                        RunPhase.COMPLETED, RunPhase.FAILED, RunPhase.STOPPED);
        assertThat(places().values()
                .stream()
                .flatMap(life -> life.state.lastAttempt().stream())
                .map(Attempt::stage))
                .contains(Attempt.Stage.values());
        assertThat(inputs(1).values().stream().<Class<?>>map(Object::getClass))
                .contains(RunInput.class.getPermittedSubclasses());
    }

    /** A crash between storing and acting repeats an input; a slow network brings it late. */
    @Test
    void whatIsRepeatedOrLateMeansNothing() {
        places().forEach(
                (place, life) -> inputs(Math.max(1, life.state.attempts().size())).forEach((name, input) -> {
                    if (!(input instanceof RunInput.ChangeAnswered
                            || input instanceof RunInput.WaitAnswered)) {
                        Decision once = decider.decide(life.state, input, LATER, EPOCH);
                        assertThat(shown(once.state(), input)).as("%s, twice in %s", name, place).isEmpty();
                    }
                }));
        Life second = training(Adapt.OFF).then(Runs.found(1, Finding.Kind.EXITED, 9))
                .then(ending(1, "failed", 9))
                .then(starting(2));
        inputs(1).forEach((name, input) -> {
            if (!List
                    .of("stop asked", "person says yes", "person says no", "change approved",
                            "change rejected")
                    .contains(name)) {
                assertThat(shown(second.state, input)).as("%s of the attempt before", name).isEmpty();
            }
        });
    }

    @Test
    void ranksStartOnceWhenEveryAgentIsThere() {
        Life life = life(Adapt.OFF).then(Arrays.copyOf(starting(1), 5));
        assertThat(life.last.commands()).hasSize(2);
        AgentCommand.Start start = (AgentCommand.Start) life.last.commands().get(1).command();
        assertThat(life.last.commands().get(1).node()).isEqualTo(1);
        assertThat(start).isEqualTo(
                new AgentCommand.Start("start-1-1", EPOCH, List.of("train", "--lr", "0.001", "--from", "0"),
                        Map.of("SKIP", "[]"), 2, 1, 1, "host-0", 29_500, 0));
        assertThat(life(Adapt.OFF).then(new RunInput.PlanReady(Runs.PLAN),
                new RunInput.Told(1, 0, Runs.registered(0)),
                new RunInput.Told(1, 1, Runs.registered(1)), new RunInput.Created(1),
                new RunInput.Ready(1, List.of())).last.commands())
                .as("agents may register before the backend has returned")
                .hasSize(2);
    }

    /** Megatron-DeepSpeed reads its data in order, come what may: that nobody decides or stores anything else. */
    @Test
    void whatATrainerCannotLeaveOutIsNotSaidToBeSkipped() {
        RunState training = training(Adapt.OFF).state;
        RunState other = Runs.created(training.spec().withFramework(RunSpec.Framework.DEEPSPEED))
                .apply(new RunEvent.Planned(Runs.AT, Runs.PLAN))
                .apply(new RunEvent.AttemptDecided(Runs.AT, training.attempt(1).launch(), training.recipe(),
                        List.of()));
        RunInput.Found nan = Runs.found(1, Finding.Kind.NAN, 28);
        assertThat(Responses.respond(training, nan, Runs.AT).skipped())
                .containsExactly(new StepRange(26, 32));
        Incident incident = Responses.respond(other, nan, Runs.AT);
        assertThat(incident.skipped()).isEmpty();
        assertThat(incident.decision().does()).contains("read the same data again");
        assertThat(incident.rollbackStep()).hasValue(0);
    }

    @Test
    void whereNodesAreDecidesWhichRanksTheyGet() {
        RunInput[] starting = Arrays.copyOf(starting(1), 5);
        starting[4] = new RunInput.Ready(1, List.of(List.of("leaf-b", "x"), List.of("leaf-a", "y")));
        List<AgentCommand.Start> starts = life(Adapt.OFF).then(starting).last.commands()
                .stream()
                .map(c -> (AgentCommand.Start) c.command())
                .toList();
        assertThat(starts).extracting(AgentCommand.Start::nodeRank).containsExactly(1, 0);
        assertThat(starts).extracting(AgentCommand.Start::masterAddress)
                .as("where rank 0 is")
                .containsOnly("host-1");
    }

    @ParameterizedTest(name = "{0}: from {1}, without {2}")
    @CsvSource(useHeadersInDisplayName = true, delimiter = '|', textBlock = """
            finding           | resume | skipped
            spike in shard    |     20 | 26..30
            spike             |     20 | 26..32
            nan               |     20 | 26..32
            stalled           |     40 |
            exited            |     40 |
            """)
    void aFaultGoesBackToTheNewestCheckpointBeforeTheDamage(String finding, long resume, String skipped) {
        RunInput.Found found = finding.equals("spike in shard")
                ? Runs.spikeInShard(1, 28, 26, 30)
                : Runs.found(1, Finding.Kind.valueOf(finding.toUpperCase()), 28);
        Life life = training(Adapt.OFF).then(verified(1, 10), verified(1, 20), verified(1, 40),
                new RunInput.Told(1, 0, Runs.checkpoint(50, CheckpointState.WRITTEN)),
                new RunInput.Told(1, 0, Runs.checkpoint(60, CheckpointState.FAILED)))
                .then(found);
        assertThat(life.last.commands()).extracting(c -> c.command().id())
                .containsExactly("stop-1-0", "stop-1-1");
        life.then(ending(1, "failed", 30));
        assertThat(life.attempt().launch().resumeStep()).isEqualTo(resume);
        assertThat(life.attempt()
                .skipped()
                .stream()
                .map(r -> r.first() + ".." + r.last())
                .collect(Collectors.joining(" ")))
                .isEqualTo(skipped == null ? "" : skipped);
        Incident incident = life.state.incidents().getFirst();
        assertThat(incident.rollbackStep()).hasValue(resume);
        assertThat(incident.decision().alternatives()).isNotEmpty();
        assertThat(incident.status()).isEqualTo(Incident.Status.OPEN);

        life.then(starting(2));
        Incident healed = life.state.incidents().getFirst();
        long skippedSteps = life.attempt().skipped().stream().mapToLong(StepRange::length).sum();
        long thrownAway = Math.max(0, 30 - resume);
        assertThat(healed.status()).isEqualTo(Incident.Status.RECOVERED);
        assertThat(healed.lostTokens()).isEqualTo(64 * thrownAway);
        assertThat(healed.redoneTokens()).isEqualTo(64 * Math.max(0, thrownAway - Math.min(skippedSteps, 5)));
        assertThat(healed.lostSeconds()).isPositive();
    }

    /** Step 40 was verified on weights that step 28 had damaged; attempt 2 overwrote that history from step 20 on. */
    @Test
    void aCheckpointOfThrownAwayHistoryIsNeverResumedFrom() {
        Life life = training(Adapt.OFF)
                .then(verified(1, 20), verified(1, 40), Runs.found(1, Finding.Kind.SPIKE, 28))
                .then(ending(1, "failed", 42))
                .then(starting(2))
                .then(Runs.found(2, Finding.Kind.EXITED, 35))
                .then(ending(2, "failed", 35));
        assertThat(life.attempt().launch().resumeStep()).isEqualTo(20);
        life.then(starting(3))
                .then(verified(3, 30), Runs.found(3, Finding.Kind.EXITED, 35))
                .then(ending(3, "failed", 35));
        assertThat(life.attempt().launch().resumeStep()).isEqualTo(30);
        assertThat(life.attempt().skipped()).as("the data stays skipped")
                .containsExactly(new StepRange(26, 32));
    }

    /** Its checksums are right, and yet no attempt gets beyond the step after it. */
    @Test
    void aCheckpointThatTwoAttemptsFailedOnAlikeGivesWayToTheOneBefore() {
        Life life = training(Adapt.OFF).then(verified(1, 20), verified(1, 40), failure(1, 45))
                .then(ending(1, "failed", 45));
        assertThat(life.attempt().launch().resumeStep()).isEqualTo(40);
        life.then(starting(2)).then(failure(2, 41)).then(ending(2, "failed", 41));
        assertThat(life.attempt().launch().resumeStep()).as("once may be chance").isEqualTo(40);
        life.then(starting(3)).then(failure(3, 41)).then(ending(3, "failed", 41));
        assertThat(life.attempt().launch().resumeStep()).isEqualTo(20);
    }

    @ParameterizedTest
    @CsvSource({"failed, 41, 43, at different steps", "gone, 41, 41, with their nodes"})
    void attemptsThatEndDifferentlyOrWithTheirNodesSayNothingAboutTheCheckpoint(String how, long first,
            long second, String why) {
        Life life = training(Adapt.OFF).then(verified(1, 20), verified(1, 40), failure(1, 45))
                .then(ending(1, "failed", 45));
        for (long step : List.of(first, second)) {
            int attempt = life.attempt().number();
            life.then(starting(attempt));
            if (how.equals("gone")) {
                life.then(new RunInput.Gone(attempt, 0, "the node died"));
            } else {
                life.then(failure(attempt, step));
            }
            life.then(ending(attempt, "failed", step));
        }
        assertThat(life.attempt().number()).isEqualTo(4);
        assertThat(life.attempt().launch().resumeStep()).as(why).isEqualTo(40);
    }

    @Test
    void theOnlyCheckpointIsTriedUntilTheRestartsAreUsedUp() {
        Life life = training(Adapt.OFF).then(verified(1, 40), failure(1, 45)).then(ending(1, "failed", 45));
        for (int attempt = 2; attempt < 4; attempt++) {
            life.then(starting(attempt)).then(failure(attempt, 41)).then(ending(attempt, "failed", 41));
        }
        assertThat(life.attempt().launch().resumeStep()).isEqualTo(40);
    }

    private static RunInput failure(int attempt, long step) {
        return Runs.found(attempt, Finding.Kind.EXITED, step);
    }

    @Test
    void aSecondSpikeAddsToTheDataThatIsSkipped() {
        Life life = training(Adapt.OFF).then(Runs.spikeInShard(1, 28, 26, 30))
                .then(ending(1, "failed", 32))
                .then(starting(2))
                .then(Runs.spikeInShard(2, 31, 31, 35))
                .then(ending(2, "failed", 36));
        assertThat(life.attempt().skipped()).containsExactly(new StepRange(26, 35));
    }

    /** A restart that dies before its first step must not forget the data that the one before it was to skip. */
    @Test
    void blamedDataIsSkippedThoughTheNextAttemptNeverTrained() {
        Life life = training(Adapt.OFF)
                .then(verified(1, 20), verified(1, 40), Runs.spikeInShard(1, 28, 26, 30))
                .then(ending(1, "failed", 42))
                .then(new RunInput.CreateFailed(2, "disk full"))
                .then(new RunInput.Fenced(2, 20, Optional.empty()));
        assertThat(life.attempt().number()).isEqualTo(3);
        assertThat(life.attempt().launch().resumeStep()).isEqualTo(20);
        assertThat(life.attempt().skipped()).containsExactly(new StepRange(26, 30));
    }

    /** The last steps can be done before the ranks are stopped. */
    @Test
    void damagedWeightsAreNoResultThoughAllStepsAreDone() {
        Life life = training(Adapt.OFF).then(verified(1, 90), Runs.spikeInShard(1, 97, 95, 98))
                .then(ending(1, "completed", 100));
        assertThat(life.state.phase()).isEqualTo(RunPhase.LAUNCHING);
        assertThat(life.state.attempt(1).outcome()).isEqualTo("failed");
        assertThat(life.attempt().launch().resumeStep()).isEqualTo(90);
    }

    @Test
    void allStepsDoneCountsThoughAStallWasFeared() {
        Life life = training(Adapt.OFF).then(Runs.found(1, Finding.Kind.STALLED, 99))
                .then(ending(1, "completed", 100));
        assertThat(life.state.phase()).isEqualTo(RunPhase.COMPLETED);
    }

    private static final RunInput APPROVE = new RunInput.WaitAnswered(true);
    private static final RunInput REJECT = new RunInput.WaitAnswered(false);

    /** A dry run decides, a person says yes: then it is done as it was decided. */
    @Test
    void whatADryRunWouldDoIsDoneAtAPersonsWord() {
        Life life = new Life(
                RunSpecReader.read(Runs.SPEC.replace("policies: {", "policies: { dryRun: true,")))
                .then(starting(1))
                .then(verified(1, 20), Runs.found(1, Finding.Kind.NAN, 28))
                .then(Runs.found(1, Finding.Kind.EXITED, 30))
                .then(ending(1, "failed", 30));
        assertThat(life.state.waitingFor().orElseThrow().code()).isEqualTo("dry-run");
        Incident asked = life.state.incidents().getLast();
        assertThat(asked.rollbackStep()).isEmpty();
        life.then(APPROVE);
        assertThat(life.state.phase()).isEqualTo(RunPhase.LAUNCHING);
        assertThat(life.attempt().launch().resumeStep()).isEqualTo(20);
        assertThat(life.state.incident(asked.id()).rollbackStep())
                .isEqualTo(asked.decision().basis().respond().rollbackStep());
        life.then(starting(2));
        assertThat(life.state.incident(asked.id()).status()).isEqualTo(Incident.Status.RECOVERED);
        assertThatThrownBy(() -> life.then(APPROVE)).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("waits for nobody");
    }

    /** Four attempts end without a checkpoint: a loop, or more than the restarts that are allowed. */
    @ParameterizedTest
    @CsvSource({"asked, 9", "too-many-restarts, 3"})
    void aRunThatWaitsForAPersonGoesOnOrEndsAtTheirWord(String code, int maxRestarts) {
        Supplier<Life> waits = () -> {
            Life life = new Life(RunSpecReader.read(
                    Runs.SPEC.replace("maxRestarts: 3", "maxRestarts: " + maxRestarts)));
            for (int attempt = 1; attempt <= 4; attempt++) {
                life.then(starting(attempt))
                        .then(Runs.found(attempt, Finding.Kind.EXITED, 9))
                        .then(ending(attempt, "failed", 9));
            }
            return life;
        };
        Life goesOn = waits.get();
        assertThat(goesOn.state.waitingFor().orElseThrow().code()).isEqualTo(code);
        int before = goesOn.state.attempts().size();
        goesOn.then(APPROVE);
        assertThat(goesOn.state.attempts()).hasSize(before + 1);
        assertThat(goesOn.state.waitingFor()).isEmpty();
        Life ends = waits.get().then(REJECT);
        assertThat(ends.state.phase()).isEqualTo(RunPhase.STOPPED);
        assertThatThrownBy(() -> ends.then(APPROVE)).hasMessageContaining("it is stopped");
    }

    @Test
    void aChangeOfRecipeThatIsWaitedForIsAnsweredWithoutItsName() {
        Life life = training(Adapt.ASK).then(Runs.found(1, Finding.Kind.EXITED, 9))
                .then(ending(1, "failed", 9))
                .then(Runs.advised(2, true), APPROVE);
        assertThat(life.state.changes()).singleElement()
                .extracting(RecipeChange::status)
                .isEqualTo(RecipeChange.Status.APPLIED);
    }

    private static RunInput placed(int attempt) {
        return new RunInput.Placed(attempt, new TreeMap<>(Map.of(0, "gpu-17", 1, "gpu-18")));
    }

    private static List<String> blamed(Life life) {
        return life.events.stream()
                .filter(RunEvent.MachineBlamed.class::isInstance)
                .map(RunEvent.MachineBlamed.class::cast)
                .map(e -> e.machine() + " " + e.weight())
                .toList();
    }

    private static RunInput.Found on(int node, RunInput.Found found) {
        return new RunInput.Found(found.attempt(), found.finding(), found.signs(), found.damage(),
                found.lastStep(),
                found.stepSeconds(), OptionalInt.of(node));
    }

    /** The same fault told twice counts once, and what the program did wrong not at all. */
    @Test
    void machinesAreBlamedForWhatSpeaksAgainstThem() {
        Life life = training(Adapt.OFF).then(placed(1), placed(1));
        assertThat(life.events).filteredOn(RunEvent.NodesPlaced.class::isInstance).hasSize(1);
        life.then(on(1, Runs.found(1, Finding.Kind.SLOW_RANK, 20)));
        assertThat(blamed(life)).containsExactly("gpu-18 0.6");
        life.then(on(0, graded(Finding.Kind.FAULT_LINE, Grade.MAJOR, 30, Suspect.NODE)),
                on(0, graded(Finding.Kind.EXITED, Grade.CRITICAL, 30, Suspect.NODE)));
        assertThat(blamed(life)).containsExactly("gpu-18 0.6", "gpu-17 1.0");
        for (Suspect other : EnumSet.complementOf(EnumSet.of(Suspect.NODE))) {
            assertThat(blamed(training(Adapt.OFF).then(placed(1),
                    on(0, graded(Finding.Kind.EXITED, Grade.CRITICAL, 30, other))))).as("%s", other)
                    .isEmpty();
        }
    }

    private static RunInput.Found shows(int node, String label) {
        Finding finding = Finding.ofNode(Runs.AT, node, LogRules.root(label).label(), "as DCGM saw it");
        return new RunInput.Found(1, finding, List.of(), Optional.empty(), 30, OptionalDouble.of(0.1),
                MachineBlame.node(finding));
    }

    /** Two nodes are two troubles; what a node may get over is half of a reason, and a graver fault adds to it. */
    @Test
    void whatANodeShowsOfItselfSpeaksAgainstIt() {
        Life life = training(Adapt.OFF).then(placed(1), shows(0, "hw.thermal"), shows(0, "hw.thermal"));
        assertThat(blamed(life)).containsExactly("gpu-17 0.6");
        life.then(shows(1, "hw.gpu_lost"));
        assertThat(blamed(life)).containsExactly("gpu-17 0.6", "gpu-18 1.0");
        life.then(shows(0, "hw.ecc_uncorrectable"));
        assertThat(blamed(life)).containsExactly("gpu-17 0.6", "gpu-18 1.0", "gpu-17 0.4");
        life.then(shows(0, "mem.host_oom"));
        assertThat(life.state.incidents()).hasSize(2)
                .allSatisfy(i -> assertThat(i.kind()).isEqualTo(Finding.Kind.NODE_FAULT));
    }

    /** A node that fails its tests is no longer used, whether there is another one or a person has to find one. */
    @Test
    void aNodeThatFailsItsTestsIsLeft() {
        for (String label : List.of("hw.preflight_wrong", "hw.preflight_failed")) {
            Life life = training(Adapt.OFF).then(placed(1), shows(1, label));
            assertThat(blamed(life)).containsExactly("gpu-18 1.0");
            assertThat(life.attempt().stage()).as(label).isEqualTo(Attempt.Stage.ENDING);
            assertThat(life.state.incidents().getFirst().decision().action()).isEqualTo(Action.ASK);
        }
    }

    @Test
    void testsBeforeAnAttemptAreAskedForByTheRunSpec() {
        Map<String, String> none = training(Adapt.OFF).attempt().launch().environment();
        assertThat(none).doesNotContainKey("LONGHAUL_PREFLIGHT_SECONDS");
        RunSpec spec = RunSpecReader.read(
                Runs.SPEC.replace("policies: {", "policies: { preflight: burn-in,"));
        Decision decision = new RunDecider(Runs.LAUNCHES).decide(Runs.created(spec),
                new RunInput.PlanReady(Runs.PLAN), LATER, EPOCH);
        assertThat(decision.state().attempt(1).launch().environment()).containsAllEntriesOf(none)
                .containsEntry("LONGHAUL_PREFLIGHT_SECONDS", "300");
    }

    @Test
    void aMachineThatTheWorldHasGivenUpIsBlamedAndOneWhosePodEndedIsNot() {
        assertThat(blamed(training(Adapt.OFF).then(placed(1),
                new RunInput.Gone(1, 1, "the cluster has given it up", true)))).containsExactly("gpu-18 1.0");
        assertThat(blamed(training(Adapt.OFF).then(placed(1), new RunInput.Gone(1, 1, "OOMKilled"))))
                .isEmpty();
        assertThat(blamed(training(Adapt.OFF).then(new RunInput.Gone(1, 1, "lost", true)))).as("no name")
                .isEmpty();
    }

    @Test
    void everyAttemptAvoidsTheMachinesThatAreToBeAvoidedThen() {
        LaunchFactory suspicious = new LaunchFactory() {
            @Override
            public RankProcess process(RunState state, Recipe recipe, long resume, List<StepRange> skipped) {
                return Runs.LAUNCHES.process(state, recipe, resume, skipped);
            }

            @Override
            public List<String> avoid(Instant now) {
                return List.of("gpu-17 at " + now);
            }
        };
        Decision decision = new RunDecider(suspicious).decide(Runs.created(Runs.spec()),
                new RunInput.PlanReady(Runs.PLAN), LATER, EPOCH);
        assertThat(decision.state().attempt(1).launch().avoid()).containsExactly("gpu-17 at " + LATER);
        assertThat(training(Adapt.OFF).attempt().launch().avoid()).isEmpty();
    }

    @Test
    void aSlowRankIsNamedOnceAndClosedWhenItIsWell() {
        Life life = training(Adapt.OFF).then(Runs.found(1, Finding.Kind.SLOW_RANK, 20));
        assertThat(life.attempt().stage()).isEqualTo(Attempt.Stage.TRAINING);
        assertThat(life.last.commands()).isEmpty();
        assertThat(life.state.incidents()).singleElement().satisfies(i -> {
            assertThat(i.rank()).hasValue(1);
            assertThat(i.rollbackStep()).isEmpty();
        });
        life.then(Runs.found(1, Finding.Kind.RECOVERED, 30));
        assertThat(life.state.incidents()).singleElement()
                .extracting(Incident::status)
                .isEqualTo(Incident.Status.RECOVERED);
    }

    private static RunInput.Found graded(Finding.Kind kind, Grade grade, long step, Suspect suspect) {
        Finding finding = new Finding(kind, grade, Runs.AT, OptionalLong.of(step), OptionalInt.empty(),
                "found",
                Map.of(), OptionalDouble.empty(), suspect);
        return new RunInput.Found(1, finding, List.of(), Optional.empty(), step + 2, OptionalDouble.of(0.1));
    }

    @Test
    void aSpikeIsWatchedAndRolledBackOnlyWhenItStays() {
        Life life = training(Adapt.OFF)
                .then(verified(1, 20), graded(Finding.Kind.SPIKE, Grade.MAJOR, 28, Suspect.NONE));
        assertThat(life.attempt().stage()).isEqualTo(Attempt.Stage.TRAINING);
        assertThat(life.state.incidents().getFirst().decision().action()).isEqualTo(Action.WATCH);
        life.then(graded(Finding.Kind.SPIKE, Grade.CRITICAL, 28, Suspect.NONE));
        assertThat(life.attempt().stage()).isEqualTo(Attempt.Stage.ENDING);
        assertThat(life.state.incidents()).singleElement().satisfies(incident -> {
            assertThat(incident.grade()).isEqualTo(Grade.CRITICAL);
            assertThat(incident.rollbackStep()).hasValue(20);
            assertThat(incident.earlier()).singleElement()
                    .extracting(Incident.Decision::action)
                    .isEqualTo(Action.WATCH);
        });
    }

    @Test
    void aSpikeThatComesBackIsClosedWithoutAnything() {
        Life life = training(Adapt.OFF).then(graded(Finding.Kind.SPIKE, Grade.MAJOR, 28, Suspect.NONE),
                Runs.found(1, Finding.Kind.SPIKE_OVER, 28));
        assertThat(life.state.incidents()).singleElement()
                .extracting(Incident::status)
                .isEqualTo(Incident.Status.RECOVERED);
    }

    @Test
    void aDivergenceIsMetWithALowerRateWhereTheRecipeMayBeChanged() {
        Life life = training(Adapt.AUTO).then(verified(1, 20), Runs.found(1, Finding.Kind.DIVERGED, 28))
                .then(ending(1, "failed", 30))
                .then(Runs.advised(2, false));
        assertThat(life.attempt().recipe().learningRate()).isEqualTo(0.00075);
        assertThat(life.attempt().launch().resumeStep()).isEqualTo(20);
        assertThat(life.attempt().skipped()).isEmpty();
        Life left = training(Adapt.OFF).then(verified(1, 20), Runs.found(1, Finding.Kind.DIVERGED, 28));
        assertThat(left.attempt().stage()).isEqualTo(Attempt.Stage.TRAINING);
        assertThat(left.state.incidents()).hasSize(1);
    }

    @Test
    void aDryRunTellsWhatItWouldDoAndWaitsWhenNothingIsLeftToRun() {
        Life life = new Life(
                RunSpecReader.read(Runs.SPEC.replace("maxRestarts: 3", "maxRestarts: 3, dryRun: true")))
                .then(starting(1))
                .then(verified(1, 20), Runs.found(1, Finding.Kind.SPIKE, 28));
        assertThat(life.attempt().stage()).isEqualTo(Attempt.Stage.TRAINING);
        assertThat(life.state.incidents().getFirst().action())
                .startsWith("dry run, would: roll back to step 20");
        life.then(Runs.found(1, Finding.Kind.EXITED, 40)).then(ending(1, "failed", 40));
        assertThat(life.state.incidents()).hasSize(2);
        assertThat(life.state.waitingFor().orElseThrow().code()).isEqualTo("dry-run");
    }

    @Test
    void aPersonIsAskedWhenRestartsLeadNowhere() {
        Life life = new Life(RunSpecReader.read(Runs.SPEC.replace("maxRestarts: 3", "maxRestarts: 9")));
        for (int attempt = 1; attempt <= 4; attempt++) {
            life.then(starting(attempt))
                    .then(Runs.found(attempt, Finding.Kind.EXITED, 9))
                    .then(ending(attempt, "failed", 9));
        }
        assertThat(life.state.waitingFor().orElseThrow().code()).isEqualTo("asked");
        assertThat(life.state.incidents().getLast().decision().action()).isEqualTo(Action.ASK);
    }

    @Test
    void restartsOfMoreThanADayAgoDoNotCount() {
        Life life = life(Adapt.OFF);
        for (int attempt = 1; attempt <= 6; attempt++) {
            life.now = life.now.plus(Duration.ofHours(9));
            life.then(starting(attempt))
                    .then(verified(attempt, 10L * attempt),
                            Runs.found(attempt, Finding.Kind.EXITED, 10L * attempt + 2))
                    .then(ending(attempt, "failed", 10L * attempt + 2));
        }
        assertThat(life.state.attempts()).hasSize(7);
        assertThat(life.state.waitingFor()).isEmpty();
    }

    @Test
    void aPersonIsAskedWhenTheRestartsAreUsedUp() {
        Life life = restartedTooOften();
        assertThat(life.state.attempts()).hasSize(4);
        assertThat(life.state.waitingFor().orElseThrow().code()).isEqualTo("too-many-restarts");
        assertThat(life.state.waitingFor().orElseThrow().message()).contains("3 times", "exited at step 9");
        life.then(new RunInput.StopAsked());
        assertThat(life.state.phase()).isEqualTo(RunPhase.STOPPED);
        assertThat(life.state.waitingFor()).isEmpty();
        assertThat(life.state.incidents().getLast().status()).isEqualTo(Incident.Status.UNRESOLVED);
    }

    @ParameterizedTest(name = "all exited: {0}")
    @CsvSource({"drained, STOPPED", "failed, STOPPED", "completed, COMPLETED"})
    void aRunThatIsToldToStopDrainsAndEnds(String reason, RunPhase end) {
        Life life = training(Adapt.AUTO).then(new RunInput.StopAsked());
        assertThat(life.last.commands()).extracting(RunDecider.Command::command)
                .containsExactly(new AgentCommand.Drain("drain-1-0", EPOCH, 50),
                        new AgentCommand.Drain("drain-1-1", EPOCH, 50));
        assertThat(life.attempt().deadline()).hasValue(life.now.plus(RunDecider.DRAIN_GRACE));
        life.then(verified(1, 12)).then(ending(1, reason, 12));
        assertThat(life.state.phase()).isEqualTo(end);
        assertThat(life.state.checkpoints()).hasSize(1);
    }

    @Test
    void anApprovedChangeIsInTheNextAttemptAndARejectedOneIsNot() {
        Life asked = places().get("asking for approval");
        assertThat(asked.state.waitingFor().orElseThrow().action()).contains("before-attempt-2");
        assertThatThrownBy(() -> asked.then(new RunInput.ChangeAnswered("before-attempt-9", true)))
                .isInstanceOf(IllegalArgumentException.class);
        asked.then(new RunInput.ChangeAnswered("before-attempt-2", true));
        assertThat(asked.state.waitingFor()).isEmpty();
        assertThat(asked.attempt().recipe()).isEqualTo(Runs.change(2).to());
        assertThat(asked.attempt().launch().command()).contains("0.002");
        assertThat(asked.state.changes().getFirst().status()).isEqualTo(RecipeChange.Status.APPLIED);

        Life rejected = places().get("asking for approval")
                .then(new RunInput.ChangeAnswered("before-attempt-2", false));
        assertThat(rejected.attempt().recipe()).isEqualTo(Runs.change(2).from());
        assertThat(rejected.state.changes().getFirst().status()).isEqualTo(RecipeChange.Status.REJECTED);
        rejected.then(starting(2)).then(ending(2, "completed", 100));
        assertThat(rejected.state.phase()).isEqualTo(RunPhase.COMPLETED);
    }

    @Test
    void anAppliedChangeIsScoredBeforeTheRunIsDone() {
        Life life = waitingForScore();
        assertThat(life.state.phase()).isEqualTo(RunPhase.RECOVERING);
        life.then(Runs.scored(2));
        assertThat(life.state.phase()).isEqualTo(RunPhase.COMPLETED);
        assertThat(life.state.changes().getFirst().score().orElseThrow().inInterval()).isTrue();

        Life unmeasured = waitingForScore().then(new RunInput.NotScored("before-attempt-2", "no curve"));
        assertThat(unmeasured.state.phase()).isEqualTo(RunPhase.COMPLETED);
        assertThat(unmeasured.state.changes().getFirst().status()).isEqualTo(RecipeChange.Status.APPLIED);
    }

    /** Any order of any inputs: the laws of a run's life hold, and its events alone give the same run. */
    @ParameterizedTest
    @EnumSource(Adapt.class)
    void theLawsHoldWhateverComesInWhateverOrder(Adapt adapt) {
        Map<RunPhase, Integer> ends = new LinkedHashMap<>();
        for (int seed = 0; seed < 200; seed++) {
            Life life = life(adapt);
            SplittableRandom random = new SplittableRandom(seed);
            for (int i = 0; i < 120; i++) {
                Life before = new Life(life.state.spec());
                before.state = life.state;
                life.then(any(random, Math.max(1, life.state.attempts().size())));
                holds(before.state, life, seed);
            }
            List<RunEvent> stored = life.events.stream().map(RunJson::text).map(RunJson::event).toList();
            law(stored.equals(life.events), seed, "events are stored as they were");
            law(told(RunState.of(Runs.ID, stored)).equals(told(life.state)), seed,
                    "the events alone give the same run");
            ends.merge(life.state.phase(), 1, Integer::sum);
        }
        assertThat(ends).as("endings that were reached")
                .containsKeys(RunPhase.COMPLETED, RunPhase.FAILED,
                        RunPhase.STOPPED, RunPhase.WAITING);
    }

    /** All that a state says. */
    private static List<Object> told(RunState s) {
        return List.of(s.phase(), s.reason(), s.plan(), s.recipe(), s.stopRequested(), s.waitingFor(),
                s.endedAt(),
                s.skipped(), s.attempts(), s.incidents(), s.changes(), s.checkpoints(), s.needsAdvice(),
                s.awaitsScore(), s.skippedNext(), s.resumeStep(), s.machines());
    }

    private static void holds(RunState before, Life life, int seed) {
        RunState state = life.state;
        law(!before.phase().ended() || life.last.events().isEmpty(), seed, "an end is an end");
        law(state.attempts().stream().filter(Attempt::live).count() < 2, seed, "one attempt at a time");
        law(state.attempts().size() <= 1 + state.spec().policies().maxRestarts(), seed,
                "the restarts are bounded");
        if (state.attempts().size() > before.attempts().size()) {
            Attempt next = life.attempt();
            long resume = next.launch().resumeStep();
            law(resume == 0 || before.checkpoints()
                    .stream()
                    .anyMatch(c -> c.state() == CheckpointState.VERIFIED && c.step() == resume), seed,
                    "it resumes from a verified checkpoint");
            law(before.skipped()
                    .stream()
                    .allMatch(old -> next.skipped()
                            .stream()
                            .anyMatch(now -> now.first() <= old.first() && old.last() <= now.last())),
                    seed,
                    "skipped data stays skipped");
        }
        law(life.last.commands().stream().allMatch(c -> state.attempt(c.attempt()).live()), seed,
                "the dead are told nothing");
        boolean asks = state.waitingFor().isPresent();
        law((state.phase() == RunPhase.WAITING) == asks, seed, "waiting has a named reason");
        law(state.phase().ended() || asks || state.plan().isEmpty() || state.needsAdvice()
                || state.awaitsScore().isPresent() || state.lastAttempt().filter(Attempt::live).isPresent(),
                seed,
                "something goes on, or the run has ended or asks");
    }

    private static void law(boolean holds, int seed, String law) {
        if (!holds) {
            throw new AssertionError("seed " + seed + " breaks: " + law);
        }
    }

    private static RunInput any(SplittableRandom random, int attempt) {
        List<IntFunction<RunInput>> likely = List.of(
                n -> new RunInput.PlanReady(Runs.PLAN), RunInput.Created::new,
                n -> new RunInput.Told(n, 0, Runs.registered(0)),
                n -> new RunInput.Told(n, 1, Runs.registered(1)),
                n -> new RunInput.Ready(n, List.of()), n -> new RunInput.Stepped(n, 1),
                n -> verified(n, 10L * random.nextInt(1, 10)),
                n -> new RunInput.Fenced(n, random.nextInt(100), Optional.empty()),
                n -> new RunInput.Told(n, 0, Runs.allExited("completed")),
                n -> new RunInput.Told(n, 1, Runs.allExited("completed")),
                n -> Runs.spikeInShard(n, 28, 26, 30), n -> Runs.advised(n + 1, true), Runs::scored);
        int of = random.nextInt(8) == 0 ? Math.max(1, attempt - 1) : attempt;
        if (random.nextInt(10) < 8) {
            return likely.get(random.nextInt(likely.size())).apply(of);
        }
        List<RunInput> all = inputs(of).values()
                .stream()
                .filter(i -> !(i instanceof RunInput.ChangeAnswered || i instanceof RunInput.WaitAnswered))
                .filter(i -> !(i instanceof RunInput.StopAsked) || random.nextInt(3) == 0)
                .toList();
        return all.get(random.nextInt(all.size()));
    }
}

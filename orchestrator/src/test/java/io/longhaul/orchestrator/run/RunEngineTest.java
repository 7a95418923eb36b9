package io.longhaul.orchestrator.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.longhaul.monitor.Finding;
import io.longhaul.monitor.health.HealthEvent;
import io.longhaul.monitor.health.NodeCondition;
import io.longhaul.orchestrator.adapt.AdaptOutcome;
import io.longhaul.orchestrator.adapt.AdaptPort;
import io.longhaul.orchestrator.adapt.AdaptRequest;
import io.longhaul.orchestrator.adapt.CurvePoint;
import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.launch.AttemptLaunch;
import io.longhaul.orchestrator.launch.BlockedException;
import io.longhaul.orchestrator.launch.LaunchException;
import io.longhaul.orchestrator.launch.NodeSet;
import io.longhaul.orchestrator.launch.WorkloadBackend;
import io.longhaul.orchestrator.launch.WorkloadObservation;
import io.longhaul.orchestrator.launch.WorkloadObservation.Presence;
import io.longhaul.orchestrator.plan.LaunchContext;
import io.longhaul.orchestrator.plan.NoPlanException;
import io.longhaul.orchestrator.plan.PlanPort;
import io.longhaul.orchestrator.plan.PlannedRun;
import io.longhaul.orchestrator.run.RunSpec.Policies.Adapt;
import io.longhaul.orchestrator.telemetry.AgentRecord;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.UUID;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Whatever planning, backend and advice answer, the run goes on, ends or asks; none of them can hold it for ever. */
final class RunEngineTest {
    private final InMemoryRunStore store = new InMemoryRunStore();
    private final Workers workers = new Workers();
    private Optional<RuntimeException> planTrouble = Optional.empty();
    private Optional<RuntimeException> adviceTrouble = Optional.empty();
    private boolean change;
    private Instant now = Runs.AT;
    private RunEngine engine = engine();

    private RunEngine engine() {
        return new RunEngine(store, kind -> workers, new Plans(), new Advice(), Runs.LAUNCHES,
                Runs.takeOver(store), now);
    }

    /** Agents that do nothing by themselves. */
    private static final class Workers implements WorkloadBackend {
        private final List<AttemptKey> living = new ArrayList<>();
        private final List<String> calls = new ArrayList<>();
        private Optional<LaunchException> trouble = Optional.empty();
        private Optional<LaunchException> fenceTrouble = Optional.empty();
        private Presence presence = Presence.RUNNING;
        private String detail = "";
        private List<HealthEvent> troubles = List.of();
        private boolean seesAll;
        private boolean keeps;
        private final Map<AttemptKey, NodeSet> made = new HashMap<>();
        private Set<Integer> gone = Set.of();

        @Override
        public boolean seesAll() {
            return seesAll;
        }

        @Override
        public void create(AttemptLaunch launch) {
            calls.add("create " + launch.key().attempt()
                    + (launch.kept().isEmpty() ? "" : " keeping " + launch.kept()));
            trouble.ifPresent(e -> {
                throw e;
            });
            made.put(launch.key(), launch.made());
            if (!launch.made().isEmpty()) {
                living.add(launch.key());
            }
        }

        @Override
        public List<WorkloadObservation> observe() {
            return living.stream()
                    .flatMap(key -> made.get(key)
                            .numbers()
                            .stream()
                            .map(node -> new WorkloadObservation(key, node, gone.contains(node)
                                    ? Presence.GONE
                                    : presence, detail, List.of(),
                                    node == 1 ? troubles : List.of())))
                    .toList();
        }

        @Override
        public boolean keepsAgents() {
            return keeps;
        }

        @Override
        public void endNodes(AttemptKey key, NodeSet nodes) {
            calls.add("end " + key.attempt() + "/" + nodes);
        }

        @Override
        public void fence(AttemptKey key) {
            calls.add("fence " + key.attempt());
            fenceTrouble.ifPresent(e -> {
                throw e;
            });
        }

        @Override
        public void delete(AttemptKey key) {
            calls.add("delete " + key.attempt());
            living.remove(key);
        }
    }

    private final class Plans implements PlanPort {
        @Override
        public PlannedRun plan(RunSpec spec) {
            planTrouble.ifPresent(e -> {
                throw e;
            });
            return Runs.PLAN;
        }

        @Override
        public RankProcess rankProcess(RunSpec spec, PlannedRun plan, LaunchContext context) {
            throw new UnsupportedOperationException("launches are rendered by Runs");
        }
    }

    private final class Advice implements AdaptPort {
        @Override
        public AdaptOutcome adapt(AdaptRequest request) {
            adviceTrouble.ifPresent(e -> {
                throw e;
            });
            return Runs.advised(request.attempt(), change).outcome();
        }

        @Override
        public RecipeChange score(UUID run, RecipeChange applied, long totalSteps, List<CurvePoint> curve) {
            throw new IllegalArgumentException("the curve ends at step " + curve.size());
        }
    }

    private RunState run(Adapt adapt) {
        engine.create(Runs.spec(adapt), Runs.ID, Optional.empty(), now);
        return step();
    }

    private RunState step() {
        now = now.plusSeconds(1);
        engine.step(Runs.ID, now);
        return engine.run(Runs.ID).orElseThrow().state();
    }

    private RunState say(int attempt, int node, AgentRecord... records) {
        store.receive(new AttemptKey(Runs.ID, attempt), node, List.of(), List.of(records), now);
        return step();
    }

    private void begins(int attempt, String line) {
        say(attempt, 0, Runs.registered(0));
        say(attempt, 1, Runs.registered(1));
        step();
        say(attempt, 0, new AgentRecord.LogLine(2, now, 0, AgentRecord.Stream.STDOUT, line));
        say(attempt, 1, new AgentRecord.LogLine(2, now, 1, AgentRecord.Stream.STDOUT, line));
    }

    private void trains(int attempt) {
        begins(attempt, " iteration        1/     100 | consumed samples:            4 |"
                + " elapsed time per iteration (ms): 100.0 | learning rate: 1.0E-03 | global batch size:     4 |"
                + " lm loss: 5.000000E+00 | loss scale: 1.0 | grad norm: 1.000 | number of skipped iterations:   0 |"
                + " number of nan iterations:   0 |");
        step();
    }

    /** R1, R2 and R3 of the restart ladder. */
    @Test
    void agentsThatAreWellGoOnWithTheNextAttemptAndTheOthersAreMadeAnew() {
        workers.keeps = true;
        run(Adapt.OFF);
        trains(1);
        say(1, 0, Runs.allExited("failed"));
        say(1, 1, Runs.allExited("stopped"));
        assertThat(workers.calls).containsExactly("create 1", "create 2 keeping {1=0-1}");

        trains(2);
        workers.gone = Set.of(1);
        say(2, 0, Runs.allExited("stopped"));
        workers.gone = Set.of();
        step();
        assertThat(workers.calls).endsWith("end 1/1", "create 3 keeping {1=0}");
        assertThat(store.receive(new AttemptKey(Runs.ID, 2), 0, List.of(), List.of(), now))
                .isEqualTo(new RunStore.Answer.Ended(OptionalInt.of(3)));

        // It makes no step: nothing is kept a second time.
        begins(3, "no step");
        say(3, 0, Runs.allExited("failed"));
        say(3, 1, Runs.allExited("failed"));
        step();
        assertThat(workers.calls).contains("fence 1", "fence 3", "create 4");
        assertThat(workers.living).containsExactly(new AttemptKey(Runs.ID, 4));
    }

    @Test
    void aRunThatWaitsForAPersonKeepsNobody() {
        workers.keeps = true;
        run(Adapt.ASK);
        change = true;
        trains(1);
        say(1, 0, Runs.allExited("failed"));
        RunState state = say(1, 1, Runs.allExited("stopped"));
        assertThat(state.phase()).isEqualTo(RunPhase.WAITING);
        assertThat(store.receive(new AttemptKey(Runs.ID, 1), 0, List.of(), List.of(), now))
                .isEqualTo(new RunStore.Answer.Ended());
        assertThat(workers.living).isEmpty();
    }

    /** Two seconds of the same condition, and another controller that sees it anew, make one incident. */
    @Test
    void whatTheClusterSaysOfANodeIsOneIncident() {
        run(Adapt.OFF);
        workers.troubles = List.of(
                new NodeCondition("KernelDeadlock", "True", "DockerHung", "").trouble().orElseThrow(),
                new NodeCondition("MemoryPressure", "True", "", "").trouble().orElseThrow());
        step();
        step();
        engine = engine();
        RunState state = step();
        assertThat(state.incidents()).singleElement().satisfies(incident -> {
            assertThat(incident.kind()).isEqualTo(Finding.Kind.NODE_FAULT);
            assertThat(incident.summary()).contains("node 1 shows hw.cpu_lockup", "DockerHung");
        });
        assertThat(engine.run(Runs.ID).orElseThrow().track(1).orElseThrow().findings()).hasSize(2);
    }

    private RunState end(int attempt, String reason) {
        for (int node = 0; node < 2; node++) {
            say(attempt, node, new AgentRecord.Registered(1, now, "host", 1, 1),
                    new AgentRecord.AllExited(2, now, reason, java.util.OptionalLong.empty()));
        }
        return step();
    }

    @Test
    void aRunThatCannotBePlannedFailsWithTheReason() {
        planTrouble = Optional.of(new NoPlanException("nothing fits"));
        assertThat(run(Adapt.OFF).reason()).isEqualTo("nothing fits");
        assertThat(step().phase()).isEqualTo(RunPhase.FAILED);
    }

    @Test
    void aPlannerThatBreaksDoesNotKeepTheRunPlanningForEver() {
        planTrouble = Optional.of(new ArithmeticException("long overflow"));
        RunState state = run(Adapt.OFF);
        assertThat(state.phase()).isEqualTo(RunPhase.FAILED);
        assertThat(state.reason()).contains("long overflow");
    }

    @Test
    void aBackendThatRefusesIsAskedUntilTheRestartsAreUsedUp() {
        workers.trouble = Optional.of(new LaunchException("disk full"));
        run(Adapt.OFF);
        RunState state = IntStream.range(0, 20).mapToObj(i -> step()).toList().getLast();
        assertThat(state.waitingFor().orElseThrow().message()).contains("disk full");
        assertThat(workers.calls).filteredOn(call -> call.startsWith("create")).hasSize(4);
    }

    @Test
    void aBackendThatIsBlockedIsNoFailureAndTheRunSaysWhatItWaitsFor() {
        workers.trouble = Optional.of(new BlockedException("quota used up; raise it"));
        run(Adapt.OFF);
        now = now.plusSeconds(3600);
        RunState state = IntStream.range(0, 20).mapToObj(i -> step()).toList().getLast();
        assertThat(state.reason()).isEqualTo("quota used up; raise it");
        assertThat(state.attempts()).hasSize(1);
        assertThat(state.incidents()).isEmpty();
        assertThat(held()).as("told once").containsExactly("quota used up; raise it");
        workers.trouble = Optional.empty();
        assertThat(step().heldBy()).as("the next look at the pods says so").isNotEmpty();
        assertThat(step().reason()).isEmpty();
        assertThat(held()).containsExactly("quota used up; raise it", "");
    }

    private List<String> held() {
        return store.events(Runs.ID, 0, 100)
                .stream()
                .map(RunStore.Numbered::event)
                .filter(RunEvent.AttemptHeld.class::isInstance)
                .map(e -> ((RunEvent.AttemptHeld) e).cause())
                .toList();
    }

    @Test
    void podsThatWaitForSomethingDoNotUseUpTheTimeToStart() {
        workers.presence = Presence.PENDING;
        workers.detail = "no node has 9 GPUs";
        run(Adapt.OFF);
        step();
        now = now.plusSeconds(3600);
        assertThat(step().reason()).isEqualTo("no node has 9 GPUs");
        workers.detail = "";
        assertThat(step().incidents()).isEmpty();
        now = now.plus(Runs.spec(Adapt.OFF).policies().startTimeout()).plusSeconds(1);
        assertThat(step().incidents()).as("from then on it passes").isNotEmpty();
    }

    @Test
    void aLostNodeIsAFailureOnlyWhenItsAgentIsSilentToo() {
        run(Adapt.OFF);
        say(1, 0, new AgentRecord.Registered(1, now, "host", 1, 1));
        say(1, 1, new AgentRecord.Registered(1, now, "host", 1, 1));
        workers.presence = Presence.LOST;
        for (int i = 0; i < 3; i++) {
            now = now.plusSeconds(3600);
            hear(0);
            hear(1);
            assertThat(step().incidents()).isEmpty();
        }
        now = now.plusSeconds(3600);
        hear(0);
        assertThat(step().incidents()).anySatisfy(
                incident -> assertThat(incident.summary()).contains("node 1 is gone"));
    }

    @Test
    void anAttemptThatSomebodyElseRemovedIsFollowedByAnotherOnceTheBackendSeesAll() {
        run(Adapt.OFF);
        step();
        workers.living.clear();
        assertThat(step().incidents()).as("a backend that does not see all proves nothing").isEmpty();
        workers.seesAll = true;
        step();
        now = now.plus(RunDecider.STOP_GRACE);
        RunState state = step();
        assertThat(state.attempts()).hasSize(2);
        assertThat(state.attempt(1).cause()).contains("somebody else removed the attempt");
        assertThat(workers.calls).containsSubsequence("fence 1", "create 2");
    }

    private void hear(int node) {
        engine.heard(new AttemptKey(Runs.ID, 1), node, now.plusSeconds(1), Optional.empty());
    }

    /** Planning took longer than an agent may be silent. */
    @Test
    void anAgentThatHasJustRegisteredIsNotSilent() {
        now = now.plusSeconds(3600);
        run(Adapt.OFF);
        for (int node = 0; node < 2; node++) {
            assertThat(say(1, node, new AgentRecord.Registered(1, now, "host", 1, 1)).incidents()).isEmpty();
        }
    }

    @Test
    void noAttemptFollowsOneWhosePodsAreNotDead() {
        run(Adapt.OFF);
        workers.fenceTrouble = Optional.of(new BlockedException("pod 1 is not dead yet"));
        end(1, "failed");
        assertThat(step().attempts()).hasSize(1);
        assertThat(step().reason()).isEqualTo("pod 1 is not dead yet");
        workers.fenceTrouble = Optional.empty();
        step();
        assertThat(step().attempts()).hasSize(2);
    }

    @Test
    void adviceThatBreaksDoesNotKeepWorkersStanding() {
        adviceTrouble = Optional.of(new IllegalStateException("the advice job ended as FAILED"));
        run(Adapt.AUTO);
        RunState state = end(1, "failed");
        assertThat(state.attempts()).hasSize(2);
        assertThat(store.events(Runs.ID, 0, 100)).extracting(RunStore.Numbered::event)
                .anySatisfy(e -> assertThat(e).isInstanceOf(RunEvent.AdviceAbstained.class)
                        .asString()
                        .contains("ended as FAILED"));
    }

    @Test
    void aChangeThatCannotBeMeasuredDoesNotKeepADoneRunFromEnding() {
        change = true;
        run(Adapt.AUTO);
        end(1, "failed");
        assertThat(step().attempt(2).recipe()).isEqualTo(Runs.change(2).to());
        RunState state = end(2, "completed");
        assertThat(state.phase()).isEqualTo(RunPhase.COMPLETED);
        assertThat(store.events(Runs.ID, 0, 100)).extracting(RunStore.Numbered::event)
                .anySatisfy(e -> assertThat(e).isInstanceOf(RunEvent.ChangeNotScored.class));
    }

    @Test
    void agentsThatStaySilentAreFencedWhenTheirTimeIsUp() {
        run(Adapt.OFF);
        engine.stop(Runs.ID, now);
        assertThat(step().phase()).isEqualTo(RunPhase.DRAINING);
        now = now.plus(RunDecider.STOP_GRACE);
        assertThat(step().phase()).isEqualTo(RunPhase.STOPPED);
        assertThat(workers.calls).containsSubsequence("create 1", "fence 1", "delete 1");
        assertThat(workers.living).isEmpty();
    }

    /** The service dies after an attempt has ended and before its remains are gone. */
    @Test
    void whatAnEarlierLifeLeftBehindIsRemoved() {
        run(Adapt.OFF);
        end(1, "completed");
        workers.living.add(new AttemptKey(Runs.ID, 1));
        engine = engine();
        step();
        assertThat(workers.living).isEmpty();
    }

    @Test
    void aReplacedControllerActsNoMore() {
        run(Adapt.OFF);
        RunEngine second = engine();
        second.stop(Runs.ID, now);
        assertThatThrownBy(() -> engine.stop(Runs.ID, now)).isInstanceOf(RunStore.FencedException.class);
        assertThat(engine.run(Runs.ID).orElseThrow().state().stopRequested())
                .as("it reads what the other wrote")
                .isTrue();
    }

    @Test
    void anEndedRunsChangeCanNoMoreBeAnswered() {
        change = true;
        run(Adapt.ASK);
        end(1, "failed");
        step();
        engine.stop(Runs.ID, now);
        assertThatThrownBy(() -> engine.answer(Runs.ID, "before-attempt-2", true, now))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("ended");
    }
}

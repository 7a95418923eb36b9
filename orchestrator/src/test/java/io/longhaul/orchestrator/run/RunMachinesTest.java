package io.longhaul.orchestrator.run;

import static io.longhaul.orchestrator.run.Lives.APPROVE;
import static io.longhaul.orchestrator.run.Lives.EPOCH;
import static io.longhaul.orchestrator.run.Lives.LATER;
import static io.longhaul.orchestrator.run.Lives.REJECT;
import static io.longhaul.orchestrator.run.Lives.ending;
import static io.longhaul.orchestrator.run.Lives.graded;
import static io.longhaul.orchestrator.run.Lives.placed;
import static io.longhaul.orchestrator.run.Lives.starting;
import static io.longhaul.orchestrator.run.Lives.training;
import static io.longhaul.orchestrator.run.Lives.verified;
import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.monitor.Finding;
import io.longhaul.monitor.log.LogLabel.Suspect;
import io.longhaul.monitor.log.LogRules;
import io.longhaul.monitor.loss.LossEvent.Grade;
import io.longhaul.monitor.response.Action;
import io.longhaul.orchestrator.plan.PlanPort.RankProcess;
import io.longhaul.orchestrator.run.Lives.Life;
import io.longhaul.orchestrator.run.RunDecider.Decision;
import io.longhaul.orchestrator.run.RunSpec.Policies.Adapt;
import io.longhaul.orchestrator.telemetry.AgentRecord;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/** What speaks against machines, and what follows for the next attempt. */
final class RunMachinesTest {
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
    void aMachineThatTheWorldHasGivenUpIsBlamedAndOneWhosePodEndedIsNot() {
        assertThat(blamed(training(Adapt.OFF).then(placed(1),
                new RunInput.Gone(1, 1, "the cluster has given it up", true)))).containsExactly("gpu-18 1.0");
        assertThat(blamed(training(Adapt.OFF).then(placed(1), new RunInput.Gone(1, 1, "OOMKilled"))))
                .isEmpty();
        assertThat(blamed(training(Adapt.OFF).then(new RunInput.Gone(1, 1, "lost", true)))).as("no name")
                .isEmpty();
    }

    /**
     * A slow rank that costs more than going on without its node, where another node is at hand. In a dry run the
     * attempt goes on until its agents end it, and its last incident is what the run asks about.
     */
    private static Life replaces(boolean dryRun) {
        RunSpec spec = RunSpecReader.read(Runs.SPEC
                .replace("{ ranks: 2 }", "{ kind: described, nodes: 4, accelerator: H100-SXM-80GB }")
                .replace("policies: {", "policies: { dryRun: " + dryRun + ","));
        Finding slow = new Finding(Finding.Kind.SLOW_RANK, Grade.MAJOR, Runs.AT, OptionalLong.of(20),
                OptionalInt.of(1), "rank 1 is slow", Map.of(), OptionalDouble.of(8), Suspect.NONE);
        Life life = new Life(spec).then(starting(1)).then(placed(1), verified(1, 20));
        if (dryRun) {
            life.then(Runs.found(1, Finding.Kind.EXITED, 20));
        }
        return life.then(new RunInput.Found(1, slow, List.of(), Optional.empty(), 22, OptionalDouble.of(0.1),
                OptionalInt.of(1)));
    }

    /** A dry run that a person approves blames as much as one that is none. */
    @Test
    void whatIsReplacedAtAPersonsWordIsBlamedAsIfItHadBeenReplacedAtOnce() {
        Life carriedOut = replaces(false);
        assertThat(carriedOut.attempt().stage()).isEqualTo(Attempt.Stage.ENDING);
        assertThat(blamed(carriedOut)).containsExactly("gpu-18 1.0");

        Life dryRun = replaces(true);
        assertThat(blamed(dryRun)).containsExactly("gpu-18 0.6");
        dryRun.then(ending(1, "failed", 30));
        assertThat(dryRun.state.waitingFor().orElseThrow().code()).isEqualTo("dry-run");
        assertThat(dryRun.state.askedAbout().orElseThrow().decision().action())
                .isEqualTo(Action.REPLACE_NODE);

        Life rejected = copy(dryRun).then(new RunInput.WaitAnswered(false, OptionalInt.of(1)));
        assertThat(blamed(rejected)).as("rejected").containsExactly("gpu-18 0.6");
        Life unplaced = copy(dryRun).then(APPROVE);
        assertThat(blamed(unplaced)).as("no node is known").containsExactly("gpu-18 0.6");
        dryRun.then(new RunInput.WaitAnswered(true, OptionalInt.of(1)));
        assertThat(blamed(dryRun)).containsExactly("gpu-18 0.6", "gpu-18 0.4");
        assertThat(dryRun.attempt().number()).isEqualTo(2);
    }

    /** The finding names a rank; where that ran its agent said when it started it. */
    @Test
    void anAnswerIsAboutTheNodeOfTheIncidentThatAsks() {
        LiveRun run = new LiveRun(replaces(true).then(ending(1, "failed", 30)).state, 1);
        assertThat(run.answered(true)).isEqualTo(APPROVE);
        run.replay(new RunStore.Received(1, 1, 0, new AgentRecord.RankStarted(1, Runs.AT, 0, 7)));
        run.replay(new RunStore.Received(2, 1, 1, new AgentRecord.RankStarted(1, Runs.AT, 1, 8)));
        assertThat(run.answered(true)).isEqualTo(new RunInput.WaitAnswered(true, OptionalInt.of(1)));
        assertThat(new LiveRun(training(Adapt.OFF).state, 1).answered(false)).isEqualTo(REJECT);
    }

    private static Life copy(Life life) {
        Life copy = new Life(life.state.spec());
        copy.state = life.state;
        copy.events.addAll(life.events);
        return copy;
    }

    /** Blame of the decision itself is not in the memory of nodes yet when the next attempt is decided on. */
    @Test
    void theNextAttemptAvoidsWhatTheSameDecisionBlames() {
        List<String> counted = new ArrayList<>();
        RunDecider decider = new RunDecider(new LaunchFactory() {
            @Override
            public RankProcess process(RunState state, Recipe recipe, long resume, List<StepRange> skipped) {
                return Runs.LAUNCHES.process(state, recipe, resume, skipped);
            }

            @Override
            public List<String> avoid(Instant now, List<RunEvent.MachineBlamed> blamed) {
                blamed.forEach(e -> counted.add(e.machine() + " " + e.weight()));
                return List.of();
            }
        });
        decider.decide(replaces(true).then(ending(1, "failed", 30)).state,
                new RunInput.WaitAnswered(true, OptionalInt.of(1)), LATER, EPOCH);
        assertThat(counted).containsExactly("gpu-18 0.4");
    }

    @Test
    void everyAttemptAvoidsTheMachinesThatAreToBeAvoidedThen() {
        LaunchFactory suspicious = new LaunchFactory() {
            @Override
            public RankProcess process(RunState state, Recipe recipe, long resume, List<StepRange> skipped) {
                return Runs.LAUNCHES.process(state, recipe, resume, skipped);
            }

            @Override
            public List<String> avoid(Instant now, List<RunEvent.MachineBlamed> blamed) {
                return List.of("gpu-17 at " + now);
            }
        };
        Decision decision = new RunDecider(suspicious).decide(Runs.created(Runs.spec()),
                new RunInput.PlanReady(Runs.PLAN), LATER, EPOCH);
        assertThat(decision.state().attempt(1).launch().avoid()).containsExactly("gpu-17 at " + LATER);
        assertThat(training(Adapt.OFF).attempt().launch().avoid()).isEmpty();
    }
}

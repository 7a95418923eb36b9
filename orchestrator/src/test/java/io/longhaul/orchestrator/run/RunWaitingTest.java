package io.longhaul.orchestrator.run;

import static io.longhaul.orchestrator.run.Lives.APPROVE;
import static io.longhaul.orchestrator.run.Lives.EPOCH;
import static io.longhaul.orchestrator.run.Lives.REJECT;
import static io.longhaul.orchestrator.run.Lives.ending;
import static io.longhaul.orchestrator.run.Lives.life;
import static io.longhaul.orchestrator.run.Lives.places;
import static io.longhaul.orchestrator.run.Lives.restartedTooOften;
import static io.longhaul.orchestrator.run.Lives.starting;
import static io.longhaul.orchestrator.run.Lives.training;
import static io.longhaul.orchestrator.run.Lives.verified;
import static io.longhaul.orchestrator.run.Lives.waitingForScore;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.longhaul.monitor.Finding;
import io.longhaul.monitor.response.Action;
import io.longhaul.orchestrator.launch.AgentCommand;
import io.longhaul.orchestrator.run.Lives.Life;
import io.longhaul.orchestrator.run.RunSpec.Policies.Adapt;
import java.time.Duration;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a run waits for, and how it goes on or ends at a word from outside. */
final class RunWaitingTest {
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
}

package io.longhaul.orchestrator.run;

import static io.longhaul.orchestrator.run.Lives.ending;
import static io.longhaul.orchestrator.run.Lives.graded;
import static io.longhaul.orchestrator.run.Lives.starting;
import static io.longhaul.orchestrator.run.Lives.training;
import static io.longhaul.orchestrator.run.Lives.verified;
import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.monitor.Finding;
import io.longhaul.monitor.log.LogLabel.Suspect;
import io.longhaul.monitor.loss.LossEvent.Grade;
import io.longhaul.monitor.response.Action;
import io.longhaul.orchestrator.run.Lives.Life;
import io.longhaul.orchestrator.run.RunDecider.Decision;
import io.longhaul.orchestrator.run.RunSpec.Policies.Adapt;
import io.longhaul.orchestrator.telemetry.AgentRecord.CheckpointState;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a run does about what goes wrong: from where it goes on, without which data. */
final class RunFaultsTest {
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
}

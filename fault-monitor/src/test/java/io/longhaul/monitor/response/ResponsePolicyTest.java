package io.longhaul.monitor.response;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.monitor.Finding;
import io.longhaul.monitor.log.LogLabel.Suspect;
import io.longhaul.monitor.loss.LossEvent.Grade;
import io.longhaul.monitor.response.Response.Alternative;
import io.longhaul.monitor.response.Situation.Past;
import io.longhaul.monitor.response.Situation.Steps;
import io.longhaul.monitor.response.Situation.SuspectData;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ResponsePolicyTest {
    private static final Instant NOW = Instant.parse("2026-01-02T00:00:00Z");
    private static final List<Long> CHECKPOINTS = List.of(50L, 100L, 150L, 200L);
    private static final Policy POLICY = Policy.usual(false, true, 8);

    private static Finding finding(Finding.Kind kind, long step) {
        return new Finding(kind, Instant.EPOCH, OptionalLong.of(step), OptionalInt.empty(), "", Map.of());
    }

    private static Finding finding(Finding.Kind kind, Grade grade, Suspect suspect) {
        return new Finding(kind, grade, Instant.EPOCH, OptionalLong.of(204), OptionalInt.empty(), "",
                Map.of(),
                OptionalDouble.of(2), suspect);
    }

    /** 8 ranks with steps of a second and restarts of a minute. */
    private static Situation situation(long lastStep, Optional<SuspectData> suspect, Past... past) {
        return new Situation(NOW, lastStep, CHECKPOINTS, suspect, 8, 1, 60, 0, false, List.of(past));
    }

    private static Situation spares(int spareNodes, double restartSeconds) {
        return new Situation(NOW, 207, CHECKPOINTS, Optional.empty(), 8, 1, restartSeconds, spareNodes,
                false, List.of());
    }

    private static Past past(Action action, int minutesAgo, long newestCheckpoint) {
        return new Past(NOW.minus(Duration.ofMinutes(minutesAgo)), action, newestCheckpoint);
    }

    private static Response respond(Finding.Kind kind, Situation situation) {
        return ResponsePolicy.respond(finding(kind, 204), situation, POLICY);
    }

    private static String why(Response response, String action) {
        return response.alternatives()
                .stream()
                .filter(a -> a.action().startsWith(action))
                .map(Alternative::why)
                .findFirst()
                .orElse("no such alternative");
    }

    @ParameterizedTest(name = "{0}: {1} from {2}")
    @CsvSource({
            "SPIKE, ROLL_BACK_AND_SKIP, 150",
            "NAN, ROLL_BACK_AND_SKIP, 150",
            "DIVERGED, LOWER_LEARNING_RATE, 200",
            "STALLED, RESTART, 200",
            "EXITED, RESTART, 200",
            "SLOW_RANK, WATCH,",
            "DROPPED, WATCH,",
            "FROZEN, WATCH,",
            "FAULT_LINE, WATCH,",
            "UNREACHABLE, WATCH,",
            "RECOVERED, WATCH,"})
    void decides(Finding.Kind kind, Action action, Long rollback) {
        Response response = respond(kind, situation(207, Optional.empty()));
        assertThat(response.action()).isEqualTo(action);
        assertThat(response.rollbackStep())
                .isEqualTo(rollback == null ? OptionalLong.empty() : OptionalLong.of(rollback));
        assertThat(response.skip().isPresent()).isEqualTo(action == Action.ROLL_BACK_AND_SKIP);
    }

    @Test
    void aSpikeIsWatchedUntilItStaysUp() {
        Situation situation = situation(207, Optional.empty());
        Response first = ResponsePolicy.respond(finding(Finding.Kind.SPIKE, Grade.MAJOR, Suspect.NONE),
                situation,
                POLICY);
        assertThat(first.action()).isEqualTo(Action.WATCH);
        assertThat(first.alternatives().getFirst().gpuSeconds().orElseThrow())
                .as("8 ranks, 60 s and 57 steps")
                .isEqualTo(8 * (60 + 57));
        assertThat(first.gpuSeconds().orElseThrow()).isLessThan(8 * (60 + 57) / 10.0 + 8);
    }

    /** Half of the spikes that stay up come back: where going back is dear, that is waited for. */
    @Test
    void waitsLongerWhereGoingBackIsDear() {
        assertThat(respond(Finding.Kind.SPIKE, spares(0, 60)).action()).isEqualTo(Action.ROLL_BACK_AND_SKIP);
        Response dear = respond(Finding.Kind.SPIKE, spares(0, 600));
        assertThat(dear.action()).isEqualTo(Action.WATCH);
        assertThat(why(dear, "roll back")).contains("GPU-seconds expected against");
    }

    @Test
    void skipsTheShardAndGoesBackBeforeIt() {
        Situation situation = situation(166,
                Optional.of(new SuspectData(new Steps(161, 176), Optional.of("s7"))));
        Response response = ResponsePolicy.respond(finding(Finding.Kind.SPIKE, 161), situation, POLICY);
        assertThat(response.skip()).contains(new Steps(161, 176));
        assertThat(response.rollbackStep()).hasValue(150);
        assertThat(response.inputs()).containsEntry("suspect data", "s7")
                .containsEntry("steps to redo", "16");
        assertThat(response.alternatives()).extracting(Alternative::why)
                .contains("the damage began with shard s7, not with the optimizer");
    }

    @Test
    void withoutAShardSkipsAMarginAndGoesBackBeforeIt() {
        Response response = ResponsePolicy.respond(
                finding(Finding.Kind.SPIKE, 155), situation(166, Optional.empty()), POLICY);
        assertThat(response.skip()).contains(new Steps(147, 174));
        assertThat(response.rollbackStep()).hasValue(100);
    }

    @Test
    void startsFromTheBeginningWithoutACheckpoint() {
        Situation situation = new Situation(NOW, 30, List.of(), Optional.empty(), 8, 1, 60, 0, false,
                List.of());
        assertThat(respond(Finding.Kind.NAN, situation).rollbackStep()).hasValue(0);
        assertThat(respond(Finding.Kind.EXITED, situation).rollbackStep()).hasValue(0);
    }

    @Test
    void theThirdDamageInADayLowersTheRateIfThatIsAllowed() {
        Situation third = situation(207, Optional.empty(), past(Action.ROLL_BACK_AND_SKIP, 300, 50),
                past(Action.ROLL_BACK_AND_SKIP, 60, 100));
        Response lower = respond(Finding.Kind.SPIKE, third);
        assertThat(lower.action()).isEqualTo(Action.LOWER_LEARNING_RATE);
        assertThat(lower.learningRateFactor()).isEqualTo(0.75);
        assertThat(lower.skip()).isPresent();
        Response fixed = ResponsePolicy.respond(finding(Finding.Kind.SPIKE, 204), third,
                Policy.usual(false, false, 8));
        assertThat(fixed.action()).isEqualTo(Action.ROLL_BACK_AND_SKIP);
        Situation longAgo = situation(207, Optional.empty(), past(Action.ROLL_BACK_AND_SKIP, 3000, 50),
                past(Action.ROLL_BACK_AND_SKIP, 60, 100));
        assertThat(respond(Finding.Kind.SPIKE, longAgo).action()).isEqualTo(Action.ROLL_BACK_AND_SKIP);
    }

    /** Data that comes again whatever is decided: a decision must not say that it is skipped. */
    @Test
    void whereDataCannotBeLeftOutItIsReadAgainAndThenWithALowerRate() {
        SuspectData shard = new SuspectData(new Steps(161, 176), Optional.of("s7"));
        Response first = respond(Finding.Kind.NAN, readsAgain(shard));
        assertThat(first.action()).isEqualTo(Action.ROLL_BACK);
        assertThat(first.does()).isEqualTo("roll back to step 150 and read the same data again");
        assertThat(first.skip()).isEmpty();
        assertThat(first.rollbackStep()).hasValue(150);
        assertThat(why(first, "roll back to step 150 and skip")).contains("no option to leave out");
        Past before = past(Action.ROLL_BACK, 60, 100);
        Response second = respond(Finding.Kind.NAN, readsAgain(shard, before));
        assertThat(second.action()).isEqualTo(Action.LOWER_LEARNING_RATE);
        assertThat(second.skip()).isEmpty();
        assertThat(ResponsePolicy.respond(finding(Finding.Kind.NAN, 204), readsAgain(shard, before),
                Policy.usual(false, false, 8)).action()).isEqualTo(Action.ROLL_BACK);
    }

    private static Situation readsAgain(SuspectData suspect, Past... past) {
        return new Situation(NOW, 207, CHECKPOINTS, Optional.of(suspect), 8, 1, 60, 0, true, List.of(past));
    }

    @Test
    void aBudgetThatIsUsedUpIsNamedAndAPersonIsAsked() {
        Past[] eight = Collections.nCopies(8, past(Action.ROLL_BACK_AND_SKIP, 60, 100)).toArray(Past[]::new);
        Response response = ResponsePolicy.respond(finding(Finding.Kind.NAN, 204),
                situation(207, Optional.empty(), eight), Policy.usual(false, false, 8));
        assertThat(response.action()).isEqualTo(Action.ASK);
        assertThat(why(response, "roll back")).isEqualTo("done 8 times within 24 h, as often as allowed");
    }

    @Test
    void restartsThatLeadNowhereEndInAQuestion() {
        Past again = past(Action.RESTART, 10, 200);
        assertThat(respond(Finding.Kind.EXITED, situation(207, Optional.empty(), again, again)).action())
                .isEqualTo(Action.RESTART);
        Response loop = respond(Finding.Kind.EXITED, situation(207, Optional.empty(), again, again, again));
        assertThat(loop.action()).isEqualTo(Action.ASK);
        assertThat(why(loop, "restart all")).isEqualTo(
                "3 attempts in a row ended without a checkpoint after step 200");
        Past before = past(Action.RESTART, 10, 150);
        assertThat(respond(Finding.Kind.EXITED, situation(207, Optional.empty(), before, before, before))
                .action())
                .as("there is progress")
                .isEqualTo(Action.RESTART);
    }

    @ParameterizedTest(name = "the log blames {0}, {1} spare nodes, restarts of {2} s: {3}")
    @CsvSource({
            "NONE, 1, 600, RESTART",
            "NODE, 1, 600, REPLACE_NODE",
            "NODE, 0, 600, RESTART",
            "USER, 0, 5, RESTART",
            "USER, 0, 600, ASK",
            "NETWORK, 1, 600, RESTART"})
    void whoIsToBlameDecidesHowToGoOn(Suspect suspect, int spareNodes, double restartSeconds, Action action) {
        Finding exit = finding(Finding.Kind.EXITED, Grade.CRITICAL, suspect);
        assertThat(ResponsePolicy.respond(exit, spares(spareNodes, restartSeconds), POLICY).action())
                .isEqualTo(action);
    }

    @Test
    void aSlowNodeIsReplacedWhereASpareIsCheaperThanWaiting() {
        assertThat(respond(Finding.Kind.SLOW_RANK, spares(0, 60)).action()).isEqualTo(Action.WATCH);
        Finding twice = finding(Finding.Kind.SLOW_RANK, Grade.MAJOR, Suspect.NONE);
        assertThat(ResponsePolicy.respond(twice, spares(1, 60), POLICY).action())
                .isEqualTo(Action.REPLACE_NODE);
        assertThat(ResponsePolicy.respond(twice, spares(1, 1200), POLICY).action()).isEqualTo(Action.WATCH);
    }

    @Test
    void aDryRunTellsWhatItWouldDo() {
        Response response = ResponsePolicy.respond(finding(Finding.Kind.SPIKE, 204),
                situation(207, Optional.empty()),
                Policy.usual(true, true, 8));
        assertThat(response.does()).startsWith("dry run, would: roll back to step 150");
    }

    @Test
    void neverTrainsOnFromDamageAndAlwaysSaysWhyNotOtherwise() {
        for (long seed = 0; seed < 5000; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            Finding.Kind kind = Finding.Kind.values()[random.nextInt(Finding.Kind.values().length)];
            long last = 1 + random.nextInt(300);
            long step = 1 + random.nextLong(last);
            List<Long> verified = new ArrayList<>();
            for (long at = 10; at <= last; at += 10 + random.nextInt(40)) {
                verified.add(at);
            }
            List<Past> past = new ArrayList<>();
            for (int i = random.nextInt(12); i > 0; i--) {
                past.add(past(Action.values()[random.nextInt(Action.values().length)], i, random.nextInt(5)));
            }
            Situation situation = new Situation(NOW, last, verified, Optional.empty(),
                    1 + random.nextInt(100),
                    random.nextDouble(), 600 * random.nextDouble(), random.nextInt(2), random.nextBoolean(),
                    past);
            ResponsePolicy.Case basis = new ResponsePolicy.Case(finding(kind, step), situation, POLICY);
            Response response = basis.respond();
            assertThat(basis.respond()).as("seed %d", seed).isEqualTo(response);
            if (finding(kind, step).alarm()) {
                assertThat(response.alternatives()).as("seed %d", seed)
                        .isNotEmpty()
                        .noneMatch(a -> a.why().isBlank());
            }
            assertThat(response.rollbackStep().isPresent()).as("seed %d", seed)
                    .isEqualTo(response.action().ends());
            if (response.skip().isPresent()) {
                long rollback = response.rollbackStep().orElseThrow();
                Steps skip = response.skip().orElseThrow();
                assertThat(rollback).as("seed %d", seed).isLessThan(skip.from());
                assertThat(rollback == 0 || verified.contains(rollback)).as("seed %d", seed).isTrue();
                assertThat(step).as("seed %d", seed).isBetween(skip.from(), skip.to());
            }
        }
    }
}

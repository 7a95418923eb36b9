package io.longhaul.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.monitor.GoodputLedger.Account;
import io.longhaul.monitor.GoodputLedger.AttemptTimes;
import io.longhaul.monitor.GoodputLedger.Goodput;
import io.longhaul.monitor.GoodputLedger.StepTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class GoodputLedgerTest {
    private static final Instant START = Instant.parse("2026-01-01T00:00:00Z");

    private static Instant at(double seconds) {
        return START.plusNanos(Math.round(seconds * 1e9));
    }

    private static StepTime step(double at, double seconds, boolean kept, boolean checkpoint, boolean slow) {
        return new StepTime(at(at), seconds, kept, checkpoint, slow);
    }

    /** Start 10 s late, five steps of 2 s of which one saves for 3 s more and one was lost, killed, gone. */
    @Test
    void aWorkedExample() {
        List<StepTime> steps = List.of(
                step(22, 2, true, false, false),
                step(24, 2, true, false, false),
                step(29, 5, true, true, false),
                step(32, 3, true, false, true),
                step(34, 2, false, false, false));
        AttemptTimes attempt = new AttemptTimes(
                4, at(6), Optional.of(at(10)), Optional.of(at(40)), Optional.of(at(43)), steps);
        Goodput goodput = GoodputLedger.account(4, START, at(43), List.of(attempt));
        Map<Account, Double> expected = Map.of(
                Account.SCHEDULE, 10.0, Account.INITIALISE, 10.0, Account.TRAIN, 8.0, Account.CHECKPOINT, 3.0,
                Account.SLOW, 1.0, Account.REDO, 2.0, Account.DETECT, 6.0, Account.DRAIN, 3.0, Account.IDLE,
                0.0);
        expected.forEach(
                (account, seconds) -> assertThat(goodput.accounts().get(account)).as(account.name())
                        .isCloseTo(4 * seconds, within(1e-6)));
        assertThat(goodput.totalSeconds()).isCloseTo(4 * 43, within(1e-6));
        assertThat(goodput.ettr()).isCloseTo(8.0 / 43, within(1e-9));
    }

    @Test
    void aRunThatHasJustBegunIsNotDividedByZero() {
        Goodput goodput = GoodputLedger.account(2, START, START, List.of());
        assertThat(goodput.totalSeconds()).isZero();
        assertThat(goodput.ettr()).isZero();
        assertThat(goodput.accounts()).hasSize(Account.values().length);
    }

    @Test
    void everyMomentIsInExactlyOneAccount() {
        for (long seed = 0; seed < 2000; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            int ranks = 1 + random.nextInt(64);
            List<AttemptTimes> attempts = new ArrayList<>();
            double now = random.nextDouble(5);
            int count = random.nextInt(5);
            for (int i = 0; i < count; i++) {
                boolean last = i == count - 1;
                double decided = now;
                boolean started = !last || random.nextBoolean();
                now += random.nextDouble(20);
                Optional<Instant> startedAt = started ? Optional.of(at(now)) : Optional.empty();
                List<StepTime> steps = new ArrayList<>();
                for (int step = started ? random.nextInt(30) : 0; step > 0; step--) {
                    double seconds = 0.1 + random.nextDouble(3);
                    now += seconds + random.nextDouble(0.5);
                    // What the trainer prints is not exactly the time between two lines.
                    steps.add(
                            step(now, seconds * (0.9 + random.nextDouble(0.2)), random.nextBoolean(),
                                    random.nextInt(8) == 0,
                                    random.nextInt(5) == 0));
                }
                boolean ending = !last || random.nextBoolean();
                now += random.nextDouble(5);
                Optional<Instant> endingAt = ending ? Optional.of(at(now)) : Optional.empty();
                boolean ended = !last || ending && random.nextBoolean();
                now += random.nextDouble(5);
                Optional<Instant> endedAt = ended ? Optional.of(at(now)) : Optional.empty();
                attempts.add(new AttemptTimes(ranks, at(decided), startedAt, endingAt, endedAt, steps));
                now += random.nextDouble(5);
            }
            Goodput goodput = GoodputLedger.account(ranks, START, at(now), attempts);
            assertThat(goodput.totalSeconds()).as("seed %d", seed).isCloseTo(ranks * now, within(1e-5));
            assertThat(goodput.accounts().values()).as("seed %d", seed).allMatch(seconds -> seconds >= -1e-9);
            assertThat(goodput.ettr()).as("seed %d", seed).isBetween(0.0, 1.0);
        }
    }

    @Test
    void aStepOfAClockThatRunsAheadAddsNoTime() {
        AttemptTimes attempt = new AttemptTimes(
                2, at(0), Optional.of(at(1)), Optional.empty(), Optional.empty(),
                List.of(step(4, 2, true, false, false), step(12, 2, true, false, false)));
        assertThat(GoodputLedger.account(2, START, at(10), List.of(attempt)).totalSeconds())
                .isCloseTo(2 * 10, within(1e-6));
    }
}

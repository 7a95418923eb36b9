package io.longhaul.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class AttemptMonitorTest {
    private static final Instant START = Instant.parse("2026-01-01T00:00:00Z");
    private static final Thresholds THRESHOLDS = Thresholds.of(Duration.ofSeconds(120),
            Duration.ofSeconds(60));
    private final AttemptMonitor monitor = monitor(2);

    private static AttemptMonitor monitor(int ranks) {
        return new AttemptMonitor(ranks, THRESHOLDS);
    }

    private static Instant at(double seconds) {
        return START.plusNanos((long) (seconds * 1e9));
    }

    private static Signal.Step step(double seconds, long step, double loss) {
        return new Signal.Step(at(seconds), step, loss, OptionalDouble.of(1), 1e-3, 0.1, false);
    }

    private static Signal.RankExited exited(double seconds, int rank, int code) {
        return new Signal.RankExited(at(seconds), rank, OptionalInt.of(code), OptionalInt.empty(), "boom");
    }

    private List<Finding> tick(double seconds) {
        return monitor.accept(new Signal.Tick(at(seconds)));
    }

    private static void assertKinds(List<Finding> findings, Finding.Kind... kinds) {
        assertThat(findings).extracting(Finding::kind).containsExactly(kinds);
    }

    @Test
    void reportsALossThatIsNotFiniteOnce() {
        assertThat(monitor.accept(step(1, 1, 5))).isEmpty();
        List<Finding> findings = monitor.accept(step(2, 2, Double.NaN));
        assertKinds(findings, Finding.Kind.NAN);
        assertThat(findings.getFirst().step()).hasValue(2);
        assertThat(monitor.accept(step(3, 3, Double.POSITIVE_INFINITY))).isEmpty();
    }

    @Test
    void reportsAGradientThatIsNotFinite() {
        Signal.Step step = new Signal.Step(at(1), 1, 5, OptionalDouble.of(Double.NaN), 1e-3, 0.1, false);
        assertKinds(monitor.accept(step), Finding.Kind.NAN);
    }

    @Test
    void leavesStepsWithoutAnUpdateAlone() {
        for (int i = 1; i < 200; i++) {
            double loss = i > 100 && i < 120 ? Double.NaN : i > 150 ? 9 : 3;
            Signal.Step step = new Signal.Step(at(i), i, loss, OptionalDouble.empty(), 0, 0.1, i > 100);
            assertThat(monitor.accept(step)).isEmpty();
        }
    }

    @Test
    void reportsAMissingFirstStepAtTheStartTimeout() {
        assertThat(monitor.accept(new Signal.RankStarted(at(0), 0))).isEmpty();
        assertThat(tick(119.9)).isEmpty();
        assertKinds(tick(120), Finding.Kind.STALLED);
        assertThat(tick(500)).isEmpty();
    }

    @Test
    void reportsAStallAtItsTimeoutAndNamesTheRankBehind() {
        monitor.accept(new Signal.RankStarted(at(0), 0));
        for (int i = 1; i <= 10; i++) {
            monitor.accept(step(i, i, 4));
            monitor.accept(new Signal.RankStep(at(i), 0, i, 0.1, 0.1, 0.2));
            if (i < 10) {
                monitor.accept(new Signal.RankStep(at(i), 1, i, 0.1, 0.1, 0.2));
            }
        }
        assertThat(tick(69.9)).isEmpty();
        List<Finding> findings = tick(70);
        assertKinds(findings, Finding.Kind.STALLED);
        assertThat(findings.getFirst().rank()).hasValue(1);
        assertThat(findings.getFirst().step()).hasValue(11);
        assertThat(tick(90)).isEmpty();
    }

    @Test
    void letsSlowRunsBeSlow() {
        for (int i = 1; i <= 10; i++) {
            monitor.accept(step(100.0 * i, i, 4));
        }
        assertThat(tick(1000 + 499)).isEmpty();
        assertKinds(tick(1000 + 500), Finding.Kind.STALLED);
    }

    @Test
    void reportsOnlyTheFirstExit() {
        monitor.accept(step(1, 7, 4));
        Signal.RankExited killed = new Signal.RankExited(at(2), 1, OptionalInt.empty(), OptionalInt.of(9),
                "");
        List<Finding> findings = monitor.accept(killed);
        assertKinds(findings, Finding.Kind.EXITED);
        assertThat(findings.getFirst().summary()).isEqualTo("rank 1 was ended by SIGKILL after step 7");
        assertThat(monitor.accept(exited(3, 0, 1))).isEmpty();
        assertThat(monitor.accept(new Signal.NodeGone(at(4), 0, "gone"))).isEmpty();
        assertThat(tick(1000)).isEmpty();
    }

    @Test
    void anEndWithoutFailureIsNoFindingAndNoStall() {
        monitor.accept(step(1, 600, 4));
        assertThat(monitor.accept(exited(2, 0, 0))).isEmpty();
        assertThat(monitor.accept(exited(2, 1, 0))).isEmpty();
        assertThat(tick(1000)).isEmpty();
    }

    @Test
    void reportsALostNode() {
        assertKinds(monitor.accept(new Signal.NodeGone(at(1), 1, "no pod, no lease")), Finding.Kind.EXITED);
    }

    @Test
    void findsTheSlowRankAndItsRecovery() {
        for (int seed = 0; seed < 50; seed++) {
            AttemptMonitor fresh = monitor(2);
            SplittableRandom random = new SplittableRandom(seed);
            List<Finding> findings = new ArrayList<>();
            for (int step = 1; step <= 300; step++) {
                for (int rank = 0; rank < 2; rank++) {
                    double slowdown = rank == 1 && step > 100 && step <= 160 ? 2.5 : 1;
                    double compute = 0.06 * slowdown * (1 + 0.1 * random.nextGaussian());
                    findings.addAll(
                            fresh.accept(new Signal.RankStep(at(step), rank, step, compute, 0.02,
                                    compute + 0.02)));
                }
            }
            assertThat(findings).as("seed %d", seed)
                    .extracting(Finding::kind)
                    .containsExactly(Finding.Kind.SLOW_RANK, Finding.Kind.RECOVERED);
            assertThat(findings).extracting(Finding::rank).containsOnly(OptionalInt.of(1));
            assertThat(findings.get(0).step().orElseThrow()).isBetween(99L, 103L);
            assertThat(findings.get(0).at()).isBefore(at(116));
            assertThat(findings.get(1).step().orElseThrow()).isBetween(158L, 165L);
        }
    }

    @Test
    void accusesNobodyForNoiseSingleHiccupsOrASlowMachine() {
        for (int seed = 0; seed < 50; seed++) {
            AttemptMonitor fresh = monitor(4);
            SplittableRandom random = new SplittableRandom(seed);
            for (int step = 1; step <= 600; step++) {
                double machine = step > 200 && step < 300 ? 3 : 1;
                for (int rank = 0; rank < 4; rank++) {
                    double hiccup = random.nextInt(20) == 0 ? 5 : 1;
                    double compute = 0.06 * machine * hiccup * (1 + 0.15 * random.nextGaussian());
                    assertThat(
                            fresh.accept(
                                    new Signal.RankStep(at(step), rank, step, Math.max(1e-3, compute), 0.02,
                                            compute)))
                            .as("seed %d step %d", seed, step)
                            .isEmpty();
                }
            }
        }
    }

    @Test
    void findsARankThatWasSlowFromTheBeginning() {
        AttemptMonitor fresh = new AttemptMonitor(3, List.of(List.of(0, 1, 2)), THRESHOLDS);
        List<Finding> findings = new ArrayList<>();
        for (int step = 1; step <= 100; step++) {
            for (int rank = 0; rank < 3; rank++) {
                findings.addAll(
                        fresh.accept(
                                new Signal.RankStep(at(step), rank, step, rank == 2 ? 0.15 : 0.1, 0, 0.2)));
            }
        }
        assertKinds(findings, Finding.Kind.SLOW_RANK);
        assertThat(findings.getFirst().rank()).hasValue(2);
        assertThat(findings.getFirst().step()).hasValue(1);
    }

    @Test
    void sparesARankWithMoreWorkThanTheOthers() {
        AttemptMonitor fresh = monitor(3);
        for (int step = 1; step <= 200; step++) {
            for (int rank = 0; rank < 3; rank++) {
                assertThat(
                        fresh.accept(
                                new Signal.RankStep(at(step), rank, step, rank == 2 ? 0.15 : 0.1, 0, 0.2)))
                        .isEmpty();
            }
        }
    }

    @Test
    void aReplayGivesTheSameFindings() {
        List<Signal> signals = new ArrayList<>();
        SplittableRandom random = new SplittableRandom(3);
        for (int i = 1; i <= 200; i++) {
            signals.add(step(i, i, (i > 120 ? 7 : 3) + 0.05 * random.nextGaussian()));
        }
        List<Finding> first = signals.stream().flatMap(s -> monitor.accept(s).stream()).toList();
        AttemptMonitor again = monitor(2);
        assertKinds(first, Finding.Kind.SPIKE);
        assertThat(signals.stream().flatMap(s -> again.accept(s).stream()).toList()).isEqualTo(first);
    }
}

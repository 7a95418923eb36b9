package io.longhaul.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.monitor.hang.RankState;
import io.longhaul.monitor.health.GpuField;
import io.longhaul.monitor.health.GpuReading;
import io.longhaul.monitor.log.LogLabel.Suspect;
import io.longhaul.monitor.loss.LossEvent.Grade;
import io.longhaul.monitor.loss.LossPoint;
import io.longhaul.monitor.node.Preflight;
import io.longhaul.monitor.straggler.JobShape;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
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
            double loss = i > 100 && i < 120 ? Double.NaN : (i > 150 ? 9 : 3) + 0.01 * (i % 5);
            Signal.Step step = new Signal.Step(at(i), i, loss, OptionalDouble.empty(), 0, 0.1, i > 100);
            assertThat(monitor.accept(step)).isEmpty();
        }
    }

    @Test
    void aLossThatComesAfterALineWithoutItIsJudged() {
        for (int i = 1; i <= 200; i++) {
            monitor.accept(
                    new Signal.Step(at(i), i, Double.NaN, OptionalDouble.empty(), 0, Double.NaN, true));
            List<Finding> findings = monitor.accept(step(i, i, i == 200 ? 9 : 3 + 0.01 * (i % 5)));
            assertThat(findings).hasSize(i == 200 ? 1 : 0);
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
            monitor.accept(step(i, i, 4 + 0.01 * i));
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
            monitor.accept(step(100.0 * i, i, 4 + 0.01 * i));
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
            // It may be told once more when it turns out to be slower than it was at first.
            assertThat(findings).as("seed %d", seed)
                    .extracting(Finding::kind)
                    .startsWith(Finding.Kind.SLOW_RANK)
                    .endsWith(Finding.Kind.RECOVERED)
                    .containsOnlyOnce(Finding.Kind.RECOVERED)
                    .hasSizeBetween(2, 3);
            assertThat(findings).extracting(Finding::rank).containsOnly(OptionalInt.of(1));
            assertThat(findings.get(0).step().orElseThrow()).isBetween(99L, 103L);
            assertThat(findings.get(0).at()).isBefore(at(116));
            assertThat(findings.getLast().step().orElseThrow()).isBetween(158L, 165L);
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
        AttemptMonitor fresh = new AttemptMonitor(3, new JobShape(List.of(List.of(0, 1, 2)), true, 1),
                THRESHOLDS,
                List.of());
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

    private static List<Double> recorded(String name) throws IOException {
        try (InputStream in = AttemptMonitorTest.class.getResourceAsStream("/" + name)) {
            return new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8).lines()
                    .filter(line -> !line.startsWith("#"))
                    .map(Double::valueOf)
                    .toList();
        }
    }

    /** Alarms of an attempt that goes on after some steps of a recorded run, whose losses it knows. */
    private static List<Finding> alarms(List<Double> losses, int resume) {
        List<LossPoint> earlier = IntStream.range(0, resume)
                .mapToObj(i -> LossPoint.of(i + 1, losses.get(i)))
                .toList();
        AttemptMonitor resumed = new AttemptMonitor(1, new JobShape(List.of(), false, 1), THRESHOLDS,
                earlier);
        return IntStream.range(resume, losses.size())
                .mapToObj(i -> resumed.accept(step(i, i + 1, losses.get(i))))
                .flatMap(List::stream)
                .filter(Finding::alarm)
                .toList();
    }

    /** The shard begins with step 161; an attempt may begin with it. */
    @Test
    void findsTheCorruptShardOfARecordedRunWhereverTheAttemptBegins() throws IOException {
        List<Double> losses = recorded("loss-corrupt-shard.txt");
        for (int resume = 0; resume <= 160; resume += 5) {
            List<Finding> found = alarms(losses, resume);
            assertKinds(found, Finding.Kind.SPIKE, Finding.Kind.SPIKE);
            assertThat(found).as("from %d", resume).extracting(f -> f.step().orElse(0)).containsOnly(161L);
            assertThat(found).extracting(Finding::grade).containsExactly(Grade.MAJOR, Grade.CRITICAL);
            assertThat(found).extracting(f -> f.evidence().get("seen at step")).containsExactly(null, "164");
        }
    }

    @Test
    void staysSilentOnARecordedRunWhereverTheAttemptBegins() throws IOException {
        List<Double> losses = recorded("loss-clean.txt");
        for (int resume = 0; resume < 600; resume += 5) {
            assertThat(alarms(losses, resume)).as("from %d", resume).isEmpty();
        }
    }

    @Test
    void saysWhichLineExplainsAnExit() {
        String xid = "NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.";
        monitor.accept(new Signal.LogLine(at(1), 0, "RuntimeError: Connection reset by peer"));
        assertKinds(monitor.accept(new Signal.LogLine(at(2), 1, xid)), Finding.Kind.FAULT_LINE);
        assertThat(monitor.accept(new Signal.LogLine(at(2), 0, xid))).as("said once").isEmpty();
        Finding exit = monitor.accept(exited(3, 0, 1)).getFirst();
        assertThat(exit.suspect()).isEqualTo(Suspect.NODE);
        assertThat(exit.evidence()).containsEntry("line", xid).containsEntry("said by rank", "1");
        assertThat(monitor(2).accept(exited(3, 0, 1)).getFirst().suspect()).isEqualTo(Suspect.NONE);
    }

    private static Signal.GpuReadings xid(double seconds, int node, int number) {
        return new Signal.GpuReadings(at(seconds), node, List.of(new GpuReading(2, GpuField.XID, number)));
    }

    @Test
    void whatANodesInstrumentsTellIsTheCauseOfTheExitThatFollows() {
        monitor.accept(xid(1, 1, 0));
        List<Finding> findings = monitor.accept(xid(5, 1, 79));
        assertKinds(findings, Finding.Kind.NODE_FAULT);
        assertThat(findings.getFirst().evidence()).containsEntry("node", "1")
                .containsEntry("label", "hw.gpu_lost")
                .containsEntry("family", "hardware")
                .containsEntry("component", "gpu");
        assertThat(findings.getFirst().suspect()).isEqualTo(Suspect.NODE);
        assertThat(findings.getFirst().alarm()).isTrue();
        assertThat(monitor.accept(new Signal.NodeLine(at(6), 1, "NVRM: Xid (PCI:0000:3b:00): 79, lost")))
                .as("the kernel tells of the same")
                .isEmpty();
        monitor.accept(new Signal.LogLine(at(7), 0, "RuntimeError: CUDA error: unspecified launch failure"));
        Finding exit = monitor.accept(exited(8, 0, 1)).getFirst();
        assertThat(exit.evidence()).containsEntry("cause in the log", "hw.gpu_lost")
                .containsEntry("told by node", "1");
        assertThat(exit.suspect()).isEqualTo(Suspect.NODE);
    }

    @Test
    void kernelLinesAreTheNodesAndNodesThatDoNotExistSayNothing() {
        Signal.NodeLine line = new Signal.NodeLine(at(1), 0, "NVRM: Xid (PCI:0000:3b:00): 48, DBE");
        assertKinds(monitor.accept(line), Finding.Kind.NODE_FAULT);
        assertThat(monitor.accept(new Signal.NodeLine(at(1), 2, line.text()))).isEmpty();
        assertKinds(monitor.accept(new Signal.NodeLine(at(1), 1, line.text())), Finding.Kind.NODE_FAULT);
    }

    @Test
    void linesOfLongAgoExplainNothing() {
        monitor.accept(
                new Signal.LogLine(at(1), 1, "NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus."));
        assertThat(monitor.accept(exited(700, 0, 1)).getFirst().suspect()).isEqualTo(Suspect.NONE);
    }

    @Test
    void namesTheRankThatTheOthersWaitForInACollective() {
        AttemptMonitor four = monitor(4);
        four.accept(step(1, 1, 4));
        for (int rank = 0; rank < 4; rank++) {
            four.accept(new Signal.CollectiveProgress(at(1),
                    new RankState(rank, 0, rank == 2 ? 7 : 8, 7, RankState.Phase.UNKNOWN, true)));
        }
        Finding stall = four.accept(new Signal.Tick(at(100))).getFirst();
        assertThat(stall.rank()).hasValue(2);
        assertThat(stall.evidence()).containsKey("waits for");
    }

    /** A long checkpoint is told of by all; what was said then is over with the next step. */
    @Test
    void whatWasToldBeforeTheLastStepExplainsNoHang() {
        AttemptMonitor four = monitor(4);
        for (int rank = 0; rank < 4; rank++) {
            four.accept(new Signal.CollectiveProgress(at(1),
                    new RankState(rank, 0, rank == 3 ? 5 : 6, 5, RankState.Phase.CHECKPOINT, true)));
        }
        four.accept(step(2, 1, 4));
        for (int rank : new int[]{0, 1, 3}) {
            four.accept(new Signal.CollectiveProgress(at(8),
                    new RankState(rank, 0, 9, 8, RankState.Phase.COLLECTIVE, true)));
        }
        Finding stall = four.accept(new Signal.Tick(at(100))).getFirst();
        assertThat(stall.rank()).hasValue(2);
        assertThat(stall.evidence().get("waits for")).contains("rank 2 no longer reports");
    }

    @Test
    void aStepThatComesLateTakesNothingAwayThatWasToldAfterIt() {
        AttemptMonitor four = monitor(4);
        four.accept(step(1, 1, 4));
        for (int rank = 0; rank < 4; rank++) {
            four.accept(new Signal.CollectiveProgress(at(8),
                    new RankState(rank, 0, rank == 2 ? 7 : 8, 7, RankState.Phase.UNKNOWN, true)));
        }
        four.accept(step(2, 2, 4));
        assertThat(four.accept(new Signal.Tick(at(100))).getFirst().rank()).hasValue(2);
    }

    @Test
    void theSilenceOfARankThatNeverTellsIsNoSign() {
        AttemptMonitor two = monitor(2);
        two.accept(step(1, 1, 4));
        two.accept(new Signal.CollectiveProgress(at(8),
                new RankState(0, 0, 9, 8, RankState.Phase.COLLECTIVE, true)));
        assertThat(two.accept(new Signal.Tick(at(100))).getFirst().rank()).isEmpty();
    }

    @Test
    void slowStepsOfTheWholeJobAreASignAndNoAlarm() {
        List<Finding> findings = new ArrayList<>();
        for (int i = 1; i <= 200; i++) {
            findings.addAll(monitor
                    .accept(new Signal.Step(at(i), i, 3 + 0.001 * (i % 7), OptionalDouble.empty(), 1e-3,
                            i > 100 ? 1.2 : 1, false)));
        }
        assertKinds(findings, Finding.Kind.SLOW_STEPS);
        assertThat(findings.getFirst().alarm()).isFalse();
        assertThat(findings.getFirst().step().orElseThrow()).isBetween(98L, 104L);
    }

    /** Four stages of two ranks, the last with three times the work: who is slow there is waited for by all. */
    @Test
    void saysWhomASlowRankKeepsWaitingAndWhatThatCosts() {
        JobShape shape = new JobShape(List.of(List.of(0, 1), List.of(2, 3), List.of(4, 5), List.of(6, 7)),
                false,
                8);
        for (int slow : new int[]{2, 7}) {
            AttemptMonitor fresh = new AttemptMonitor(8, shape, THRESHOLDS, List.of());
            List<Finding> findings = new ArrayList<>();
            for (int step = 1; step <= 200; step++) {
                for (int rank = 0; rank < 8; rank++) {
                    double compute = (rank > 5 ? 3 : 1) * (rank == slow && step > 100 ? 1.6 : 1);
                    findings.addAll(fresh.accept(new Signal.RankStep(at(step), rank, step, compute,
                            rank == slow && step > 100 ? 0.1 : 0.7, 5)));
                }
            }
            assertKinds(findings, Finding.Kind.SLOW_RANK);
            Finding finding = findings.getFirst();
            if (slow == 7) {
                // (6 + 7 * 3) / 8 becomes (3 + 4.8 + 7 * 4.8) / 8, with 0.1 s or a little more of communication.
                assertThat(finding.ratio().orElseThrow()).isBetween(1.45, 1.54);
                assertThat(finding.evidence().get("who waits"))
                        .isEqualTo("the other 1 ranks of stage 3 at the sum"
                                + " of gradients, and ranks 1, 3, 5 of its pipeline in every micro-batch");
                assertThat(finding.alarm()).isTrue();
            } else {
                assertThat(finding.ratio().orElseThrow()).isBetween(1.0, 1.03);
            }
        }
    }

    @Test
    void aSlowRankThatKeepsNobodyWaitingIsNoAlarm() {
        JobShape shape = new JobShape(List.of(List.of(0, 1), List.of(2, 3)), false, 128);
        AttemptMonitor fresh = new AttemptMonitor(4, shape, THRESHOLDS, List.of());
        List<Finding> findings = new ArrayList<>();
        for (int step = 1; step <= 200; step++) {
            for (int rank = 0; rank < 4; rank++) {
                findings.addAll(fresh.accept(new Signal.RankStep(at(step), rank, step,
                        (rank > 1 ? 3 : 1) * (rank == 0 && step > 100 ? 1.4 : 1), 0.1, 5)));
            }
        }
        assertKinds(findings, Finding.Kind.SLOW_RANK);
        assertThat(findings.getFirst().alarm()).isFalse();
        assertThat(findings.getFirst().summary()).endsWith("nobody waits for it");
    }

    @Test
    void saysWhetherSlowStepsComputeOrCommunicate() {
        for (boolean network : new boolean[]{true, false}) {
            AttemptMonitor fresh = monitor(4);
            List<Finding> findings = new ArrayList<>();
            for (int step = 1; step <= 200; step++) {
                double more = step > 120 ? 0.3 : 0;
                for (int rank = 0; rank < 4; rank++) {
                    fresh.accept(new Signal.RankStep(at(step), rank, step, network ? 1 : 1 + more,
                            (network ? 0.2 + more : 0.2) + 0.01 * rank, 1.2 + more));
                }
                findings.addAll(fresh.accept(new Signal.Step(at(step), step, 3 + 0.001 * (step % 7),
                        OptionalDouble.empty(), 1e-3, 1.2 + more, false)));
            }
            assertKinds(findings, Finding.Kind.SLOW_STEPS);
            Finding slow = findings.getFirst();
            assertThat(slow.summary()).contains(network ? "in communication" : "in what all ranks compute");
            assertThat(slow.suspect()).isEqualTo(network ? Suspect.NETWORK : Suspect.NONE);
            assertThat(slow.rank()).isEmpty();
        }
    }

    private static Signal.Preflight tested(double seconds, int rank, String wrong) {
        return new Signal.Preflight(at(seconds),
                new Preflight.Result(rank, rank, Map.of("matmulFlops", rank == 3 ? 1e14 : 6e14), wrong, ""));
    }

    /** The slow one is judged against its peers, so not before all have told; the wrong one is, too. */
    @Test
    void testsBeforeTheStartAreJudgedOnceWhenAllHaveTold() {
        AttemptMonitor fresh = monitor(6);
        for (int rank = 0; rank < 5; rank++) {
            assertThat(fresh.accept(tested(rank, rank, rank == 0 ? "3 products differ" : ""))).isEmpty();
        }
        List<Finding> findings = fresh.accept(tested(6, 5, ""));
        assertKinds(findings, Finding.Kind.NODE_FAULT, Finding.Kind.NODE_FAULT);
        assertThat(findings).extracting(f -> f.evidence().get("node") + " " + f.evidence().get("label"))
                .containsExactly("0 hw.preflight_wrong", "3 hw.preflight_slow");
        assertThat(findings.getLast().ratio()).hasValue(6);
        assertThat(fresh.accept(tested(7, 5, ""))).isEmpty();
        assertThat(fresh.accept(step(8, 1, 5))).isEmpty();
    }

    @Test
    void testsOfWhichSomeNeverComeAreJudgedWhenTrainingBegins() {
        AttemptMonitor fresh = monitor(6);
        for (int rank = 0; rank < 5; rank++) {
            fresh.accept(tested(rank, rank, ""));
        }
        assertKinds(fresh.accept(step(8, 1, 5)), Finding.Kind.NODE_FAULT);
    }

    @Test
    void aSilentRankLeavesTheOthersJudged() {
        AttemptMonitor fresh = monitor(4);
        List<Finding> findings = new ArrayList<>();
        for (int step = 1; step <= 400; step++) {
            for (int rank = 0; rank < 3; rank++) {
                double compute = (rank == 1 && step > 200 ? 0.2 : 0.1)
                        * (1 + 0.001 * ((step * 7 + rank * 3) % 5));
                findings.addAll(fresh.accept(new Signal.RankStep(at(step), rank, step, compute, 0, 0.2)));
            }
        }
        assertKinds(findings, Finding.Kind.SLOW_RANK);
        assertThat(findings.getFirst().rank()).hasValue(1);
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
        assertKinds(first, Finding.Kind.SPIKE, Finding.Kind.SPIKE);
        assertThat(first).extracting(Finding::grade).containsExactly(Grade.MAJOR, Grade.CRITICAL);
        assertThat(signals.stream().flatMap(s -> again.accept(s).stream()).toList()).isEqualTo(first);
    }
}

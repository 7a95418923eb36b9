package io.longhaul.planner.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.planner.Shapes;
import io.longhaul.planner.cluster.Accelerator;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.cost.CostModel;
import io.longhaul.planner.layout.Offload;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.layout.Schedule;
import io.longhaul.planner.layout.Sharding;
import io.longhaul.planner.legal.Facts;
import io.longhaul.planner.legal.Legality;
import io.longhaul.planner.legal.Trainer;
import io.longhaul.planner.memory.StageMemory.Verdict;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SearchTest {
    private static final int SEEDS = 1000;
    private static final double ROUNDING = 1 + 1e-9;

    private static PlanRequest gpt3() {
        return new PlanRequest(
                Shapes.gpt3(), Shapes.cluster("A100-SXM-80GB", 128), 1536,
                Legality.of(Trainer.MEGATRON_LM)).withChoices(Choices.PLAIN);
    }

    private static double value(PlanRequest request) {
        return Planner.plan(request).certificate().bound();
    }

    /** Whatever is chosen later, no bound on the way to it is above what it costs in the end. */
    @Test
    void noBoundIsAboveTheCostOfAnyPointBelowIt() {
        Random random = new Random(1);
        int tight = 0;
        int tuples = 0;
        for (long seed = 1; seed <= 300; seed++) {
            PlanRequest request = SmallSpaces.draw(new Random(seed))
                    .withGoal(
                            Goal.TIME.withObjective(
                                    random.nextBoolean()
                                            ? new Objective.Time()
                                            : new Objective.Energy(100, 500)));
            Scenario scenario = new Scenario(request, 0, request.globalBatch());
            List<ParallelLayout> all = new ArrayList<>();
            SmallSpaces.forEach(request, all::add);
            Facts facts = scenario.facts();
            all.removeIf(c -> request.legality().firstBroken(facts.layout(c)) != null);
            for (int i = 0; i < 40 && !all.isEmpty(); i++) {
                ParallelLayout c = all.get(random.nextInt(all.size()));
                double value = scenario.replayed(c);
                ParallelLayout sharded = c.withRecompute(Recompute.NONE)
                        .withOffload(new Offload(0, c.offload().optimizer()));
                ParallelLayout piped = sharded.withSharding(Sharding.NONE)
                        .withOffload(Offload.NONE)
                        .withOptimizer(request.choices().optimizers().getFirst());
                ParallelLayout plain = piped.withSchedule(Schedule.ONE_F_ONE_B, 1)
                        .withSplit(Optional.empty())
                        .withVocabularyParallel(false);
                String name = "seed " + seed + ": " + c;
                CostModel.Work work = scenario.work(piped);
                double state = scenario.stateSeconds(sharded.withOffload(Offload.NONE), work.fullest());
                assertThat(scenario.recomputeBound(c.withOffload(Offload.NONE), state, work.fullest()))
                        .as(name)
                        .isLessThanOrEqualTo(value);
                assertThat(scenario.shardingBound(work, sharded)).as(name).isLessThanOrEqualTo(value);
                assertThat(scenario.pipelineBound(work, piped, state)).as(name).isLessThanOrEqualTo(value);
                assertThat(scenario.scheduleBound(piped.withSplit(Optional.empty())))
                        .as(name)
                        .isLessThanOrEqualTo(value);
                double peak = IntStream.range(0, c.pipeline())
                        .mapToDouble(stage -> scenario.memory().totalBytes(c, stage))
                        .max()
                        .orElseThrow();
                ParallelLayout frugal = piped.withSharding(c.sharding())
                        .withOptimizer(c.optimizer())
                        .withOffload(c.offload());
                assertThat(scenario.memory().leastBytes(frugal.withSplit(Optional.empty())))
                        .as(name)
                        .isLessThanOrEqualTo(peak * (1 + 1e-12));
                assertThat(scenario.layersBound(plain)).as(name).isLessThanOrEqualTo(value);
                assertThat(expertsBound(scenario, plain)).as(name)
                        .isLessThanOrEqualTo(scenario.layersBound(plain));
                tuples++;
                tight += scenario.layersBound(plain) > 0.5 * value ? 1 : 0;
            }
        }
        assertThat(tuples).isGreaterThan(8000);
        assertThat(tight).as("bounds that say something").isGreaterThan(tuples / 8);
    }

    private static double expertsBound(Scenario scenario, ParallelLayout c) {
        LayerTable table = scenario.layerTable(
                new Space(scenario.request.model(), scenario.request.choices()));
        return scenario.expertsBound(c, table.of(c, new Tally()));
    }

    @Test
    void moreMemoryFasterLinksAndMoreDevicesAreNeverWorse() {
        int plans = 0;
        for (long seed = 1; seed <= SEEDS; seed++) {
            Random random = new Random(seed);
            PlanRequest drawn = SmallSpaces.draw(random);
            Machine.Cluster m = (Machine.Cluster) drawn.machine();
            Accelerator a = m.accelerator();
            PlanRequest request = drawn.withGoal(Goal.TIME.withParts(true).withAlternatives(0));
            double before = value(request);
            Machine.Cluster richer = switch ((int) (seed % 3)) {
                case 0 -> m.withNodes(m.nodes() + 1 + random.nextInt(2));
                case 1 -> SmallSpaces.cluster(
                        a.memoryBytes() * (1 + random.nextDouble()), m, m.intraNodeBandwidth(),
                        m.interNodeBandwidth());
                default -> SmallSpaces.cluster(
                        a.memoryBytes(), m, m.intraNodeBandwidth() * (1 + random.nextDouble()),
                        m.interNodeBandwidth() * (1 + random.nextDouble()));
            };
            assertThat(value(request.on(richer, request.globalBatch())))
                    .as("seed %d: %s, then %s", seed, request, richer)
                    .isLessThanOrEqualTo(before * ROUNDING);
            plans += Double.isFinite(before) ? 1 : 0;
        }
        assertThat(plans).as("requests that have a plan").isGreaterThan(SEEDS / 2);
    }

    @Test
    void theAnswerIsTheSameForAnyNumberOfThreads() {
        PlanResult one = Planner.plan(gpt3());
        PlanResult four = Planner.plan(gpt3(), new SearchControl(() -> false, _ -> {
        }, 4));
        assertThat(four.certificate()).isEqualTo(one.certificate());
        assertThat(four.best()).isEqualTo(one.best());
        assertThat(four.runnersUp()).isEqualTo(one.runnersUp());
        assertThat(one.certificate().proven()).isTrue();
        assertThat(one.certificate().nominal()).isGreaterThan(10_000L);
    }

    /** Stopped early, a search says how far from the best its plan can be; what it says is true. */
    @Test
    void aDeadlineLeavesAGapThatHoldsTheBest() {
        double best = Planner.plan(gpt3()).certificate().bound();
        for (int rounds = 0; rounds < 8; rounds++) {
            int stopAfter = rounds;
            AtomicInteger asked = new AtomicInteger();
            List<SearchControl.Progress> told = new ArrayList<>();
            PlanResult stopped = Planner.plan(
                    gpt3(), new SearchControl(() -> asked.getAndIncrement() >= stopAfter, told::add, 1));
            assertThat(told).hasSize(rounds);
            Certificate proof = stopped.certificate();
            assertThat(proof.bound()).isLessThanOrEqualTo(best);
            assertThat(proof.proven()).isEqualTo(proof.open() == 0);
            stopped.best().ifPresent(plan -> {
                assertThat(plan.stepSeconds()).isGreaterThanOrEqualTo(best);
                assertThat(plan.stepSeconds() * (1 - proof.gap())).isCloseTo(proof.bound(), within(1e-9));
            });
        }
    }

    /** Stopped by a number of evaluations, the answer is the same again, for any number of threads. */
    @Test
    void stoppedByEvaluationsTheAnswerIsTheSameAgain() {
        PlanResult whole = Planner.plan(gpt3());
        List<Long> open = new ArrayList<>();
        for (long most = 500; most < whole.certificate().evaluations(); most += 300) {
            PlanResult one = Planner.plan(gpt3(), SearchControl.PLAIN.withMostEvaluations(most));
            PlanResult four = Planner.plan(gpt3(), new SearchControl(() -> false, _ -> {
            }, 4, most));
            assertThat(four.certificate()).isEqualTo(one.certificate());
            assertThat(four.best()).isEqualTo(one.best());
            assertThat(one.certificate().bound()).isLessThanOrEqualTo(whole.certificate().bound());
            assertThat(one.certificate().evaluations()).isLessThanOrEqualTo(
                    whole.certificate().evaluations());
            open.add(one.certificate().open());
        }
        assertThat(open).hasSizeGreaterThan(2).isSortedAccordingTo(Comparator.reverseOrder());
        assertThat(open.getFirst()).isPositive();
    }

    @Test
    void aSafePlanIsNotTight() {
        Plan any = Planner.plan(gpt3()).best().orElseThrow();
        Plan safe = Planner.plan(gpt3().withGoal(Goal.TIME.withWorst(Verdict.SAFE))).best().orElseThrow();
        assertThat(safe.memory()).allMatch(stage -> stage.verdict() == Verdict.SAFE);
        assertThat(safe.stepSeconds()).isGreaterThanOrEqualTo(any.stepSeconds());
    }

    /** A larger batch takes longer per step and less per sample; beyond the critical batch tokens would be wasted. */
    @Test
    void theBatchGrowsUpToTheCriticalOne() {
        PlanRequest request = new PlanRequest(
                Shapes.gpt(24, 2048, 16, 51200, 2048), Shapes.cluster("A100-SXM-80GB", 16), 128,
                Legality.of(Trainer.MEGATRON_LM)).withChoices(Choices.PLAIN);
        Plan fixed = Planner.plan(request).best().orElseThrow();
        Plan free = Planner.plan(request.withGoal(Goal.TIME.withCriticalBatch(700))).best().orElseThrow();
        assertThat(fixed.layout().globalBatch()).isEqualTo(128);
        assertThat(free.layout().globalBatch()).isEqualTo(512);
        assertThat(free.tokensPerSecond()).isGreaterThan(fixed.tokensPerSecond());
    }
}

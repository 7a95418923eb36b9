package io.longhaul.planner.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.planner.Shapes;
import io.longhaul.planner.cluster.Accelerator;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.layout.Sharding;
import io.longhaul.planner.model.ModelShape;
import io.longhaul.planner.search.PlanRequest.Abilities;
import io.longhaul.planner.search.PlanRequest.Fixed;
import io.longhaul.planner.search.PlanResult.Rejection;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PlannerTest {
    private static final Abilities MEGATRON = new Abilities(8, Integer.MAX_VALUE, 16, true, 1, true);
    private static final int SEEDS = 150;

    /** Every candidate of the space, legal or not, by plain loops over the degrees. */
    private static List<ParallelLayout> everything(PlanRequest request) {
        int ranks = request.machine().ranks();
        List<ParallelLayout> all = new ArrayList<>();
        for (int tensor = 1; tensor <= ranks; tensor++) {
            for (int context = 1; tensor * context <= ranks; context++) {
                for (int pipeline = 1; tensor * context * pipeline <= ranks; pipeline++) {
                    int data = ranks / (tensor * context * pipeline);
                    if (tensor * context * pipeline * data == ranks && request.globalBatch() % data == 0) {
                        inner(all, request, tensor, context, pipeline, data);
                    }
                }
            }
        }
        return all;
    }

    private static void inner(
            List<ParallelLayout> all, PlanRequest request, int tensor, int context, int pipeline, int data) {
        int samples = request.globalBatch() / data;
        for (int expert = 1; expert <= (request.model().mixtureOfExperts() ? data : 1); expert++) {
            for (int microBatch = 1; microBatch <= samples; microBatch++) {
                for (Recompute recompute : List.of(Recompute.NONE, Recompute.SELECTIVE, Recompute.FULL)) {
                    for (int zero = 0; zero <= 3 && data % expert == 0 && samples % microBatch == 0; zero++) {
                        all.add(
                                ParallelLayout
                                        .of(tensor, context, pipeline, data, microBatch, samples / microBatch)
                                        .withExperts(expert, tensor)
                                        .withSequenceParallel(
                                                request.abilities().sequenceParallel() && tensor > 1)
                                        .withRecompute(recompute)
                                        .withSharding(Sharding.stage(zero)));
                    }
                }
            }
        }
    }

    /** The rules once more, as one condition. */
    private static boolean legal(PlanRequest request, ParallelLayout c) {
        ModelShape m = request.model();
        Abilities able = request.abilities();
        boolean fixed = request.fixed()
                .map(f -> f.tensor() == c.tensor() && f.pipeline() == c.pipeline() && f.data() == c.data()
                        && f.context() == c.context())
                .orElse(true);
        int inner = m.mixtureOfExperts() ? m.expertFfnHiddenSize() : m.ffnHiddenSize();
        return fixed
                && c.tensor() * c.context() * c.pipeline() * c.data() == request.machine().ranks()
                && c.tensor() <= able.maxTensor() && c.pipeline() <= able.maxPipeline()
                && c.context() <= able.maxContext() && c.sharding().stage() <= able.maxZeroStage()
                && m.attentionHeads() % c.tensor() == 0 && m.kvHeads() % c.tensor() == 0
                && inner % c.tensor() == 0 && m.layers() % c.pipeline() == 0
                && (c.context() == 1 || m.sequenceLength() % (2 * c.context()) == 0)
                && (!able.sequenceParallel() || m.sequenceLength() % (c.context() * c.tensor()) == 0)
                && c.microBatch() * c.microBatches() * c.data() == request.globalBatch()
                && (c.sharding().stage() < 2 || c.pipeline() == 1)
                && (c.recompute().kind() != Recompute.Kind.SELECTIVE || able.selectiveRecompute())
                && (!m.mixtureOfExperts() || m.experts() % c.expert() == 0)
                && c.data() % c.expert() == 0;
    }

    private static PlanRequest draw(Random random) {
        int heads = pick(random, 4, 6, 8, 16);
        int kvHeads = random.nextBoolean() ? heads : heads / 2;
        boolean moe = random.nextInt(3) == 0;
        ModelShape model = new ModelShape(
                pick(random, 2, 6, 8, 12, 24), heads * pick(random, 64, 128), pick(random, 512, 1536, 4096),
                heads, kvHeads, 32000, pick(random, 96, 512, 2048, 8192), random.nextBoolean(),
                random.nextBoolean(), moe ? pick(random, 4, 6, 8) : 0, 2, moe ? 1024 : 0);
        int ranksPerNode = pick(random, 1, 2, 4, 6, 8);
        Machine machine = new Machine.Cluster(
                // Memory that some candidates fit and others do not.
                new Accelerator("drawn", 300e12, pick(random, 5, 8, 20, 80) * 1e9, 2e12, 0.7, 3e11, 25e9, 8),
                pick(random, 1, 2, 3, 4), ranksPerNode, 3e11, 25e9);
        Abilities able = new Abilities(
                ranksPerNode, pick(random, 1, 4, 64), pick(random, 1, 2, 16), random.nextBoolean(),
                random.nextInt(4), random.nextBoolean());
        return new PlanRequest(model, machine, pick(random, 12, 16, 48, 64), Optional.empty(), able);
    }

    private static int pick(Random random, int... choices) {
        return choices[random.nextInt(choices.length)];
    }

    private static boolean fits(Plan plan) {
        return plan.peakBytes() <= plan.memory().getFirst().capacityBytes();
    }

    /** The search against a search that knows nothing: all candidates, in random order. */
    @Test
    void findsWhatLookingAtEverythingFindsInAnyOrder() {
        int found = 0;
        for (long seed = 1; seed <= SEEDS; seed++) {
            Random random = new Random(seed);
            PlanRequest request = draw(random);
            PlanResult result = Planner.plan(request);
            List<ParallelLayout> candidates = everything(request);
            Collections.shuffle(candidates, random);
            Optional<Plan> best = candidates.stream()
                    .filter(c -> legal(request, c))
                    .map(c -> Planner.price(request, c))
                    .filter(PlannerTest::fits)
                    .min(Planner.ORDER);
            assertThat(result.best()).as("seed " + seed + ": " + request).isEqualTo(best);
            found += best.isPresent() ? 1 : 0;
        }
        assertThat(found).as("requests that have a plan").isBetween(SEEDS / 4, SEEDS - 10);
    }

    @Test
    void noReturnedPlanBreaksAConstraintAndEveryCandidateIsAccountedFor() {
        for (long seed = 1; seed <= SEEDS; seed++) {
            PlanRequest request = draw(new Random(seed));
            PlanResult result = Planner.plan(request);
            List<Plan> plans = new ArrayList<>(result.best().stream().toList());
            result.runnersUp().forEach(other -> plans.add(other.plan()));
            for (Plan plan : plans) {
                String name = "seed " + seed + ": " + plan.layout();
                assertThat(legal(request, plan.layout())).as(name).isTrue();
                assertThat(fits(plan)).as(name).isTrue();
                assertThat(plan.stepSeconds())
                        .as(name)
                        .isGreaterThanOrEqualTo(result.best().orElseThrow().stepSeconds())
                        .isCloseTo(
                                plan.breakdown().values().stream().mapToDouble(Double::doubleValue).sum(),
                                within(1e-12));
                assertThat(plan.utilisation()).as(name).isBetween(0.0, 1.0);
            }
            long rejected = result.rejected().stream().mapToLong(Rejection::count).sum();
            assertThat(rejected + plans.size()).as("seed " + seed).isLessThanOrEqualTo(result.considered());
            assertThat(result.reason()).isNotBlank();
            assertThat(result.rejected()).allSatisfy(r -> assertThat(r.example()).isNotBlank());
        }
    }

    /** One constraint broken at a time on 16 GPUs, the rest legal. */
    @ParameterizedTest(name = "{5}")
    @CsvSource(useHeadersInDisplayName = true, textBlock = """
            tensor, pipeline, context, data, sequence, rule
                16,        1,       1,    1,     1000, 'tensor-parallel group larger than a node, or than the trainer allows'
                 1,       16,       1,    1,     1000, more stages than the trainer allows
                 1,        1,      16,    1,     1000, more context-parallel ranks than the trainer allows
                 8,        1,       1,    2,     1000, attention heads not divisible by tensor
                 4,        1,       1,    4,     1000, key/value heads not divisible by tensor
                 1,        4,       1,    4,     1000, layers not divisible by pipeline
                 1,        1,       4,    4,     1004, sequence not divisible by 2 context
                 2,        1,       1,    8,      999, sequence not divisible by tensor * context
                 1,        1,       1,   16,     1000, global batch not divisible by data
                 1,        2,       1,    8,     1000, sharded gradients exclude a pipeline
                 1,        2,       1,    8,     1000, the trainer recomputes whole layers or nothing
            """)
    void namesTheRuleThatIsBroken(
            int tensor, int pipeline, int context, int data, int sequence, String rule) {
        PlanResult result = Planner.plan(
                new PlanRequest(
                        new ModelShape(10, 12 * 64, 1024, 12, 2, 32000, sequence, false, true, 0, 0, 0),
                        Shapes.cluster("A100-SXM-80GB", 2), 24,
                        Optional.of(new Fixed(tensor, pipeline, data, context)),
                        new Abilities(8, 8, 8, false, 3, true)));
        assertThat(result.rejected()).extracting(Rejection::rule).contains(rule);
    }

    @Test
    void keepsToTheLayoutThatWasAskedFor() {
        PlanRequest request = new PlanRequest(
                Shapes.gpt3(), Shapes.cluster("H100-SXM-80GB", 128), 1536,
                Optional.of(new Fixed(8, 16, 8, 1)), MEGATRON);
        PlanResult result = Planner.plan(request);
        ParallelLayout best = result.best().orElseThrow().layout();
        assertThat(List.of(best.tensor(), best.pipeline(), best.data(), best.context()))
                .containsExactly(8, 16, 8, 1);
        assertThat(result.reason()).contains("the only layout that is legal");
    }

    /** Communication makes more nodes dearer, memory makes too few impossible. */
    @Test
    void theCheapestPlanUsesAsFewNodesAsItCanAfford() {
        Machine.Cluster cluster = Shapes.cluster("A100-SXM-80GB", 12);
        PlanRequest request = new PlanRequest(
                Shapes.gpt(48, 8192, 64, 51200, 2048), cluster, 96, Optional.empty(), MEGATRON);
        Planner.OnPart cheapest = Planner.cheapest(request, cluster);
        Plan best = cheapest.result().best().orElseThrow();
        for (int nodes : List.of(1, 2, 3, 4, 6, 12)) {
            PlanRequest part = new PlanRequest(
                    request.model(), cluster.withNodes(nodes), 96, Optional.empty(), MEGATRON);
            Planner.plan(part)
                    .best()
                    .ifPresent(
                            plan -> assertThat(plan.stepSeconds() * nodes)
                                    .isGreaterThanOrEqualTo(best.stepSeconds() * cheapest.machine().nodes()));
        }
        assertThat(cheapest.machine().nodes()).isBetween(2, 6);
        assertThat(cheapest.result().reason())
                .startsWith(cheapest.machine().nodes() + " of 12 nodes are cheapest, ");
    }

    @Test
    void saysHowMuchMemoryIsMissing() {
        PlanResult result = Planner.plan(
                new PlanRequest(Shapes.gpt3(), Shapes.cluster("A100-SXM-40GB", 1), 8, Optional.empty(),
                        MEGATRON));
        assertThat(result.best()).isEmpty();
        assertThat(result.reason()).startsWith("nothing fits: the most frugal plan, tp")
                .endsWith("of 40.0 GB per rank");
    }

    @Test
    void namesEveryRuleWhenNothingIsLegal() {
        PlanResult result = Planner.plan(
                new PlanRequest(
                        Shapes.gpt(7, 7 * 64, 7, 256, 128), Shapes.cluster("A100-SXM-40GB", 1), 5,
                        Optional.empty(), new Abilities(8, 8, 1, true, 1, true)));
        assertThat(result.best()).isEmpty();
        assertThat(result.reason()).startsWith("no layout is legal: ")
                .contains("global batch not divisible by data (5 by ")
                .contains("attention heads not divisible by tensor (7 by 2)");
    }
}

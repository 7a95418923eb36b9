package io.longhaul.planner.search;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.planner.Shapes;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.model.ModelShape;
import io.longhaul.planner.search.PlanRequest.Fixed;
import io.longhaul.planner.search.PlanResult.Rejection;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PlannerTest {
    private static final Abilities MEGATRON = new Abilities(8, Integer.MAX_VALUE, 16, true, 1, true);
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
        assertThat(result.reason()).contains("no other degrees are legal and fit");
    }

    @Test
    void choosesWhatIsNotFixed() {
        Machine.Cluster cluster = Shapes.cluster("A100-SXM-80GB", 4);
        PlanRequest free = new PlanRequest(
                Shapes.gpt(24, 4096, 32, 51200, 2048), cluster, 64, Optional.empty(), MEGATRON);
        Fixed tensor4 = new Fixed(OptionalInt.of(4), OptionalInt.empty(), OptionalInt.empty(),
                OptionalInt.empty());
        Plan best = plan(free, tensor4).orElseThrow();
        List<Plan> whole = new ArrayList<>();
        for (int pipeline = 1; pipeline <= 8; pipeline *= 2) {
            for (int context = 1; context * pipeline <= 8; context *= 2) {
                plan(free, new Fixed(4, pipeline, 8 / pipeline / context, context)).ifPresent(whole::add);
            }
        }
        assertThat(whole).hasSizeGreaterThan(3);
        assertThat(best.stepSeconds())
                .isEqualTo(whole.stream().mapToDouble(Plan::stepSeconds).min().orElseThrow());
        assertThat(best.layout().tensor()).isEqualTo(4)
                .isNotEqualTo(
                        Planner.plan(free).best().orElseThrow().layout().tensor());
    }

    private static Optional<Plan> plan(PlanRequest r, Fixed fixed) {
        return Planner.plan(new PlanRequest(r.model(), r.machine(), r.globalBatch(), Optional.of(fixed),
                r.abilities())).best();
    }

    /** Communication makes more nodes dearer, memory makes too few impossible. */
    @Test
    void theCheapestPlanUsesAsFewNodesAsItCanAfford() {
        Machine.Cluster cluster = Shapes.cluster("A100-SXM-80GB", 12);
        PlanRequest request = new PlanRequest(
                Shapes.gpt(48, 8192, 64, 51200, 2048), cluster, 96, Optional.empty(), MEGATRON);
        PlanResult cheapest = Planner.plan(
                request.withGoal(Goal.TIME.withObjective(new Objective.Cost(2)).withParts(true)));
        double cost = cheapest.best().orElseThrow().stepSeconds() * cheapest.machine().ranks();
        for (int nodes = 1; nodes <= 12; nodes++) {
            int ranks = 8 * nodes;
            Planner.plan(request.on(cluster.withNodes(nodes), 96))
                    .best()
                    .ifPresent(plan -> assertThat(plan.stepSeconds() * ranks).isGreaterThanOrEqualTo(cost));
        }
        assertThat(cheapest.machine().nodes()).isBetween(2, 6);
        assertThat(cheapest.reason()).contains("with " + cheapest.machine().ranks() + " of 96 ranks");
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

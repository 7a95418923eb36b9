package io.longhaul.planner.place;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.planner.Shapes;
import io.longhaul.planner.cluster.LinkMatrix;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.model.ModelShape;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ModelPricesTest {
    private static final ModelShape OPT_350M = Shapes.gpt(24, 1024, 16, 50272, 2048);

    private static Optional<MixedPlan> plan(ModelShape model, int batch, List<Machine.Cluster> parts,
            double gBps) {
        double[][] rates = new double[parts.size()][parts.size()];
        double[][] latencies = new double[parts.size()][parts.size()];
        for (double[] row : rates) {
            Arrays.fill(row, gBps * 1e9);
        }
        List<String> names = IntStream.range(0, parts.size()).mapToObj(i -> "part" + i).toList();
        int[] ranks = parts.stream().mapToInt(Machine::ranks).toArray();
        int[] perNode = parts.stream().mapToInt(Machine::ranksPerNode).toArray();
        return MixedPlanner.best(
                model.layers(), batch, ranks, perNode,
                new ModelPrices(model, parts, new LinkMatrix(names, rates, latencies), Recompute.NONE));
    }

    private static double seconds(Optional<MixedPlan> plan) {
        return plan.orElseThrow().seconds();
    }

    /** Sailor returned a slower plan for 512 A100 and 512 V100 than for the A100 alone. */
    @Test
    void moreDevicesOfASlowerKindAreNeverWorse() {
        Machine.Cluster fast = Shapes.cluster("A100-SXM-80GB", 64);
        Machine.Cluster slow = Shapes.cluster("V100-SXM-32GB", 64);

        double alone = seconds(plan(OPT_350M, 2048, List.of(fast), 10));
        double both = seconds(plan(OPT_350M, 2048, List.of(fast, slow), 10));

        assertThat(both).isLessThanOrEqualTo(alone);
    }

    @Test
    void fasterDevicesGetMoreLayers() {
        MixedPlan plan = plan(
                Shapes.gpt3(), 64,
                List.of(Shapes.cluster("A100-SXM-80GB", 16), Shapes.cluster("H100-SXM-80GB", 16)),
                25).orElseThrow();

        assertThat(plan.legs()).hasSize(2);
        double slow = layersPerStage(plan, 0);
        double fast = layersPerStage(plan, 1);
        assertThat(fast).isGreaterThan(1.5 * slow);
        assertThat(plan.legs().stream().flatMap(leg -> leg.layers().stream()).mapToInt(n -> n).sum())
                .isEqualTo(96);
    }

    private static double layersPerStage(MixedPlan plan, int part) {
        return plan.legs()
                .stream()
                .filter(leg -> leg.part() == part)
                .flatMap(leg -> leg.layers().stream())
                .mapToInt(n -> n)
                .average()
                .orElseThrow();
    }

    /** Through a link of 10 MB/s nothing is worth sending. */
    @Test
    void aLinkThatIsTooSlowIsNotUsed() {
        List<Machine.Cluster> zones = List.of(
                Shapes.cluster("A100-SXM-80GB", 8), Shapes.cluster("A100-SXM-80GB", 8));

        assertThat(plan(Shapes.gpt(40, 5120, 40, 50272, 2048), 512, zones, 0.01).orElseThrow().legs())
                .hasSize(1);
        assertThat(plan(Shapes.gpt(40, 5120, 40, 50272, 2048), 512, zones, 5).orElseThrow().legs())
                .hasSize(2);
    }
}

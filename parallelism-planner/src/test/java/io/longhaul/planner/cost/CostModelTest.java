package io.longhaul.planner.cost;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.planner.Shapes;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.constants.Constant;
import io.longhaul.planner.constants.Constants;
import io.longhaul.planner.constants.Software;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Sharding;
import io.longhaul.planner.model.ModelShape;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CostModelTest {
    /** 10 ms per layer and sample, 3 ms for loss and embedding, 1 GB/s without latency. */
    private static final Machine.Measured MACHINE = new Machine.Measured(
            64, 8e9, 1e10, 0.010, 0, 0.003, 0, 1e-9, 0.002, 1e9, 0);

    private static ParallelLayout candidate(int tensor, int pipeline, int data, int microBatches) {
        return ParallelLayout.of(tensor, 1, pipeline, data, 1, microBatches);
    }

    /** (p - 1) / (m + p - 1) of the time on layers (Narayanan et al. 2021, section 2.2.1). */
    @ParameterizedTest(name = "{0} stages, {1} micro-batches")
    @CsvSource(useHeadersInDisplayName = true, textBlock = """
            stages, microBatches, idleShare
                 1,            8, 0
                 4,            8, 0.2727
                 8,            8, 0.4667
                 8,           64, 0.0986
                64,          512, 0.1096
            """)
    void theBubbleIsAsLongAsFillingAndDraining(int stages, int microBatches, double idleShare) {
        Map<String, Double> parts = new CostModel(Shapes.gpt(64, 128, 4, 256, 128), MACHINE)
                .price(candidate(1, stages, 1, microBatches))
                .labelled();
        double bubble = parts.getOrDefault("pipeline bubble", 0.0);
        double busy = parts.get("compute") + parts.getOrDefault("pipeline transfers", 0.0);
        assertThat(bubble / (bubble + busy)).isCloseTo(idleShare, within(5e-5));
    }

    @Test
    void moreMicroBatchesNeverIdleMore() {
        CostModel costs = new CostModel(Shapes.gpt3(), Shapes.cluster("H100-SXM-80GB", 128));
        for (int stages = 2; stages <= 96; stages *= 2) {
            double before = 1;
            for (int microBatches = 1; microBatches <= 256; microBatches *= 2) {
                Map<String, Double> parts = costs.price(candidate(8, stages, 1, microBatches)).labelled();
                double share = parts.get("pipeline bubble")
                        / parts.values().stream().mapToDouble(Double::doubleValue).sum();
                assertThat(share).as(stages + " stages, " + microBatches).isLessThan(before);
                before = share;
            }
        }
    }

    /** On a measured machine every part is a measured time, multiplied. */
    @Test
    void aMeasuredMachineIsAddedUp() {
        ModelShape model = Shapes.gpt(4, 128, 4, 256, 128);
        Map<String, Double> parts = new CostModel(model, MACHINE).price(candidate(1, 1, 2, 8)).labelled();
        assertThat(parts.get("compute")).isCloseTo(8 * 4 * 0.010, within(1e-12));
        assertThat(parts.get("embedding and loss")).isCloseTo(8 * 0.003, within(1e-12));
        assertThat(parts.get("data-parallel communication"))
                .isCloseTo(4 * model.parameters() / 1e9, within(1e-12));
        assertThat(parts.get("optimizer")).isCloseTo(0.002 + 1e-9 * model.parameters(), within(1e-12));
    }

    /**
     * Bytes over a link per weight, of (n - 1) / n: stage 0 sums 4-byte gradients, stage 1 scatters them and gathers
     * 2-byte weights, stage 2 scatters 2 bytes per micro-batch, stage 3 gathers twice as well (Rajbhandari et al. 2020,
     * section 7: half as much again as without sharding).
     */
    @ParameterizedTest(name = "stage {0}, {1} micro-batches")
    @CsvSource({"0, 1, 8", "0, 4, 8", "1, 4, 6", "2, 1, 4", "2, 4, 10", "3, 1, 6", "3, 4, 24"})
    void shardsTravelAsOftenAsTheyMust(int zero, int microBatches, double bytesPerWeight) {
        Machine.Cluster cluster = Shapes.cluster("H100-SXM-80GB", 2);
        // So many weights and so few tokens that compute hides next to nothing and latency is little.
        ModelShape model = Shapes.gpt(64, 16384, 128, 1024, 8);
        ParallelLayout c = ParallelLayout.of(8, 1, 1, 2, 1, microBatches).withSharding(Sharding.stage(zero));
        Map<String, Double> parts = new CostModel(model, cluster, Constants.prior(), Software.MEGATRON_CORE)
                .price(c)
                .labelled();
        // Shards beyond stage 1 travel all the time; before, sums run beside two thirds of a pass and gathers one.
        double window = parts.get("compute")
                / (zero == 0 ? 1.5 * microBatches : zero == 1 ? microBatches : 1);
        Constants prior = Constants.prior();
        double waited = prior.of(Constant.DATA_EXPOSED);
        double weights = (64 * model.denseLayerParameters() + model.embeddingParameters()) / 8;
        double seconds = weights * bytesPerWeight / 2 / (50e9 * prior.of(Constant.SLOW_LINK_RATE));
        double exposed = Math.max(waited * seconds, seconds - window);
        assertThat(parts.get("data-parallel communication")).isCloseTo(exposed, within(0.03 * exposed));
    }

    /** Experts without copies need no sum; what is left is that of the dense weights. */
    @Test
    void expertsAreSummedOverTheirOwnCopies() {
        CostModel costs = new CostModel(Shapes.mixtral(), Shapes.cluster("H100-SXM-80GB", 1));
        ParallelLayout one = ParallelLayout.of(1, 1, 1, 8, 1, 1);
        ParallelLayout spread = ParallelLayout.of(1, 1, 1, 8, 1, 1).withExperts(8, 1);
        ModelShape model = Shapes.mixtral();
        double dense = model.layers() * model.denseLayerParameters() + model.embeddingParameters();
        double experts = model.layers() * model.expertLayerParameters();
        double ratio = costs.price(spread).labelled().get("data-parallel communication")
                / costs.price(one).labelled().get("data-parallel communication");
        assertThat(ratio).isCloseTo(dense / (dense + experts), within(0.2 * ratio));
    }

    /** Buckets that grow with the ranks keep a ring's rounds from adding up; fixed ones do not. */
    @Test
    void waitingOnRingsGrowsWithRanksOnlyWhereBucketsDoNot() {
        ModelShape model = Shapes.gpt(32, 4096, 32, 51200, 2048);
        double core = ringsOf(model, Software.MEGATRON_CORE, 1024)
                / ringsOf(model, Software.MEGATRON_CORE, 256);
        double fixed = ringsOf(model, Software.OTHER, 1024) / ringsOf(model, Software.OTHER, 256);
        assertThat(core).isLessThan(1.2);
        assertThat(fixed).isGreaterThan(1.5);
    }

    private static double ringsOf(ModelShape model, Software software, int ranks) {
        return new CostModel(model, Shapes.cluster("A100-SXM-80GB", ranks / 8), Constants.prior(),
                software.withOverlap(false, false))
                .price(ParallelLayout.of(1, 1, 1, ranks, 1, 1).withSharding(Sharding.OPTIMIZER))
                .labelled()
                .get("data-parallel communication");
    }

    /** What runs beside compute is waited for less, and one kernel for all sorting costs less than many. */
    @Test
    void exchangesBesideComputeAndFusedSortsAreCheaper() {
        ParallelLayout c = ParallelLayout.of(1, 1, 1, 16, 1, 4).withExperts(8, 1);
        StepCost plain = priced(Software.MEGATRON_CORE, c);
        StepCost overlapped = priced(Software.MEGATRON_CORE.withExperts(true, false), c);
        StepCost fused = priced(Software.MEGATRON_CORE.withExperts(false, true), c);
        assertThat(overlapped.of(Term.EXPERT)).isPositive().isLessThan(0.9 * plain.of(Term.EXPERT));
        assertThat(overlapped.of(Term.COMPUTE)).isEqualTo(plain.of(Term.COMPUTE));
        assertThat(fused.of(Term.COMPUTE)).isLessThan(plain.of(Term.COMPUTE));
        assertThat(fused.of(Term.EXPERT)).isEqualTo(plain.of(Term.EXPERT));
    }

    private static StepCost priced(Software software, ParallelLayout c) {
        return new CostModel(Shapes.mixtral(), Shapes.cluster("H100-SXM-80GB", 2), Constants.prior(),
                software)
                .price(c);
    }
}

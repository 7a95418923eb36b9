package io.longhaul.planner.cost;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.planner.Shapes;
import io.longhaul.planner.layout.Offload;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Sharding;
import io.longhaul.planner.memory.MemoryModel;
import io.longhaul.planner.model.ModelShape;
import org.junit.jupiter.api.Test;

class OffloadCostTest {
    private static final ModelShape MODEL = Shapes.llama(32, 4096, 14336, 32, 8, 128256, 8192);
    private static final ParallelLayout LAYOUT = ParallelLayout.of(1, 1, 1, 8, 1, 4)
            .withSharding(Sharding.OPTIMIZER);

    private static StepCost price(String device, Offload offload) {
        return new CostModel(MODEL, Shapes.cluster(device, 1)).price(LAYOUT.withOffload(offload));
    }

    /** 8e9 weights over 8 ranks that share a host of 2e9 updates/s: half a second per 1e9 weights and rank. */
    @Test
    void anUpdateOnTheHostWaitsForItsProcessors() {
        double weights = (MODEL.parameters() - MODEL.embeddingParameters()) / 8;
        double host = price("A100-SXM-80GB", new Offload(0, 1)).of(Term.OPTIMIZER);
        assertThat(host).isCloseTo(weights * (8 / 2e9 + 4 / 12e9), within(0.01 * host));
        assertThat(price("A100-SXM-80GB", new Offload(0, 0.5)).of(Term.OPTIMIZER)).isBetween(host / 2, host);
    }

    /** 32 layers of 8192 tokens keep tens of GB, which 12 GB/s do not carry in the time of a forward pass. */
    @Test
    void activationsThatComputeDoesNotHideAreWaitedFor() {
        double before = 0;
        for (double share = 0.25; share <= 1; share += 0.25) {
            double cost = price("A100-SXM-80GB", new Offload(share, 0)).of(Term.OFFLOAD);
            assertThat(cost).isGreaterThan(before);
            before = cost;
        }
        double bytes = 32
                * new MemoryModel(MODEL, Shapes.cluster("A100-SXM-80GB", 1)).activationsPerLayer(LAYOUT);
        StepCost all = price("A100-SXM-80GB", new Offload(1, 0));
        double unhidden = 4 * 2 * bytes / 12e9 - all.of(Term.COMPUTE);
        assertThat(all.of(Term.OFFLOAD)).isGreaterThanOrEqualTo(Math.max(0, unhidden));
        assertThat(price("GH200-96GB", new Offload(1, 0)).of(Term.OFFLOAD)).isPositive()
                .isLessThan(before / 5);
    }

    @Test
    void twoLayersStayOnTheDeviceWhateverLeaves() {
        MemoryModel memory = new MemoryModel(MODEL, Shapes.cluster("A100-SXM-80GB", 1));
        double whole = memory.stage(LAYOUT, 0).terms().get("activations");
        double rest = memory.stage(LAYOUT.withOffload(new Offload(1, 0)), 0).terms().get("activations");
        assertThat(rest).isCloseTo(whole * 2 / 32, within(1e-6 * whole));
    }
}

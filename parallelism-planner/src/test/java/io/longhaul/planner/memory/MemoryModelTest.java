package io.longhaul.planner.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.planner.Shapes;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.constants.Constants;
import io.longhaul.planner.constants.Software;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Precision;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.layout.Sharding;
import io.longhaul.planner.model.ModelShape;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class MemoryModelTest {
    private static final double SBH = 2048.0 * 12288;

    private static ParallelLayout candidate(int tensor, int pipeline, int data, Recompute recompute,
            int zero) {
        return ParallelLayout.of(tensor, 1, pipeline, data, 1, 512 / data)
                .withRecompute(recompute)
                .withSharding(Sharding.stage(zero));
    }

    private static List<Recompute> recomputations() {
        return List.of(Recompute.NONE, Recompute.SELECTIVE, Recompute.FULL);
    }

    /** Korthikanti et al. 2022, table 2, in units of s b h bytes, without the scores that fused attention drops. */
    @ParameterizedTest(name = "tensor {0}, sequence parallel {1}, recompute {2}")
    @CsvSource(useHeadersInDisplayName = true, textBlock = """
            tensor, sequenceParallel, recompute, sbh
                 1,            false, SELECTIVE, 34
                 8,            false, SELECTIVE, 13
                 8,             true, SELECTIVE, 4.25
                 8,             true, FULL,      0.25
                 8,            false, FULL,      2
            """)
    void aLayerKeepsWhatThePaperCounts(int tensor, boolean sequenceParallel, Recompute.Kind kind,
            double sbh) {
        Recompute recompute = kind == Recompute.Kind.FULL ? Recompute.FULL : new Recompute(kind, 0);
        MemoryModel memory = new MemoryModel(Shapes.gpt3(), Shapes.cluster("A100-SXM-80GB", 8));
        assertThat(memory.activationsPerLayer(
                candidate(tensor, 1, 1, recompute, 0).withSequenceParallel(sequenceParallel)) / SBH)
                .isCloseTo(sbh, within(1e-9));
    }

    /** Inputs of 8-bit products in 1 byte: 2 h of what norms give, f of the activation; h more for attention's output. */
    @Test
    void eightBitProductsKeepTheirInputsInEightBits() {
        MemoryModel memory = new MemoryModel(Shapes.gpt3(), Shapes.cluster("H100-SXM-80GB", 8));
        ParallelLayout c = candidate(1, 1, 1, Recompute.NONE, 0);
        double saved = memory.activationsPerLayer(c)
                - memory.activationsPerLayer(c.withPrecision(Precision.FP8));
        assertThat(saved / SBH).isCloseTo(2 + 4 - 1, within(1e-9));
    }

    /** Unfused attention in fp32 keeps three square matrices of 4 bytes per head. */
    @Test
    void unfusedAttentionKeepsItsScores() {
        Machine.Measured machine = new Machine.Measured(2, 8e9, 1e10, 1, 0, 0, 0, 0, 0, 1e9, 0);
        MemoryModel memory = new MemoryModel(Shapes.gpt(2, 128, 4, 256, 64), machine);
        double kept = memory.activationsPerLayer(candidate(1, 1, 1, Recompute.NONE, 0));
        assertThat(kept).isEqualTo(2 * 34.0 * 64 * 128 + 12.0 * 64 * 64 * 4);
    }

    /**
     * Bytes per weight with gradients in fp32: 18; 6 + 12/D; 2 + 16/D; 18/D and two layers (Rajbhandari et al. 2020,
     * section 3, with 4-byte gradients as Megatron-LM's own memory report counts them).
     */
    @ParameterizedTest(name = "stage {0}")
    @CsvSource({"0, 18", "1, 6.1875", "2, 2.25", "3, 0.28125"})
    void statesShrinkByStage(int zero, double bytesPerWeight) {
        ModelShape model = Shapes.gpt(96, 4096, 32, 51200, 2048);
        MemoryModel memory = new MemoryModel(model, Shapes.cluster("A100-SXM-80GB", 8), Constants.prior(),
                Software.MEGATRON_CORE);
        StageMemory stage = memory.stages(candidate(1, 1, 64, Recompute.NONE, zero)).getFirst();
        double states = terms(stage, "weights", "gradients", "optimizer");
        assertThat(states / model.parameters()).isCloseTo(bytesPerWeight, within(1e-9));
        assertThat(terms(stage, "gathered layers"))
                .isEqualTo(zero < 3 ? 0 : 2 * 2 * model.denseLayerParameters());
    }

    /** Experts have fewer copies than the rest, by the expert-parallel degree: fewer ranks share their optimizer. */
    @Test
    void expertsAreShardedOverTheirOwnCopies() {
        MemoryModel memory = new MemoryModel(Shapes.mixtral(), Shapes.cluster("H100-SXM-80GB", 8),
                Constants.prior(), Software.MEGATRON_CORE);
        ParallelLayout c = ParallelLayout.of(1, 1, 1, 64, 1, 8)
                .withExperts(8, 1)
                .withSharding(Sharding.OPTIMIZER);
        double dense = 32 * Shapes.mixtral().denseLayerParameters() + 2.0 * 32000 * 4096;
        double expert = 32 * Shapes.mixtral().expertLayerParameters() / 8;
        assertThat(terms(memory.stages(c).getFirst(), "optimizer"))
                .isCloseTo(12 * (dense / 64 + expert / 8), within(1.0));
    }

    @Test
    void theFirstStageKeepsMostMicroBatches() {
        MemoryModel memory = new MemoryModel(Shapes.gpt3(), Shapes.cluster("A100-SXM-80GB", 8));
        List<StageMemory> stages = memory.stages(candidate(8, 8, 1, Recompute.NONE, 0));
        double last = terms(stages.getLast(), "activations");
        for (int stage = 0; stage < 8; stage++) {
            assertThat(terms(stages.get(stage), "activations")).isCloseTo((8 - stage) * last, within(1.0));
        }
    }

    /** Each shard more makes no rank fuller, whatever else the plan is. */
    @ParameterizedTest
    @MethodSource("recomputations")
    void memoryFallsAsShardsGrow(Recompute recompute) {
        for (ModelShape model : List.of(Shapes.gpt3(), Shapes.mixtral())) {
            MemoryModel memory = new MemoryModel(model, Shapes.cluster("A100-SXM-80GB", 64));
            for (int tensor = 1; tensor <= 4; tensor *= 2) {
                for (int pipeline = 1; pipeline <= 16; pipeline *= 2) {
                    for (int zero = 0; zero <= 2; zero++) {
                        double peak = peak(memory, candidate(tensor, pipeline, 8, recompute, zero));
                        String plan = "tensor " + tensor + ", pipeline " + pipeline + ", stage " + zero;
                        assertThat(peak(memory, candidate(2 * tensor, pipeline, 8, recompute, zero)))
                                .as("tensor: " + plan)
                                .isLessThan(peak);
                        assertThat(peak(memory, candidate(tensor, 2 * pipeline, 8, recompute, zero)))
                                .as("pipeline: " + plan)
                                .isLessThan(peak);
                        assertThat(peak(memory, candidate(tensor, pipeline, 16, recompute, zero)))
                                .as("data: " + plan)
                                .isLessThanOrEqualTo(peak);
                        if (zero < 2 || pipeline == 1) {
                            assertThat(peak(memory, candidate(tensor, pipeline, 8, recompute, zero + 1)))
                                    .as("stage: " + plan)
                                    .isLessThan(peak);
                        }
                    }
                }
            }
        }
    }

    private static double peak(MemoryModel memory, ParallelLayout c) {
        return memory.stages(c).stream().mapToDouble(StageMemory::totalBytes).max().orElseThrow();
    }

    private static double terms(StageMemory stage, String... names) {
        double sum = 0;
        for (String name : names) {
            sum += stage.terms().getOrDefault(name, 0.0);
        }
        return sum;
    }
}

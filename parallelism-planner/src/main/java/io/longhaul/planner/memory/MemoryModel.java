package io.longhaul.planner.memory;

import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.model.ModelShape;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Bytes per rank of each pipeline stage. Activations per layer after Korthikanti et al. 2022, equations 2 to 5,
 * with the feed-forward's real width; model states after Rajbhandari et al. 2020, section 3, with gradients in fp32.
 */
public final class MemoryModel {
    private static final double FRAGMENTATION = 1.06;
    private static final double GPU_CONTEXT_BYTES = 3e9;
    private static final double PYTHON_BYTES = 3.5e8;
    private static final double GRADIENT_BYTES = 4;
    /** Tokens of the fullest expert rank over the mean of all. */
    private static final double EXPERT_IMBALANCE = 1.2;
    /** Layers whose weights are whole at a time in ZeRO stage 3: the one at work and the next. */
    private static final int GATHERED_LAYERS = 2;

    private final ModelShape model;
    private final Machine machine;

    public MemoryModel(ModelShape model, Machine machine) {
        this.model = model;
        this.machine = machine;
    }

    /** Of every stage, first to last. */
    public List<StageMemory> stages(ParallelLayout c) {
        List<StageMemory> stages = new ArrayList<>();
        for (int stage = 0; stage < c.pipeline(); stage++) {
            Map<String, Double> terms = new LinkedHashMap<>();
            states(terms, c, stage);
            double perMicroBatch = activationsPerLayer(c) * model.layers() / c.pipeline();
            int inFlight = Math.min(c.microBatches(), c.pipeline() - stage);
            terms.put("activations", FRAGMENTATION * perMicroBatch * inFlight);
            if (c.recompute().kind() == Recompute.Kind.FULL) {
                terms.put("one layer again", allActivations(c));
            }
            if (stage == c.pipeline() - 1) {
                terms.put("logits", 6.0 * tokens(c) * model.vocabSize() / c.tensor());
            }
            terms.put("runtime", machine instanceof Machine.Measured ? PYTHON_BYTES : GPU_CONTEXT_BYTES);
            stages.add(new StageMemory(stage, terms, machine.memoryBytesPerRank()));
        }
        return stages;
    }

    private void states(Map<String, Double> terms, ParallelLayout c, int stage) {
        double layers = (double) model.layers() / c.pipeline();
        boolean first = stage == 0;
        boolean last = stage == c.pipeline() - 1;
        double embeddings = (first ? 1 : 0) + (last && (!model.tied() || !first) ? 1 : 0);
        double dense = (layers * model.denseLayerParameters() + embeddings * model.embeddingParameters())
                / c.tensor();
        double expert = layers * model.expertLayerParameters() / c.tensor() / c.expert();
        double whole = dense + expert;
        double shard = dense / c.replicas() + expert / c.expertReplicas();
        terms.put("weights", machine.bytesPerValue() * (c.sharding().stage() > 2 ? shard : whole));
        if (c.sharding().stage() > 2) {
            double layer = model.denseLayerParameters() / c.tensor()
                    + model.expertLayerParameters() / c.tensor() / c.expert();
            terms.put("gathered layers", GATHERED_LAYERS * machine.bytesPerValue() * layer);
        }
        terms.put("gradients", GRADIENT_BYTES * (c.sharding().stage() > 1 ? shard : whole));
        // Adam's two moments in fp32, and fp32 weights where training computes in bf16.
        terms.put("optimizer",
                (machine.bytesPerValue() < 4 ? 12 : 8) * (c.sharding().stage() > 0 ? shard : whole));
    }

    private double tokens(ParallelLayout c) {
        return (double) c.microBatch() * model.sequenceLength() / c.context();
    }

    /** What one layer keeps of one micro-batch for its backward pass. */
    double activationsPerLayer(ParallelLayout c) {
        return switch (c.recompute().kind()) {
            case FULL -> machine.bytesPerValue() * tokens(c) * model.hiddenSize()
                    / (c.sequenceParallel() ? c.tensor() : 1);
            case SELECTIVE -> allActivations(c) - scores(c);
            case NONE -> allActivations(c);
        };
    }

    private double allActivations(ParallelLayout c) {
        double h = model.hiddenSize();
        double ffn = model.gated() ? 6 : 4;
        double blocks = 8 * h;
        if (model.mixtureOfExperts()) {
            // Each token is copied to its experts and comes back from each, 2 bytes a value.
            blocks += EXPERT_IMBALANCE * model.topK() * (ffn * model.expertFfnHiddenSize() + 4 * h);
        } else {
            blocks += ffn * model.ffnHiddenSize();
        }
        double between = 10 * h / (c.sequenceParallel() ? c.tensor() : 1);
        return machine.bytesPerValue() / 2 * tokens(c) * (between + blocks / c.tensor()) + scores(c);
    }

    /** Attention scores kept in memory; fused attention on accelerators keeps only a statistic per row. */
    private double scores(ParallelLayout c) {
        double perHead = machine instanceof Machine.Measured ? 3.0 * 4 * model.sequenceLength() : 4;
        return tokens(c) * model.attentionHeads() * perHead / c.tensor();
    }
}

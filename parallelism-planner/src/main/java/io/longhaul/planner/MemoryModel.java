package io.longhaul.planner;

import io.longhaul.planner.Candidate.Recompute;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Bytes per rank of each pipeline stage. Activations per layer after Korthikanti et al. 2022, equations 2 to 5,
 * with the feed-forward's real width; model states after Rajbhandari et al. 2020, section 3.
 */
final class MemoryModel {
    private static final double FRAGMENTATION = 1.06;
    private static final double GPU_CONTEXT_BYTES = 3e9;
    private static final double PYTHON_BYTES = 3.5e8;

    private final ModelShape model;
    private final Machine machine;

    MemoryModel(ModelShape model, Machine machine) {
        this.model = model;
        this.machine = machine;
    }

    List<StageMemory> stages(Candidate c) {
        List<StageMemory> stages = new ArrayList<>();
        for (int stage = 0; stage < c.pipeline(); stage++) {
            Map<String, Double> terms = new LinkedHashMap<>();
            states(terms, c, stage);
            double perMicroBatch = activationsPerLayer(c) * model.layers() / c.pipeline();
            int inFlight = Math.min(c.microBatches(), c.pipeline() - stage);
            terms.put("activations", FRAGMENTATION * perMicroBatch * inFlight);
            if (c.recompute() == Recompute.FULL) {
                terms.put("one layer again", fullActivations(c));
            }
            if (stage == c.pipeline() - 1) {
                terms.put("logits",
                        6.0 * c.microBatch() * model.sequenceLength() / c.context() * model.vocabSize()
                                / c.tensor());
            }
            terms.put("runtime", machine instanceof Machine.Measured ? PYTHON_BYTES : GPU_CONTEXT_BYTES);
            stages.add(new StageMemory(stage, terms, machine.memoryBytesPerRank()));
        }
        return stages;
    }

    private void states(Map<String, Double> terms, Candidate c, int stage) {
        double layers = (double) model.layers() / c.pipeline();
        double weights = layers
                * (model.denseLayerParameters() / c.tensor()
                        + model.expertLayerParameters() / c.tensor() / c.expert());
        boolean first = stage == 0;
        boolean last = stage == c.pipeline() - 1;
        double embeddings = (first ? 1 : 0) + (last && (!model.tied() || !first) ? 1 : 0);
        weights += embeddings * model.embeddingParameters() / c.tensor();
        double shards = c.zeroStage() > 0 ? (double) c.data() * c.context() : 1;
        terms.put("weights", machine.bytesPerValue() * weights);
        terms.put("gradients", 4 * weights);
        // Adam's two moments in fp32, and fp32 weights where training computes in bf16.
        terms.put("optimizer", (machine.bytesPerValue() < 4 ? 12 : 8) * weights / shards);
    }

    private double activationsPerLayer(Candidate c) {
        double tokens = (double) c.microBatch() * model.sequenceLength() / c.context();
        double sequenceSplit = machine instanceof Machine.Measured ? 1 : c.tensor();
        return switch (c.recompute()) {
            case FULL -> machine.bytesPerValue() * tokens * model.hiddenSize() / sequenceSplit;
            case SELECTIVE -> fullActivations(c) - scores(c);
            case NONE -> fullActivations(c);
        };
    }

    private double fullActivations(Candidate c) {
        double tokens = (double) c.microBatch() * model.sequenceLength() / c.context();
        double inner = model.mixtureOfExperts()
                ? (double) model.topK() * model.expertFfnHiddenSize() * 1.2
                : model.ffnHiddenSize();
        double width = machine.bytesPerValue() / 2;
        double perToken = 18.0 * model.hiddenSize() + (model.gated() ? 6.0 : 4.0) * inner;
        // The reference trainer has no sequence parallelism: only what is inside the blocks is split.
        double split = machine instanceof Machine.Measured ? 0.5 * (1 + c.tensor()) : c.tensor();
        return width * tokens * perToken / split + scores(c);
    }

    /** Attention scores kept in memory; fused attention on accelerators keeps only a statistic per row. */
    private double scores(Candidate c) {
        double tokens = (double) c.microBatch() * model.sequenceLength() / c.context();
        double perHead = machine instanceof Machine.Measured ? 3.0 * 4 * model.sequenceLength() : 4;
        return tokens * model.attentionHeads() * perHead / c.tensor();
    }
}

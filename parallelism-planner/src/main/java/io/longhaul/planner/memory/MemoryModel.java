package io.longhaul.planner.memory;

import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.constants.Constant;
import io.longhaul.planner.constants.Constants;
import io.longhaul.planner.constants.ShippedConstants;
import io.longhaul.planner.constants.Software;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Precision;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.layout.Schedule;
import io.longhaul.planner.model.ModelShape;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Bytes per rank of each pipeline stage. Activations per layer after Korthikanti et al. 2022, equations 2 to 5,
 * with the feed-forward's real width; model states after Rajbhandari et al. 2020, section 3; activations in flight
 * after Narayanan et al. 2021, section 2.2, and Qi et al. 2024, table 1.
 */
public final class MemoryModel {
    private static final double PYTHON_BYTES = 3.5e8;
    /** Tokens of the fullest expert rank over the mean of all. */
    private static final double EXPERT_IMBALANCE = 1.2;
    /** Layers whose weights are whole at a time in ZeRO stage 3: the one at work and the next. */
    private static final int GATHERED_LAYERS = 2;
    /** Layers whose activations are on the device at a time where all are offloaded. */
    private static final int LAYERS_AT_WORK = 2;

    /** Share of a layer's activations that PyTorch's selective checkpointing keeps. */
    private static final double EVERY_SECOND_PRODUCT = 0.45;

    private final ModelShape model;
    private final Machine machine;
    private final Constants constants;
    private final Software software;
    private final double spread;

    /** With the constants that ship for this machine, under a present Megatron. */
    public MemoryModel(ModelShape model, Machine machine) {
        this(model, machine, Software.MEGATRON_CORE);
    }

    /** With the constants that ship for this machine and software. */
    public MemoryModel(ModelShape model, Machine machine, Software software) {
        this(model, machine, ShippedConstants.on(machine, software), software);
    }

    /** With the usual spread. */
    public MemoryModel(ModelShape model, Machine machine, Constants constants, Software software) {
        this(model, machine, constants, software, StageMemory.USUAL_SPREAD);
    }

    /** @param spread standard deviation of the logarithm of a stage's bytes */
    public MemoryModel(ModelShape model, Machine machine, Constants constants, Software software,
            double spread) {
        this.model = model;
        this.machine = machine;
        this.constants = constants;
        this.software = software;
        this.spread = spread;
    }

    private boolean measured() {
        return machine instanceof Machine.Measured;
    }

    /** Of every stage, first to last. */
    public List<StageMemory> stages(ParallelLayout c) {
        List<StageMemory> stages = new ArrayList<>();
        for (int stage = 0; stage < c.pipeline(); stage++) {
            stages.add(stage(c, stage));
        }
        return stages;
    }

    /** Of one stage. */
    public StageMemory stage(ParallelLayout c, int stage) {
        double[] bytes = bytes(c, stage);
        Map<String, Double> terms = new LinkedHashMap<>();
        for (MemoryTerm term : MemoryTerm.values()) {
            if (bytes[term.ordinal()] != 0) {
                terms.put(term.label(), bytes[term.ordinal()]);
            }
        }
        return new StageMemory(stage, terms, machine.memoryBytesPerRank(), spread);
    }

    /** Bytes of one stage, without what they are for. */
    public double totalBytes(ParallelLayout c, int stage) {
        return sum(bytes(c, stage));
    }

    /** Of a stage that needs so many bytes. */
    public StageMemory.Verdict verdict(double totalBytes) {
        return StageMemory.verdict(totalBytes, machine.memoryBytesPerRank(), spread);
    }

    /** Indexed by {@link MemoryTerm}. */
    private double[] bytes(ParallelLayout c, int stage) {
        double[] bytes = new double[MemoryTerm.COUNT];
        int layers = c.stageLayers(stage, model.layers());
        states(bytes, c, stage, layers);
        activations(bytes, c, stage, layers);
        if (!measured()) {
            put(bytes, MemoryTerm.ALLOCATOR,
                    (Math.max(1, constants.of(Constant.RESERVED_BYTES)) - 1) * sum(bytes));
        }
        put(bytes, MemoryTerm.RUNTIME, measured() ? PYTHON_BYTES : constants.of(Constant.RUNTIME_BYTES));
        return bytes;
    }

    private static void put(double[] bytes, MemoryTerm term, double of) {
        bytes[term.ordinal()] = of;
    }

    private static double sum(double[] bytes) {
        double sum = 0;
        for (double one : bytes) {
            sum += one;
        }
        return sum;
    }

    private void activations(double[] bytes, ParallelLayout c, int stage, int layers) {
        double factor = measured() ? 1 : constants.of(Constant.ACTIVATION_BYTES);
        int again = c.recompute().kind() == Recompute.Kind.FULL ? c.recompute().fullLayers(layers) : 0;
        double perMicroBatch = again * boundary(c) + (layers - again) * keptPerLayer(c);
        double kept = factor * perMicroBatch * inFlight(c, stage);
        // The layer at work stays whatever leaves, and so does the one on its way.
        double layer = again < layers ? keptPerLayer(c) : boundary(c);
        double staying = Math.min(kept, factor * LAYERS_AT_WORK * layer);
        double away = c.offload().activations();
        put(bytes, MemoryTerm.ACTIVATIONS, (1 - away) * kept + away * staying);
        if (again > 0) {
            put(bytes, MemoryTerm.ONE_LAYER_AGAIN, factor * allActivations(c));
        }
        boolean head = stage == (c.schedule().vShaped() ? 0 : c.pipeline() - 1);
        if (head || c.vocabularyParallel()) {
            int split = c.tensor() * (c.vocabularyParallel() ? c.pipeline() : 1);
            double copies = c.vocabularyParallel() ? 2 : 1;
            put(bytes, MemoryTerm.LOGITS, (measured() ? 1 : constants.of(Constant.LOGIT_BYTES)) * copies
                    * logitBytes() * tokens(c) * model.vocabSize() / split);
        }
    }

    /** Per logit: one in 2 bytes and one in fp32; the loss of plain PyTorch keeps the gradients of both besides. */
    private double logitBytes() {
        return software.family() == Software.Family.FSDP ? 12 : 6;
    }

    /** Micro-batches whose activations a stage holds at once, in whole stages. */
    private static double inFlight(ParallelLayout c, int stage) {
        int p = c.pipeline();
        int m = c.microBatches();
        double plain = Math.min(m, p - stage + (c.vocabularyParallel() ? 1 : 0));
        return switch (c.schedule()) {
            case ONE_F_ONE_B, ZB_H1 -> plain;
            case INTERLEAVED -> {
                int v = c.chunks();
                double chunks = v == 1 ? plain : 2.0 * (p - stage - 1) + (v - 1.0) * p + 1;
                yield Math.min((double) m * v, chunks) / v;
            }
            case ZB_H2 -> Math.min(m, 2.0 * p - 1 - 2 * stage);
            case ZB_V -> Math.min(m, p);
            case V_HALF -> Math.min(m, Math.max(1, p / 2.0 + 0.5));
            case V_MIN -> Math.min(m, Math.max(1, p / 3.0 + 1));
            case DUAL_PIPE -> Math.min(m, p + 1.0);
        };
    }

    private void states(double[] bytes, ParallelLayout c, int stage, int layers) {
        boolean v = c.schedule().vShaped();
        boolean first = stage == 0;
        boolean last = stage == (v ? 0 : c.pipeline() - 1);
        double embeddings = c.vocabularyParallel()
                ? (model.tied() ? 1.0 : 2.0) / c.pipeline()
                : (first ? 1 : 0) + (last && (!model.tied() || !first) ? 1 : 0);
        int leading = model.mixtureOfExperts() && first
                ? Math.min(layers, model.layers() - model.expertLayers())
                : 0;
        double dense = leading * model.leadingLayerParameters()
                + (layers - leading) * model.denseLayerParameters()
                + embeddings * model.embeddingParameters();
        double expert = (layers - leading) * model.expertLayerParameters();
        states(bytes, c, dense, expert);
        if (c.sharding().stage() > 2) {
            double layer = (model.mixtureOfExperts() && layers > leading
                    ? model.denseLayerParameters()
                    : leading > 0 ? model.leadingLayerParameters() : model.denseLayerParameters())
                    / c.tensor()
                    + model.expertLayerParameters() / c.expertTensor() / c.expert();
            put(bytes, MemoryTerm.GATHERED_LAYERS, GATHERED_LAYERS * valueBytes(c) * layer);
        }
    }

    /** Of so many parameters that all ranks of a stage hold together. */
    private void states(double[] bytes, ParallelLayout c, double denseParameters, double expertParameters) {
        double copies = c.schedule() == Schedule.DUAL_PIPE ? 2 : 1;
        double dense = copies * denseParameters / c.tensor();
        double expert = copies * expertParameters / c.expertTensor() / c.expert();
        double whole = dense + expert;
        int replicas = c.sharding().replicas();
        double shard = dense * replicas / Math.max(replicas, c.replicas())
                + expert * replicas / Math.max(replicas, c.expertReplicas());
        double factor = measured() ? 1 : constants.of(Constant.STATE_BYTES);
        double value = valueBytes(c);
        int zero = c.sharding().stage();
        put(bytes, MemoryTerm.WEIGHTS, factor * value * (zero > 2 ? shard : whole));
        put(bytes, MemoryTerm.GRADIENTS, factor * gradientBytes(c) * (zero > 1 ? shard : whole));
        double master = value < 4 ? 4 : 0;
        put(bytes, MemoryTerm.OPTIMIZER, factor * (1 - c.offload().optimizer())
                * (master + c.optimizer().momentBytes()) * (zero > 0 ? shard : whole));
    }

    /**
     * Bytes that the fullest stage needs at least, however the layers are split and whatever is computed again or waits on
     * the host of the activations: the mean of all stages, with the input of one layer and micro-batch each.
     */
    public double leastBytes(ParallelLayout c) {
        int p = c.pipeline();
        if (model.layers() < p) {
            return 0;
        }
        int leading = model.mixtureOfExperts() ? model.layers() - model.expertLayers() : 0;
        // They count as dense where they lie on the first stage.
        double first = Math.min(model.leadingLayerParameters(), model.denseLayerParameters());
        double[] bytes = new double[MemoryTerm.COUNT];
        states(
                bytes, c,
                (leading * first
                        + (model.layers() - leading) * model.denseLayerParameters()
                        + model.embeddingParameters()) / p,
                (double) (model.layers() - leading) * model.expertLayerParameters() / p);
        double factor = measured() ? 1 : constants.of(Constant.ACTIVATION_BYTES);
        put(bytes, MemoryTerm.ACTIVATIONS, factor * boundary(c));
        double reserved = measured() ? 1 : Math.max(1, constants.of(Constant.RESERVED_BYTES));
        double runtime = measured() ? PYTHON_BYTES : constants.of(Constant.RUNTIME_BYTES);
        return reserved * sum(bytes) + runtime;
    }

    /** Present Megatrons and FSDP sum in fp32 in the gradient's place; others keep one of 2 bytes beside the sum. */
    private double gradientBytes(ParallelLayout c) {
        if (measured() || c.precision() == Precision.FP32) {
            return 4;
        }
        if (!software.sumsInFp32() || c.precision() == Precision.FP16) {
            return 2;
        }
        return switch (software.family()) {
            case MEGATRON_CORE, FSDP -> 4;
            case MEGATRON_2021, DEEPSPEED, OTHER -> 6;
        };
    }

    private double valueBytes(ParallelLayout c) {
        return measured() ? machine.bytesPerValue() : c.precision().bytes();
    }

    private double tokens(ParallelLayout c) {
        return (double) c.microBatch() * model.sequenceLength() / c.context();
    }

    /** What a layer that is computed again as a whole keeps: its input. */
    private double boundary(ParallelLayout c) {
        return valueBytes(c) * tokens(c) * model.hiddenSize()
                / (c.sequenceParallel() ? c.tensor() : 1);
    }

    private double keptPerLayer(ParallelLayout c) {
        if (c.recompute().kind() != Recompute.Kind.SELECTIVE) {
            return allActivations(c);
        }
        return (software.family() == Software.Family.FSDP ? EVERY_SECOND_PRODUCT : 1)
                * (allActivations(c) - scores(c));
    }

    /** What one layer keeps of one micro-batch for its backward pass. */
    public double activationsPerLayer(ParallelLayout c) {
        return c.recompute().kind() == Recompute.Kind.FULL ? boundary(c) : keptPerLayer(c);
    }

    private double allActivations(ParallelLayout c) {
        double h = model.hiddenSize();
        // Inputs of 8-bit products are kept in 1 byte: what norms and the activation give; attention's output in both.
        boolean eight = c.precision().ordinal() >= Precision.FP8.ordinal();
        double ffn = (model.gated() ? 6 : 4) - (eight ? 1 : 0);
        double queries = (double) model.attentionHeads() * (model.headSize() + model.ropeSize());
        double keys = model.latentAttention()
                ? queries
                : (double) model.kvHeads() * model.headSize();
        double blocks = (eight ? 5.0 : 4.0) * queries + 4 * keys;
        if (model.mixtureOfExperts()) {
            // Each token is copied to its experts and comes back from each, 2 bytes a value.
            blocks += EXPERT_IMBALANCE * model.topK() * (ffn * model.expertFfnHiddenSize() + 4 * h)
                    + model.sharedExperts() * ffn * model.expertFfnHiddenSize();
        } else {
            blocks += ffn * model.ffnHiddenSize();
        }
        double between = (eight ? 8 : 10) * h / (c.sequenceParallel() ? c.tensor() : 1);
        return valueBytes(c) / 2 * tokens(c) * (between + blocks / c.tensor()) + scores(c);
    }

    /** Attention scores kept in memory; fused attention keeps only a statistic per row. */
    private double scores(ParallelLayout c) {
        double perHead = measured()
                ? 3.0 * 4 * model.sequenceLength()
                : software.fusedAttention() ? 4 : 5.0 * model.sequenceLength();
        return tokens(c) * model.attentionHeads() * perHead / c.tensor();
    }
}

package io.longhaul.planner.layout;

import java.util.Locale;
import java.util.Optional;

/**
 * One way to spread a training step over ranks; {@code tensor * context * pipeline * data} is their number. Ranks are
 * numbered tensor first, then context, data, pipeline; experts are spread over a grid of their own, expert tensor
 * first, then expert, expert data, pipeline (Megatron-LM's default order).
 *
 * @param expert ranks over which a layer's experts are spread; {@code expert * expertTensor} divides
 *     {@code tensor * context * data}
 * @param expertTensor ranks that share the matrices of one expert
 * @param chunks model chunks per pipeline stage, 1 unless the schedule is interleaved or V-shaped
 * @param split layers of each chunk; empty is as many in each
 * @param vocabularyParallel embedding and output layer are spread over all stages (Yeung et al. 2024)
 * @param sequenceParallel what lies between tensor-parallel blocks is split by tokens (Korthikanti et al. 2022)
 * @param microBatch samples per micro-batch and data-parallel rank
 * @param microBatches micro-batches per step and data-parallel rank
 */
public record ParallelLayout(
        int tensor,
        int context,
        int pipeline,
        int data,
        int expert,
        int expertTensor,
        Schedule schedule,
        int chunks,
        Optional<LayerSplit> split,
        boolean vocabularyParallel,
        boolean sequenceParallel,
        ContextKind contextKind,
        Sharding sharding,
        Recompute recompute,
        Offload offload,
        Precision precision,
        OptimizerKind optimizer,
        int microBatch,
        int microBatches) {

    public ParallelLayout {
        positive("tensor", tensor);
        positive("context", context);
        positive("pipeline", pipeline);
        positive("data", data);
        positive("expert", expert);
        positive("expertTensor", expertTensor);
        positive("chunks", chunks);
        positive("microBatch", microBatch);
        positive("microBatches", microBatches);
        if (split.isPresent() && split.get().layers().size() != pipeline * chunks) {
            throw new IllegalArgumentException(
                    "split must have pipeline * chunks (" + pipeline * chunks + ") entries, got "
                            + split.get().layers());
        }
    }

    private static void positive(String field, int value) {
        if (value < 1) {
            throw new IllegalArgumentException(field + " must be >= 1, got " + value);
        }
    }

    /** Plain 1F1B in bf16 with Adam, nothing sharded, recomputed or offloaded, sequence parallel if tensor parallel. */
    public static ParallelLayout of(int tensor, int context, int pipeline, int data, int microBatch,
            int microBatches) {
        return new ParallelLayout(
                tensor, context, pipeline, data, 1, tensor, Schedule.ONE_F_ONE_B, 1, Optional.empty(), false,
                tensor > 1, ContextKind.RING, Sharding.NONE, Recompute.NONE, Offload.NONE, Precision.BF16,
                OptimizerKind.ADAM, microBatch, microBatches);
    }

    public ParallelLayout withExperts(int expert, int expertTensor) {
        return new ParallelLayout(
                tensor, context, pipeline, data, expert, expertTensor, schedule, chunks, split,
                vocabularyParallel, sequenceParallel, contextKind, sharding, recompute, offload, precision,
                optimizer, microBatch, microBatches);
    }

    public ParallelLayout withMicroBatch(int microBatch, int microBatches) {
        return new ParallelLayout(
                tensor, context, pipeline, data, expert, expertTensor, schedule, chunks, split,
                vocabularyParallel, sequenceParallel, contextKind, sharding, recompute, offload, precision,
                optimizer, microBatch, microBatches);
    }

    public ParallelLayout withSchedule(Schedule schedule, int chunks) {
        return new ParallelLayout(
                tensor, context, pipeline, data, expert, expertTensor, schedule, chunks,
                this.chunks == chunks ? split : Optional.empty(), vocabularyParallel, sequenceParallel,
                contextKind, sharding, recompute, offload, precision, optimizer, microBatch, microBatches);
    }

    /** The schedule and the place of the vocabulary, with as many layers everywhere as it goes. */
    public ParallelLayout withPipeline(Schedule schedule, int chunks, boolean vocabularyParallel) {
        return new ParallelLayout(
                tensor, context, pipeline, data, expert, expertTensor, schedule, chunks, Optional.empty(),
                vocabularyParallel, sequenceParallel, contextKind, sharding, recompute, offload, precision,
                optimizer, microBatch, microBatches);
    }

    /** What is sharded, with which optimizer. */
    public ParallelLayout withShards(Sharding sharding, OptimizerKind optimizer) {
        return new ParallelLayout(
                tensor, context, pipeline, data, expert, expertTensor, schedule, chunks, split,
                vocabularyParallel, sequenceParallel, contextKind, sharding, recompute, offload, precision,
                optimizer, microBatch, microBatches);
    }

    /** What of the activations is kept, and where. */
    public ParallelLayout withKept(Recompute recompute, Offload offload) {
        return new ParallelLayout(
                tensor, context, pipeline, data, expert, expertTensor, schedule, chunks, split,
                vocabularyParallel, sequenceParallel, contextKind, sharding, recompute, offload, precision,
                optimizer, microBatch, microBatches);
    }

    public ParallelLayout withSplit(Optional<LayerSplit> split) {
        return new ParallelLayout(
                tensor, context, pipeline, data, expert, expertTensor, schedule, chunks, split,
                vocabularyParallel, sequenceParallel, contextKind, sharding, recompute, offload, precision,
                optimizer, microBatch, microBatches);
    }

    public ParallelLayout withVocabularyParallel(boolean vocabularyParallel) {
        return new ParallelLayout(
                tensor, context, pipeline, data, expert, expertTensor, schedule, chunks, split,
                vocabularyParallel, sequenceParallel, contextKind, sharding, recompute, offload, precision,
                optimizer, microBatch, microBatches);
    }

    public ParallelLayout withSequenceParallel(boolean sequenceParallel) {
        return new ParallelLayout(
                tensor, context, pipeline, data, expert, expertTensor, schedule, chunks, split,
                vocabularyParallel, sequenceParallel, contextKind, sharding, recompute, offload, precision,
                optimizer, microBatch, microBatches);
    }

    public ParallelLayout withContextKind(ContextKind contextKind) {
        return new ParallelLayout(
                tensor, context, pipeline, data, expert, expertTensor, schedule, chunks, split,
                vocabularyParallel, sequenceParallel, contextKind, sharding, recompute, offload, precision,
                optimizer, microBatch, microBatches);
    }

    public ParallelLayout withSharding(Sharding sharding) {
        return new ParallelLayout(
                tensor, context, pipeline, data, expert, expertTensor, schedule, chunks, split,
                vocabularyParallel, sequenceParallel, contextKind, sharding, recompute, offload, precision,
                optimizer, microBatch, microBatches);
    }

    public ParallelLayout withRecompute(Recompute recompute) {
        return new ParallelLayout(
                tensor, context, pipeline, data, expert, expertTensor, schedule, chunks, split,
                vocabularyParallel, sequenceParallel, contextKind, sharding, recompute, offload, precision,
                optimizer, microBatch, microBatches);
    }

    public ParallelLayout withOffload(Offload offload) {
        return new ParallelLayout(
                tensor, context, pipeline, data, expert, expertTensor, schedule, chunks, split,
                vocabularyParallel, sequenceParallel, contextKind, sharding, recompute, offload, precision,
                optimizer, microBatch, microBatches);
    }

    public ParallelLayout withPrecision(Precision precision) {
        return new ParallelLayout(
                tensor, context, pipeline, data, expert, expertTensor, schedule, chunks, split,
                vocabularyParallel, sequenceParallel, contextKind, sharding, recompute, offload, precision,
                optimizer, microBatch, microBatches);
    }

    public ParallelLayout withOptimizer(OptimizerKind optimizer) {
        return new ParallelLayout(
                tensor, context, pipeline, data, expert, expertTensor, schedule, chunks, split,
                vocabularyParallel, sequenceParallel, contextKind, sharding, recompute, offload, precision,
                optimizer, microBatch, microBatches);
    }

    public int worldSize() {
        return tensor * context * pipeline * data;
    }

    /** Samples per optimizer step. */
    public int globalBatch() {
        return microBatch * microBatches * data;
    }

    /** Ranks that hold the same weights, as far as these are not sharded: each sees other tokens. */
    public int replicas() {
        return data * context;
    }

    /** The same for the weights of experts. */
    public int expertReplicas() {
        return tensor * context * data / (expert * expertTensor);
    }

    /** Layers of a stage, over all its chunks. */
    public int stageLayers(int stage, int layers) {
        int sum = 0;
        for (int v = 0; v < chunks; v++) {
            int place = schedule.vShaped() && v % 2 == 1 ? pipeline - 1 - stage : stage;
            sum += chunkLayers(v * pipeline + place, layers);
        }
        return sum;
    }

    /** Layers of a chunk, counted in the order of execution. */
    public int chunkLayers(int chunk, int layers) {
        int all = pipeline * chunks;
        return split.isPresent()
                ? split.get().layers().get(chunk)
                : layers / all + (chunk < layers % all ? 1 : 0);
    }

    /** Short text that names every choice that is not the usual one, for instance {@code tp8 pp4x2 dp32 b2 zero1}. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        part(text, "tp", tensor, true);
        part(text, contextKind == ContextKind.RING ? "cp" : lower(contextKind) + "-cp", context, context > 1);
        text.append(" pp").append(pipeline);
        if (chunks > 1) {
            text.append('x').append(chunks);
        }
        part(text, " dp", data, true);
        part(text, "ep", expert, expert > 1);
        part(text, "etp", expertTensor, expert > 1 && expertTensor > 1);
        part(text, "b", microBatch, true);
        if (schedule.splitsBackward()) {
            text.append(' ').append(lower(schedule));
        }
        split.filter(s -> !s.even()).ifPresent(s -> text.append(" layers").append(s.layers()));
        if (vocabularyParallel) {
            text.append(" vocabulary-parallel");
        }
        if (tensor > 1 && !sequenceParallel) {
            text.append(" no-sp");
        }
        if (recompute.kind() != Recompute.Kind.NONE) {
            text.append(" recompute-").append(lower(recompute.kind()));
            if (recompute.kind() == Recompute.Kind.FULL && recompute.layers() < Integer.MAX_VALUE) {
                text.append(recompute.layers());
            }
        }
        part(text, "zero", sharding.stage(), sharding.stage() > 0);
        part(text, "hsdp", sharding.replicas(), sharding.replicas() > 1);
        share(text, "offload-activations", offload.activations());
        share(text, "offload-optimizer", offload.optimizer());
        if (precision != Precision.BF16) {
            text.append(' ').append(lower(precision));
        }
        if (optimizer != OptimizerKind.ADAM) {
            text.append(' ').append(lower(optimizer));
        }
        return text.toString();
    }

    private static void part(StringBuilder text, String name, int value, boolean shown) {
        if (shown) {
            text.append(text.isEmpty() || name.startsWith(" ") ? "" : " ").append(name).append(value);
        }
    }

    private static void share(StringBuilder text, String name, double value) {
        if (value > 0) {
            text.append(' ').append(name).append('-').append(Math.round(100 * value)).append('%');
        }
    }

    private static String lower(Enum<?> choice) {
        return choice.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}

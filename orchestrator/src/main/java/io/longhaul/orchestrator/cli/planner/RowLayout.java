package io.longhaul.orchestrator.cli.planner;

import io.longhaul.planner.constants.Software;
import io.longhaul.planner.layout.ContextKind;
import io.longhaul.planner.layout.LayerSplit;
import io.longhaul.planner.layout.OptimizerKind;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Precision;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.layout.Schedule;
import io.longhaul.planner.layout.Sharding;
import io.longhaul.planner.model.ModelShape;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The layout of a row. */
record RowLayout(RowCells cells) {
    private static final Pattern STAGES = Pattern
            .compile("layers per stage \\(embedding and head counted as layers\\) ([\\d/]+)");
    private static final Pattern HYBRID = Pattern.compile("over (\\d+) gpus (?:inside|in) a node");

    ParallelLayout layout(ModelShape model, Software software) {
        int gpus = cells.whole("gpus", 0);
        int t = cells.whole("tp", 1);
        int p = cells.whole("pp", 1);
        int v = cells.has("vpp")
                ? cells.whole("vpp", 1)
                : cells.assume("vpp", usualChunks(model, p, software));
        int c = cells.whole("cp", 1);
        if (!cells.has("tp") || !cells.has("pp")) {
            throw new IllegalArgumentException("tp and pp are not both given");
        }
        int d = cells.whole("dp", Math.max(1, gpus / (t * p * c)));
        if ((long) t * p * c * d != gpus) {
            throw new IllegalArgumentException(
                    "tp * pp * cp * dp (" + (long) t * p * c * d + ") must be gpus (" + gpus + ")");
        }
        int e = cells.whole("ep", 1);
        double batch = cells.number("global_batch");
        int micro = cells.assume("micro_batch", 1);
        if (!(batch > 0)) {
            throw new IllegalArgumentException("global_batch is missing");
        }
        int microBatches = (int) Math.max(1, Math.ceil(batch / ((double) micro * d) - 1e-9));
        if (micro * (double) d > 1.01 * batch && cells.has("micro_batch")) {
            throw new IllegalArgumentException("micro_batch * dp (" + (long) micro * d
                    + ") is more than global_batch (" + batch + ")");
        }
        ParallelLayout layout = ParallelLayout.of(t, c, p, d, micro, microBatches)
                .withSequenceParallel(sequenceParallel(t, software))
                .withRecompute(recompute(software))
                .withSharding(sharding(c * d, software))
                .withPrecision(precision())
                .withContextKind(cells.notes("all-to-all context")
                        ? ContextKind.ALL_TO_ALL
                        : ContextKind.RING);
        if (model.mixtureOfExperts() && e > 1) {
            layout = layout.withExperts(Math.min(e, model.experts()), 1);
        } else if (model.mixtureOfExperts()) {
            layout = layout.withExperts(1, t);
        }
        if (v > 1 && p > 1) {
            layout = layout.withSchedule(Schedule.INTERLEAVED, v);
        }
        if (cells.notes("8-bit adam")) {
            layout = layout.withOptimizer(OptimizerKind.ADAM_8BIT);
        }
        boolean vocabulary = cells.notes("vocabulary parallelism")
                || cells.notes("vocabulary sharding");
        return layout.withVocabularyParallel(vocabulary && p > 1).withSplit(split(model, layout));
    }

    /** Present Megatrons interleave as far as layers allow, up to eight chunks. */
    private static int usualChunks(ModelShape model, int p, Software software) {
        int chunks = 1;
        for (int v = 2; v <= 8 && p > 1 && software.family() == Software.Family.MEGATRON_CORE; v++) {
            chunks = model.layers() % (p * v) == 0 ? v : chunks;
        }
        return chunks;
    }

    private boolean sequenceParallel(int t, Software software) {
        return switch (cells.text("sequence_parallel")) {
            case "yes", "true", "1" -> t > 1;
            case "" -> {
                if (t > 1) {
                    cells.assumed("sequence_parallel " + software.overlapsTensor());
                }
                yield t > 1 && software.overlapsTensor();
            }
            default -> false;
        };
    }

    private Recompute recompute(Software software) {
        return switch (cells.text("recompute")) {
            case "full" -> Recompute.FULL;
            case "selective" -> Recompute.SELECTIVE;
            case "" -> {
                cells.assumed("recompute " + (software.fusedAttention() ? "none" : "full"));
                yield software.fusedAttention() ? Recompute.NONE : Recompute.FULL;
            }
            default -> Recompute.NONE;
        };
    }

    private Sharding sharding(int replicas, Software software) {
        double stage = cells.number("zero_stage");
        // DeepSpeed's forks of Megatron ship configurations with stage 1, present Megatrons the same.
        boolean deepspeed = cells.text("framework").toLowerCase(Locale.ROOT).contains("deepspeed");
        int usual = deepspeed || software.family() == Software.Family.MEGATRON_CORE ? 1 : 0;
        if (Double.isNaN(stage)) {
            cells.assumed("zero_stage " + usual);
        }
        int zero = Double.isNaN(stage) ? usual : (int) Math.clamp(stage, 0, 3);
        int inNode = cells.find(HYBRID, 0);
        boolean hybrid = zero > 0 && inNode > 0 && replicas > inNode && replicas % inNode == 0;
        return new Sharding(zero, hybrid ? replicas / inNode : 1);
    }

    private Precision precision() {
        return switch (cells.text("precision").toLowerCase(Locale.ROOT)) {
            case "fp16" -> Precision.FP16;
            // Kernels with one scale per row are no faster than those in 2 bytes.
            case "fp8" -> cells.notes("rowwise") ? Precision.BF16 : Precision.FP8;
            case "mxfp8" -> Precision.MXFP8;
            case "nvfp4", "fp4" -> Precision.NVFP4;
            case "fp32", "tf32" -> Precision.FP32;
            case "bf16" -> Precision.BF16;
            default -> {
                cells.assumed("precision bf16");
                yield Precision.BF16;
            }
        };
    }

    private Optional<LayerSplit> split(ModelShape model, ParallelLayout layout) {
        int chunks = layout.pipeline() * layout.chunks();
        if (chunks == 1) {
            return Optional.empty();
        }
        Matcher stages = STAGES.matcher(cells.notes());
        if (stages.find()) {
            String[] counts = stages.group(1).split("/");
            if (counts.length == chunks) {
                List<Integer> layers = new ArrayList<>();
                for (int i = 0; i < chunks; i++) {
                    layers.add(Math.max(0, Integer.parseInt(counts[i]) - (i == 0 ? 1 : 0)
                            - (i == chunks - 1 ? 1 : 0)));
                }
                int sum = layers.stream().mapToInt(Integer::intValue).sum();
                return sum == model.layers() ? Optional.of(new LayerSplit(layers)) : Optional.empty();
            }
        }
        if (cells.notes("embedding and loss counted as layers")
                || cells.notes("embeddings counted in the stage split")
                || cells.notes("embedding and head counted as layers")) {
            List<Integer> layers = new ArrayList<>(LayerSplit.even(model.layers() + 2, chunks).layers());
            layers.set(0, layers.getFirst() - 1);
            layers.set(chunks - 1, layers.getLast() - 1);
            return layers.getLast() < 0 || layers.getFirst() < 0
                    ? Optional.empty()
                    : Optional.of(new LayerSplit(layers));
        }
        if (cells.notes("layers redistributed")) {
            return Optional.of(balanced(model, chunks));
        }
        return Optional.empty();
    }

    /** Layers that leave the last chunk as much less as its output layer is work. */
    private static LayerSplit balanced(ModelShape model, int chunks) {
        double layer = model.denseLayerFlopsPerToken() + model.attentionFlopsPerToken();
        double head = model.headFlopsPerToken() / layer;
        int last = (int) Math.max(0, Math.round((model.layers() + head) / chunks - head));
        // What is left over goes to the middle: the first stage holds the embedding.
        List<Integer> layers = new ArrayList<>(
                LayerSplit.even(model.layers() - last, chunks - 1).layers());
        Collections.reverse(layers);
        layers.add(last);
        return new LayerSplit(layers);
    }
}

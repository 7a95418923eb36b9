package io.longhaul.orchestrator.cli.planner;

import io.longhaul.orchestrator.cli.validate.Csv;
import io.longhaul.planner.cluster.Accelerator;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.constants.Constants;
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
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads rows of measured runs; what a row does not say is assumed and named, or the row is skipped with the reason. */
final class MeasuredRuns {
    /** A row that cannot be predicted. */
    record Skipped(String id, String group, String reason) {}

    private final List<MeasuredRun> runs = new ArrayList<>();
    private final List<Skipped> skipped = new ArrayList<>();
    private final Map<String, Accelerator> devices;

    private MeasuredRuns(Map<String, Accelerator> devices) {
        this.devices = devices;
    }

    static MeasuredRuns read(Path file, Map<String, Accelerator> devices) {
        MeasuredRuns all = new MeasuredRuns(devices);
        int[] line = {1};
        Csv.read(file, row -> {
            line[0]++;
            String id = row.has("id") ? row.text("id") : "line " + line[0];
            try {
                all.runs.add(new Reader(row, id, all.devices).run());
            } catch (IllegalArgumentException | ArithmeticException e) {
                all.skipped.add(new Skipped(id, row.text("group"), String.valueOf(e.getMessage())));
            }
        });
        return all;
    }

    List<MeasuredRun> runs() {
        return runs;
    }

    List<Skipped> skipped() {
        return skipped;
    }

    /** One row. */
    private static final class Reader {
        private static final Pattern HEAD = Pattern.compile("head_dim (\\d+)");
        private static final Pattern WINDOW = Pattern.compile("(\\d+)-token sliding window");
        private static final Pattern DENSE = Pattern
                .compile("first (\\d+)? ?layers? dense(?: \\(ffn (\\d+)\\))?");
        private static final Pattern SHARED = Pattern.compile("(\\d+) shared expert");
        private static final Pattern SHARED_SIZE = Pattern.compile("shared expert (\\d+)");
        private static final Pattern STAGES = Pattern
                .compile("layers per stage \\(embedding and head counted as layers\\) ([\\d/]+)");
        private static final Pattern RELEASE = Pattern.compile("bridge (\\d+\\.\\d+)");
        private static final Pattern HYBRID = Pattern.compile("over (\\d+) gpus (?:inside|in) a node");

        /** Words for an empty cell. */
        private static final Set<String> EMPTY = Set.of("", "-", "na", "n/a", "nan", "none", "null");
        private static final int LARGEST = 10_000_000;

        private final Csv.Row row;
        private final String id;
        private final String notes;
        private final Map<String, Accelerator> devices;
        private final List<String> assumed = new ArrayList<>();

        Reader(Csv.Row row, String id, Map<String, Accelerator> devices) {
            this.row = row;
            this.id = id;
            this.notes = row.text("notes").toLowerCase(Locale.ROOT);
            this.devices = devices;
        }

        MeasuredRun run() {
            Accelerator device = device();
            ModelShape model = model();
            Software software = software(device, model);
            ParallelLayout layout = layout(model, software);
            Machine.Cluster machine = machine(device);
            double seconds = seconds(model);
            double memory = number("peak_mem_gb");
            boolean oom = row.text("outcome").equalsIgnoreCase("oom");
            if (Double.isNaN(seconds) && Double.isNaN(memory) && !oom) {
                throw new IllegalArgumentException("neither step time nor tokens/s nor memory");
            }
            String group = row.has("group")
                    ? row.text("group")
                    : row.text("model_family") + row.text("params_b") + "/" + device.name();
            String cluster = group.contains("/") ? group.substring(group.indexOf('/') + 1) : group;
            String source = id.contains("-") ? id.substring(0, id.indexOf('-')) : row.text("source");
            List<String> keys = List.of("", software.family().name(), framework(), device.generation().name(),
                    device.name(), cluster, group);
            MeasuredRun run = new MeasuredRun(id, source, group, keys, model, machine, software, layout,
                    whole("global_batch", 0),
                    seconds > 0 ? seconds : Double.NaN,
                    memory > 0 ? memory * (notes.contains("gib") ? 1.073741824e9 : 1e9) : Double.NaN,
                    memoryKind(), oom, noise(), List.copyOf(assumed));
            double price = run.predictedSeconds(Constants.prior());
            double bytes = run.predictedBytes(Constants.prior());
            if (!(price > 0 && price < 1e9 && bytes > 0 && bytes < 1e18)) {
                throw new IllegalArgumentException("a step of this shape and layout would take " + price
                        + " s and " + bytes + " bytes; check layers, hidden, seq_len, global_batch");
            }
            return run;
        }

        /** NaN for an empty cell or a word for one; anything else must be a number. */
        private double number(String column) {
            String text = row.text(column).strip();
            if (EMPTY.contains(text.toLowerCase(Locale.ROOT))) {
                return Double.NaN;
            }
            double value = row.number(column);
            if (!(value >= 0) || Double.isInfinite(value)) {
                throw new IllegalArgumentException(column + " must be a number >= 0, got " + text);
            }
            return value;
        }

        /** From 1 on; an empty cell or 0 is what else is usual, if anything is. */
        private int whole(String column, int otherwise) {
            double value = number(column);
            if (Double.isNaN(value) || value == 0) {
                if (otherwise < 1) {
                    throw new IllegalArgumentException(
                            value == 0 ? column + " must be >= 1, got 0" : column + " is missing");
                }
                return otherwise;
            }
            if (value != Math.rint(value) || value > LARGEST) {
                throw new IllegalArgumentException(column + " must be a whole number from 1 to " + LARGEST
                        + ", got " + row.text(column));
            }
            return (int) value;
        }

        private int assume(String column, int value) {
            if (!row.has(column)) {
                assumed.add(column + " " + value);
            }
            return whole(column, value);
        }

        private double noise() {
            return switch (row.text("quality")) {
                case "low" -> 0.15;
                case "medium" -> 0.07;
                default -> 0.05;
            };
        }

        private Accelerator device() {
            String name = row.text("gpu_type");
            if (name.isEmpty()) {
                throw new IllegalArgumentException("gpu_type is missing");
            }
            Accelerator given = devices.get(name);
            Accelerator found = given != null
                    ? given
                    : Accelerator.like(name, number("gpu_mem_gb"))
                            .orElseThrow(() -> new IllegalArgumentException("unknown gpu_type " + name));
            return found;
        }

        private Machine.Cluster machine(Accelerator device) {
            int gpus = whole("gpus", 0);
            int perNode = Math.min(gpus, whole("gpus_per_node", device.devicesPerNode()));
            int domain = whole("nvlink_domain", Math.max(perNode, device.linkDomain()));
            double intra = number("intra_bw_gbps");
            double inter = number("inter_bw_gbps_per_gpu");
            if (Double.isNaN(inter) && gpus > perNode) {
                assumed.add("inter_bw_gbps_per_gpu " + Math.round(device.interNodeBandwidth() * 8e-9));
            }
            Accelerator here = new Accelerator(device.name(), device.peakFlops(), device.memoryBytes(),
                    device.memoryBandwidth(), device.efficiency(), device.intraNodeBandwidth(),
                    device.interNodeBandwidth(), perNode, device.generation(), device.fp8Flops(),
                    device.fp4Flops(), Math.max(domain, perNode));
            return new Machine.Cluster(here, Math.ceilDiv(gpus, perNode), perNode,
                    intra > 0 ? intra * 1.25e8 : device.intraNodeBandwidth(),
                    inter > 0 ? inter * 1.25e8 : device.interNodeBandwidth());
        }

        private double seconds(ModelShape model) {
            double seconds = number("iter_time_s");
            double tokens = number("tokens_per_s_per_gpu");
            double batch = number("global_batch");
            return seconds > 0 || !(tokens > 0) || !(batch > 0)
                    ? seconds
                    : batch * model.sequenceLength() / (tokens * number("gpus"));
        }

        private int find(Pattern pattern, int otherwise) {
            Matcher m = pattern.matcher(notes);
            return m.find() && m.group(1) != null ? Integer.parseInt(m.group(1)) : otherwise;
        }

        private ModelShape model() {
            int layers = whole("layers", 0);
            int hidden = whole("hidden", 0);
            int heads = whole("heads", Math.max(1, hidden / 128));
            int experts = whole("moe_experts", 1) > 1 ? whole("moe_experts", 1) : 0;
            int topK = experts > 0 ? assume("moe_topk", 2) : 0;
            String family = row.text("model_family").toLowerCase(Locale.ROOT);
            boolean latent = family.contains("deepseek") || notes.contains("mla attention");
            int kv = latent ? heads : whole("kv_heads", heads);
            int ffn = assume("ffn_hidden", 4 * hidden);
            int vocab = assume("vocab", 51200);
            int sequence = assume("seq_len", 2048);
            boolean ungated = family.matches(".*(gpt|opt|mpt|bloom|mt-nlg|megatron|falcon|pythia).*")
                    && !family.contains("oss");
            boolean gated = family
                    .matches(".*(llama|intern|qwen|deepseek|mixtral|oss|aquila|mistral|yi|gemma).*")
                    || !ungated && Math.abs(ffn - 4.0 * hidden) > 0.01 * hidden;
            boolean tied = notes.contains("tied embeddings") && !notes.contains("untied")
                    || ungated && !notes.contains("untied");
            int shared = find(SHARED, 0);
            int sharedSize = find(SHARED_SIZE, 0);
            if (experts > 0 && sharedSize > 0) {
                shared = Math.max(1, sharedSize / ffn);
            }
            int dense = 0;
            int denseFfn = ffn * Math.max(1, topK + shared);
            Matcher m = DENSE.matcher(notes);
            if (experts > 0 && m.find()) {
                dense = m.group(1) == null ? 1 : Integer.parseInt(m.group(1));
                denseFfn = m.group(2) == null ? denseFfn : Integer.parseInt(m.group(2));
            }
            ModelShape shape = new ModelShape(layers, hidden, experts > 0 ? denseFfn : ffn, heads, kv, vocab,
                    sequence, gated, tied, experts, topK, experts > 0 ? ffn : 0,
                    find(HEAD, latent ? 128 : Math.max(1, Math.ceilDiv(hidden, heads))), find(WINDOW, 0), 0,
                    0, 0,
                    Math.min(dense, layers), shared);
            return latent ? shape.withLatentAttention(128, 1536, 512, 64) : shape;
        }

        private String framework() {
            String name = row.text("framework");
            // The major version counts, not the release.
            String plain = name.replaceAll("@\\S+|\\.\\d+", " ").strip().replaceAll("\\s+", " ");
            return plain.isEmpty() ? "unknown" : plain;
        }

        private Software software(Accelerator device, ModelShape model) {
            String name = row.text("framework").toLowerCase(Locale.ROOT);
            boolean modernDevice = device.generation() != Accelerator.Generation.VOLTA
                    && device.generation() != Accelerator.Generation.AMPERE;
            Software software;
            if (name.contains("deepspeed") && !name.contains("megatron")
                    || name.contains("deepspeed") && number("zero_stage") == 3) {
                software = Software.DEEPSPEED.withFusedAttention(model.gated() || modernDevice);
            } else if (name.contains("megatron-deepspeed") || name.equals("megatron-lm") && !modernDevice
                    || name.contains("bigcode")) {
                software = Software.MEGATRON_2021.withFusedAttention(model.gated());
            } else if (name.contains("nemo") || name.contains("bridge")) {
                // Graphs of layers with experts came with Megatron-Bridge 26.04, kernels that sort, scale and activate tokens
                // on their way with 26.06; exchanges run beside another chunk's compute.
                Matcher release = RELEASE.matcher(name);
                double bridge = release.find() ? Double.parseDouble(release.group(1)) : Double.NaN;
                boolean graphs = !model.mixtureOfExperts() || !(bridge <= 26.03);
                software = Software.MEGATRON_TUNED.withFusedKernels(graphs)
                        .withExperts(number("vpp") > 1, bridge > 26.05);
            } else if (name.contains("megatron") || name.contains("mcore") || name.contains("primus")) {
                software = Software.MEGATRON_CORE;
            } else if (name.contains("fsdp") || name.contains("titan") || name.contains("composer")) {
                software = Software.FSDP;
            } else {
                software = number("zero_stage") == 3 ? Software.FSDP : Software.OTHER;
            }
            if (notes.contains("fp32 grad")) {
                software = software.withSumsInFp32(true);
            }
            if (notes.contains("compile")) {
                software = software.withFusedKernels(true);
            }
            if (notes.contains("flash attention") && !notes.contains("no flash attention")) {
                software = software.withFusedAttention(true);
            }
            if (notes.contains("async tp") || notes.contains("overlap flags on")) {
                software = software.withOverlap(true, software.overlapsData());
            }
            if (notes.contains("overlap switched off") || notes.contains("overlap off")) {
                software = software.withOverlap(false, false);
            }
            return software;
        }

        private ParallelLayout layout(ModelShape model, Software software) {
            int gpus = whole("gpus", 0);
            int t = whole("tp", 1);
            int p = whole("pp", 1);
            int v = row.has("vpp") ? whole("vpp", 1) : assume("vpp", usualChunks(model, p, software));
            int c = whole("cp", 1);
            if (!row.has("tp") || !row.has("pp")) {
                throw new IllegalArgumentException("tp and pp are not both given");
            }
            int d = whole("dp", Math.max(1, gpus / (t * p * c)));
            if ((long) t * p * c * d != gpus) {
                throw new IllegalArgumentException(
                        "tp * pp * cp * dp (" + (long) t * p * c * d + ") must be gpus (" + gpus + ")");
            }
            int e = whole("ep", 1);
            double batch = number("global_batch");
            int micro = assume("micro_batch", 1);
            if (!(batch > 0)) {
                throw new IllegalArgumentException("global_batch is missing");
            }
            int microBatches = (int) Math.max(1, Math.ceil(batch / ((double) micro * d) - 1e-9));
            if (micro * (double) d > 1.01 * batch && row.has("micro_batch")) {
                throw new IllegalArgumentException("micro_batch * dp (" + (long) micro * d
                        + ") is more than global_batch (" + batch + ")");
            }
            ParallelLayout layout = ParallelLayout.of(t, c, p, d, micro, microBatches)
                    .withSequenceParallel(sequenceParallel(t, software))
                    .withRecompute(recompute(software))
                    .withSharding(sharding(c * d, software))
                    .withPrecision(precision())
                    .withContextKind(notes.contains("all-to-all context")
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
            if (notes.contains("8-bit adam")) {
                layout = layout.withOptimizer(OptimizerKind.ADAM_8BIT);
            }
            boolean vocabulary = notes.contains("vocabulary parallelism")
                    || notes.contains("vocabulary sharding");
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
            return switch (row.text("sequence_parallel")) {
                case "yes", "true", "1" -> t > 1;
                case "" -> {
                    if (t > 1) {
                        assumed.add("sequence_parallel " + software.overlapsTensor());
                    }
                    yield t > 1 && software.overlapsTensor();
                }
                default -> false;
            };
        }

        private Recompute recompute(Software software) {
            return switch (row.text("recompute")) {
                case "full" -> Recompute.FULL;
                case "selective" -> Recompute.SELECTIVE;
                case "" -> {
                    assumed.add("recompute " + (software.fusedAttention() ? "none" : "full"));
                    yield software.fusedAttention() ? Recompute.NONE : Recompute.FULL;
                }
                default -> Recompute.NONE;
            };
        }

        private Sharding sharding(int replicas, Software software) {
            double stage = number("zero_stage");
            // DeepSpeed's forks of Megatron ship configurations with stage 1, present Megatrons the same.
            boolean deepspeed = row.text("framework").toLowerCase(Locale.ROOT).contains("deepspeed");
            int usual = deepspeed || software.family() == Software.Family.MEGATRON_CORE ? 1 : 0;
            if (Double.isNaN(stage)) {
                assumed.add("zero_stage " + usual);
            }
            int zero = Double.isNaN(stage) ? usual : (int) Math.clamp(stage, 0, 3);
            int inNode = find(HYBRID, 0);
            boolean hybrid = zero > 0 && inNode > 0 && replicas > inNode && replicas % inNode == 0;
            return new Sharding(zero, hybrid ? replicas / inNode : 1);
        }

        private Precision precision() {
            return switch (row.text("precision").toLowerCase(Locale.ROOT)) {
                case "fp16" -> Precision.FP16;
                // Kernels with one scale per row are no faster than those in 2 bytes.
                case "fp8" -> notes.contains("rowwise") ? Precision.BF16 : Precision.FP8;
                case "mxfp8" -> Precision.MXFP8;
                case "nvfp4", "fp4" -> Precision.NVFP4;
                case "fp32", "tf32" -> Precision.FP32;
                case "bf16" -> Precision.BF16;
                default -> {
                    assumed.add("precision bf16");
                    yield Precision.BF16;
                }
            };
        }

        private Optional<LayerSplit> split(ModelShape model, ParallelLayout layout) {
            int chunks = layout.pipeline() * layout.chunks();
            if (chunks == 1) {
                return Optional.empty();
            }
            Matcher stages = STAGES.matcher(notes);
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
            if (notes.contains("embedding and loss counted as layers")
                    || notes.contains("embeddings counted in the stage split")
                    || notes.contains("embedding and head counted as layers")) {
                List<Integer> layers = new ArrayList<>(LayerSplit.even(model.layers() + 2, chunks).layers());
                layers.set(0, layers.getFirst() - 1);
                layers.set(chunks - 1, layers.getLast() - 1);
                return layers.getLast() < 0 || layers.getFirst() < 0
                        ? Optional.empty()
                        : Optional.of(new LayerSplit(layers));
            }
            if (notes.contains("layers redistributed")) {
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

        private MeasuredRun.MemoryKind memoryKind() {
            if (notes.contains("allocated")) {
                return MeasuredRun.MemoryKind.ALLOCATED;
            }
            return notes.contains("reserved")
                    ? MeasuredRun.MemoryKind.RESERVED
                    : MeasuredRun.MemoryKind.DEVICE;
        }
    }
}

package io.longhaul.planner.legal;

import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A whole number that rules speak of; {@link #key} is its name in the rules files, the same as in the lists of options
 * and constraints that the rules were read from, {@link #label} its name for people.
 */
public enum Fact {
    WORLD("world", "ranks", Depth.DEGREES), NODE("node", "ranks per node", Depth.DEGREES),
    /** Ten times NVIDIA's compute capability, 0 for other devices. */
    CAPABILITY("capability", "compute capability * 10", Depth.DEGREES), LAYERS("layers", "layers",
            Depth.DEGREES), HIDDEN("hidden", "hidden size", Depth.DEGREES), FFN("ffn", "feed-forward size",
                    Depth.DEGREES), HEADS("heads", "attention heads", Depth.DEGREES), GROUPS("groups",
                            "key/value heads",
                            Depth.DEGREES), VOCAB("vocab", "vocabulary", Depth.DEGREES), SEQ("seq",
                                    "sequence",
                                    Depth.DEGREES), EXPERTS("experts", "experts", Depth.DEGREES), EXPERT_FFN(
                                            "expertFfn", "expert size",
                                            Depth.DEGREES), GBS("gbs", "global batch", Depth.DEGREES), TP(
                                                    "tp", "tensor",
                                                    Depth.DEGREES), CP("cp", "context", Depth.DEGREES), PP(
                                                            "pp", "pipeline", Depth.DEGREES), DP("dp", "data",
                                                                    Depth.DEGREES), EP("ep", "expert",
                                                                            Depth.EXPERTS), ETP("etp",
                                                                                    "expert tensor",
                                                                                    Depth.EXPERTS), VPP("vpp",
                                                                                            "chunks",
                                                                                            Depth.PIPELINE), MBS(
                                                                                                    "mbs",
                                                                                                    "micro-batch",
                                                                                                    Depth.BATCH),
    /** Micro-batches per step, rounded down. */
    M("m", "micro-batches", Depth.BATCH),
    /** Micro-batches per chunk in a row, Megatron-LM's default: as many as stages. */
    GROUP("group", "micro-batch group", Depth.DEGREES), SP("sp", "sequence parallel",
            Depth.BATCH), SCHEDULE("schedule", "schedule", Depth.PIPELINE),
    /** Differing numbers of layers: 0 none, 1 only in the first and the last chunk, 2 anywhere. */
    UNEVEN("uneven", "uneven split", Depth.SPLIT), SPLIT_LAYERS("splitLayers", "layers of the split",
            Depth.SPLIT), VOCABULARY_PARALLEL("vocabularyParallel", "vocabulary parallel",
                    Depth.PIPELINE), CONTEXT_KIND("contextKind", "context kind", Depth.BATCH),
    /** Ranks of a context group that exchange heads when the kind is hierarchical: those in a node. */
    CP_INNER("cpInner", "context ranks in a node", Depth.DEGREES), STAGE("stage", "ZeRO stage",
            Depth.SHARDING), REPLICAS("replicas", "sharding replicas",
                    Depth.SHARDING), RECOMPUTE("recompute", "recomputation", Depth.KEPT),
    /** Whole layers of a stage that are recomputed, 0 for all of them or none. */
    RECOMPUTE_LAYERS("recomputeLayers", "recomputed layers per stage", Depth.LAYERS),
    /** Share of activations on the host, in thousandths. */
    OFFLOAD_ACTIVATIONS("offloadActivations", "offloaded activations, thousandths",
            Depth.KEPT), OFFLOAD_OPTIMIZER("offloadOptimizer", "offloaded optimizer, thousandths",
                    Depth.KEPT), PRECISION("precision", "precision",
                            Depth.BATCH), OPTIMIZER("optimizer", "optimizer", Depth.SHARDING),
    /** First size of a batch ramp-up, 0 without one. */
    RAMP_START("rampStart", "first batch of the ramp-up", Depth.DEGREES), RAMP_STEP("rampStep",
            "increment of the ramp-up", Depth.DEGREES),
    /** Greatest common divisor of the sizes of a step batch schedule, 0 without one. */
    STEP_BATCHES("stepBatches", "common divisor of scheduled batches", Depth.DEGREES);

    /** How much of a layout has to be chosen before a fact is known, in the order in which the search chooses. */
    public enum Depth {
        /** Model, machine, global batch and the degrees of parallelism but those of experts. */
        DEGREES,
        /** Degrees of experts. */
        EXPERTS,
        /** Micro-batch, sequence and context parallelism, precision. */
        BATCH,
        /** Schedule, chunks and place of the vocabulary. */
        PIPELINE,
        /** Layers of the chunks. */
        SPLIT,
        /** Sharding and optimizer. */
        SHARDING,
        /** Kind of recomputation and shares of offload. */
        KEPT,
        /** Number of layers that are recomputed: the whole layout. */
        LAYERS
    }

    private static final Map<String, Fact> BY_KEY = Stream.of(values())
            .collect(Collectors.toMap(fact -> fact.key, Function.identity()));

    private final String key;
    private final String label;
    private final Depth depth;

    Fact(String key, String label, Depth depth) {
        this.key = key;
        this.label = label;
        this.depth = depth;
    }

    public String key() {
        return key;
    }

    public String label() {
        return label;
    }

    public Depth depth() {
        return depth;
    }

    /** The fact of this name, null if there is none. */
    static @Nullable Fact named(String key) {
        return BY_KEY.get(key);
    }
}

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
                                                                            Depth.DEGREES), ETP("etp",
                                                                                    "expert tensor",
                                                                                    Depth.DEGREES), VPP("vpp",
                                                                                            "chunks",
                                                                                            Depth.BATCH), MBS(
                                                                                                    "mbs",
                                                                                                    "micro-batch",
                                                                                                    Depth.BATCH),
    /** Micro-batches per step, rounded down. */
    M("m", "micro-batches", Depth.BATCH),
    /** Micro-batches per chunk in a row, Megatron-LM's default: as many as stages. */
    GROUP("group", "micro-batch group", Depth.BATCH), SP("sp", "sequence parallel",
            Depth.CHOICES), SCHEDULE("schedule", "schedule", Depth.CHOICES),
    /** Differing numbers of layers: 0 none, 1 only in the first and the last chunk, 2 anywhere. */
    UNEVEN("uneven", "uneven split", Depth.CHOICES), SPLIT_LAYERS("splitLayers", "layers of the split",
            Depth.CHOICES), VOCABULARY_PARALLEL("vocabularyParallel", "vocabulary parallel",
                    Depth.CHOICES), CONTEXT_KIND("contextKind", "context kind", Depth.CHOICES),
    /** Ranks of a context group that exchange heads when the kind is hierarchical: those in a node. */
    CP_INNER("cpInner", "context ranks in a node", Depth.CHOICES), STAGE("stage", "ZeRO stage",
            Depth.CHOICES), REPLICAS("replicas", "sharding replicas",
                    Depth.CHOICES), RECOMPUTE("recompute", "recomputation", Depth.CHOICES),
    /** Whole layers of a stage that are recomputed, 0 for all of them or none. */
    RECOMPUTE_LAYERS("recomputeLayers", "recomputed layers per stage", Depth.CHOICES),
    /** Share of activations on the host, in thousandths. */
    OFFLOAD_ACTIVATIONS("offloadActivations", "offloaded activations, thousandths",
            Depth.CHOICES), OFFLOAD_OPTIMIZER("offloadOptimizer", "offloaded optimizer, thousandths",
                    Depth.CHOICES), PRECISION("precision", "precision",
                            Depth.CHOICES), OPTIMIZER("optimizer", "optimizer", Depth.CHOICES),
    /** First size of a batch ramp-up, 0 without one. */
    RAMP_START("rampStart", "first batch of the ramp-up", Depth.CHOICES), RAMP_STEP("rampStep",
            "increment of the ramp-up", Depth.CHOICES),
    /** Greatest common divisor of the sizes of a step batch schedule, 0 without one. */
    STEP_BATCHES("stepBatches", "common divisor of scheduled batches", Depth.CHOICES);

    /** How much of a layout has to be chosen before a fact is known. */
    public enum Depth {
        /** Model, machine, global batch and the degrees of parallelism. */
        DEGREES,
        /** Micro-batch and chunks per stage too. */
        BATCH,
        /** The whole layout. */
        CHOICES
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

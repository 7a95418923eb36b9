package io.longhaul.planner.search;

import io.longhaul.planner.layout.ContextKind;
import io.longhaul.planner.layout.LayerSplit;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Precision;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.layout.Schedule;
import io.longhaul.planner.layout.Sharding;
import io.longhaul.planner.model.ModelShape;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * The choices below each choice, and how many points they make. Lists are in the order in which equally good choices are
 * taken ({@link #SIMPLER}).
 */
final class Space {
    /** Shares of activations and optimizer that may wait on the host. */
    private static final double[] SHARES = {0, 0.25, 0.5, 0.75, 1};
    private static final double[] NO_SHARES = {0};

    /** Order of plans that are equally good; of the layouts of a space, no two are equal. */
    static final Comparator<ParallelLayout> SIMPLER = Comparator.comparing(ParallelLayout::schedule)
            .thenComparingInt(ParallelLayout::chunks)
            .thenComparing(ParallelLayout::vocabularyParallel)
            .thenComparing(c -> c.split().map(s -> s.layers().toString()).orElse(""))
            .thenComparingInt(c -> c.sharding().stage())
            .thenComparingInt(c -> c.sharding().replicas())
            .thenComparing(c -> c.offload().optimizer())
            .thenComparing(c -> c.offload().activations())
            .thenComparing(c -> c.recompute().kind())
            .thenComparingInt(c -> c.recompute().layers())
            .thenComparing(ParallelLayout::optimizer)
            .thenComparing(ParallelLayout::precision)
            .thenComparing(ParallelLayout::contextKind)
            .thenComparingInt(ParallelLayout::worldSize)
            .thenComparingInt(ParallelLayout::globalBatch)
            .thenComparingInt(ParallelLayout::tensor)
            .thenComparingInt(ParallelLayout::pipeline)
            .thenComparingInt(ParallelLayout::context)
            .thenComparingInt(ParallelLayout::expert)
            .thenComparingInt(ParallelLayout::expertTensor)
            .thenComparingInt(ParallelLayout::microBatch);

    private final ModelShape model;
    private final Abilities able;
    /** Largest number of layers that the last stage may have less than its even share: what the loss is worth, and one. */
    private final int lighterLast;
    private final List<Variant> variants = new ArrayList<>();
    private final double[] activationShares;
    private final double[] optimizerShares;
    private final Map<Integer, List<Integer>> divisors = new ConcurrentHashMap<>();
    private final Map<Integer, List<Pipeline>> pipelines = new ConcurrentHashMap<>();
    private final Map<Integer, Long> pipelinePoints = new ConcurrentHashMap<>();

    Space(ModelShape model, Abilities able) {
        this.model = model;
        this.able = able;
        double layer = model.denseLayerFlopsPerToken() + model.expertLayerFlopsPerToken()
                + model.attentionFlopsPerToken();
        lighterLast = 1 + (int) Math.ceil(model.headFlopsPerToken() / layer);
        // Ring attention first: of one context-parallel rank, there is no other kind.
        Stream.concat(Stream.of(ContextKind.RING), able.contextKinds().stream())
                .distinct()
                .forEach(
                        kind -> able.precisions()
                                .forEach(precision -> variants.add(new Variant(kind, precision))));
        activationShares = able.activationOffload() ? SHARES : NO_SHARES;
        optimizerShares = able.optimizerOffload() ? SHARES : NO_SHARES;
    }

    /** Schedule, chunks and place of the vocabulary, with the ways to split the layers that go with them. */
    record Pipeline(
            Schedule schedule,
            int chunks,
            boolean vocabularyParallel,
            List<Optional<LayerSplit>> splits) {
        /** With as many layers everywhere as it goes. */
        ParallelLayout of(ParallelLayout c) {
            return c.withSchedule(schedule, chunks).withVocabularyParallel(vocabularyParallel);
        }
    }

    /** Experts per group and their tensor-parallel degree. */
    record Experts(int expert, int expertTensor) {}

    List<Integer> divisors(int n) {
        return divisors.computeIfAbsent(n, Space::divisorsOf);
    }

    static List<Integer> divisorsOf(int n) {
        List<Integer> low = new ArrayList<>();
        List<Integer> high = new ArrayList<>();
        for (int i = 1; (long) i * i <= n; i++) {
            if (n % i == 0) {
                low.add(i);
                if (i != n / i) {
                    high.addFirst(n / i);
                }
            }
        }
        low.addAll(high);
        return low;
    }

    /** Of ranks that share a stage. */
    List<Experts> experts(int tensor, int stageRanks) {
        if (!model.mixtureOfExperts()) {
            return List.of(new Experts(1, tensor));
        }
        List<Experts> all = new ArrayList<>();
        for (int expertTensor : able.expertTensor() ? divisors(stageRanks) : List.of(tensor)) {
            for (int expert : divisors(stageRanks / expertTensor)) {
                all.add(new Experts(expert, expertTensor));
            }
        }
        return all;
    }

    /** Samples per micro-batch; one entry if the ranks do not share the batch evenly, which is no plan. */
    List<Integer> microBatches(int globalBatch, int data) {
        return globalBatch % data == 0 ? divisors(globalBatch / data) : List.of(1);
    }

    /** What a layer's time depends on, beside degrees, experts and micro-batch. */
    record Variant(ContextKind kind, Precision precision) {
        ParallelLayout of(ParallelLayout c) {
            return new ParallelLayout(
                    c.tensor(), c.context(), c.pipeline(), c.data(), c.expert(), c.expertTensor(),
                    c.schedule(),
                    c.chunks(), c.split(), c.vocabularyParallel(), c.sequenceParallel(), kind, c.sharding(),
                    c.recompute(), c.offload(), precision, c.optimizer(), c.microBatch(), c.microBatches());
        }
    }

    List<Variant> variants(int context) {
        return context > 1 ? variants : variants.subList(0, able.precisions().size());
    }

    int mostVariants() {
        return variants.size();
    }

    List<Pipeline> pipelines(int stages) {
        return pipelines.computeIfAbsent(stages, this::allPipelines);
    }

    private List<Pipeline> allPipelines(int stages) {
        List<Pipeline> all = new ArrayList<>();
        add(all, stages, Schedule.ONE_F_ONE_B, 1);
        if (stages > 1) {
            for (Schedule schedule : able.schedules()) {
                if (schedule == Schedule.INTERLEAVED) {
                    for (int chunks = 2; chunks <= Math.min(able.maxChunks(),
                            model.layers() / stages); chunks++) {
                        add(all, stages, schedule, chunks);
                    }
                } else if (schedule != Schedule.ONE_F_ONE_B) {
                    add(all, stages, schedule, schedule.vShaped() ? 2 : 1);
                }
            }
        }
        return List.copyOf(all);
    }

    private void add(List<Pipeline> all, int stages, Schedule schedule, int chunks) {
        List<Optional<LayerSplit>> splits = new ArrayList<>(List.of(Optional.empty()));
        if (able.unevenSplit() && stages > 1) {
            splits(stages * chunks).forEach(split -> splits.add(Optional.of(split)));
        }
        all.add(new Pipeline(schedule, chunks, false, splits));
        if (able.vocabularyParallel() && stages > 1) {
            all.add(new Pipeline(schedule, chunks, true, splits));
        }
    }

    /**
     * First and last chunk lighter by some layers, the others as even as it goes. Between them all stages work alike, so
     * that no other split has a faster slowest stage; the first chunk may be lighter by two at most (it has little more
     * to do), the last by what the loss is worth in layers, and one.
     */
    private List<LayerSplit> splits(int chunks) {
        List<LayerSplit> all = new ArrayList<>();
        LayerSplit even = LayerSplit.even(model.layers(), chunks);
        int most = even.layers().getFirst();
        for (int first = most; first >= Math.max(1, most - 2); first--) {
            for (int last = most; last >= Math.max(1, most - lighterLast); last--) {
                int between = model.layers() - first - last;
                if (chunks == 2 ? between == 0 : between >= chunks - 2) {
                    List<Integer> layers = new ArrayList<>();
                    layers.add(first);
                    if (chunks > 2) {
                        layers.addAll(LayerSplit.even(between, chunks - 2).layers());
                    }
                    layers.add(last);
                    LayerSplit split = new LayerSplit(layers);
                    if (!split.equals(even)) {
                        all.add(split);
                    }
                }
            }
        }
        return all;
    }

    List<Sharding> shardings(ParallelLayout c) {
        List<Sharding> all = new ArrayList<>();
        all.add(Sharding.NONE);
        for (int stage = 1; stage <= able.maxZeroStage(); stage++) {
            for (int replicas : shardReplicas(c.replicas())) {
                all.add(new Sharding(stage, replicas));
            }
        }
        return all;
    }

    /** Whole sets of shards: one, or with hybrid sharding any number that leaves two ranks to share at least. */
    private List<Integer> shardReplicas(int replicas) {
        return able.hybridSharding() && replicas > 1
                ? divisors(replicas).subList(0, divisors(replicas).size() - 1)
                : List.of(1);
    }

    List<Recompute> recomputes() {
        return able.selectiveRecompute()
                ? List.of(Recompute.NONE, Recompute.SELECTIVE, Recompute.FULL)
                : List.of(Recompute.NONE, Recompute.FULL);
    }

    /** How many numbers of layers there are to recompute as a whole: 1 to all. */
    int fullCounts(int stages) {
        return able.partialRecompute() ? Math.ceilDiv(model.layers(), stages) : 1;
    }

    /** The {@code i}-th of them, from 0; the last is all. */
    Recompute full(int i, int stages) {
        return i == fullCounts(stages) - 1 ? Recompute.FULL : Recompute.full(i + 1);
    }

    double[] activationShares() {
        return activationShares;
    }

    double[] optimizerShares() {
        return optimizerShares;
    }

    private long recomputePoints(int stages) {
        return recomputes().size() - 1 + fullCounts(stages);
    }

    /** Points that differ in recomputation and offload alone. */
    long innerPoints(int stages) {
        return recomputePoints(stages) * activationShares.length * optimizerShares.length;
    }

    /** Points that share a pipeline and a split. */
    long belowPipeline(ParallelLayout c) {
        long shardings = 1 + (long) able.maxZeroStage() * shardReplicas(c.replicas()).size();
        return shardings * able.optimizers().size() * innerPoints(c.pipeline());
    }

    /** Points that share degrees, experts, micro-batch and variant. */
    long belowVariant(ParallelLayout c) {
        long pipes = pipelinePoints.computeIfAbsent(
                c.pipeline(),
                p -> pipelines(p).stream().mapToLong(pipeline -> pipeline.splits().size()).sum());
        return Math.multiplyExact(pipes, belowPipeline(c));
    }

    /** Points that share degrees, experts and micro-batch. */
    long belowMicroBatch(ParallelLayout c) {
        return Math.multiplyExact((long) variants(c.context()).size(), belowVariant(c));
    }

    /** Points that share degrees. */
    long belowDegrees(ParallelLayout c, int globalBatch) {
        int stageRanks = c.tensor() * c.context() * c.data();
        return Math.multiplyExact(
                (long) experts(c.tensor(), stageRanks).size() * microBatches(globalBatch, c.data()).size(),
                belowMicroBatch(c));
    }
}

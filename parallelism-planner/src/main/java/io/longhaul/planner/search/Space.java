package io.longhaul.planner.search;

import io.longhaul.planner.layout.ContextKind;
import io.longhaul.planner.layout.LayerSplit;
import io.longhaul.planner.layout.Offload;
import io.longhaul.planner.layout.OptimizerKind;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Precision;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.layout.Schedule;
import io.longhaul.planner.layout.Sharding;
import io.longhaul.planner.model.ModelShape;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

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
            .thenComparing(c -> c.tensor() > 1 && !c.sequenceParallel())
            .thenComparingInt(ParallelLayout::worldSize)
            .thenComparingInt(ParallelLayout::globalBatch)
            .thenComparingInt(ParallelLayout::tensor)
            .thenComparingInt(ParallelLayout::pipeline)
            .thenComparingInt(ParallelLayout::context)
            .thenComparingInt(ParallelLayout::expert)
            .thenComparingInt(ParallelLayout::expertTensor)
            .thenComparingInt(ParallelLayout::microBatch);

    private final ModelShape model;
    private final Choices choices;
    /** Largest number of layers that the last stage may have less than its even share: what the loss is worth, and one. */
    private final int lighterLast;
    private final List<Variant> variants = new ArrayList<>();
    private final Map<Integer, List<Variant>> variantsOf = new ConcurrentHashMap<>();
    private final double[] activationShares;
    private final double[] optimizerShares;
    private final Offload[][] offloads;
    private final Map<Integer, List<Integer>> divisors = new ConcurrentHashMap<>();
    private final Map<Integer, List<Pipeline>> pipelines = new ConcurrentHashMap<>();
    private final Map<Integer, Long> pipelinePoints = new ConcurrentHashMap<>();

    Space(ModelShape model, Choices choices) {
        this.model = model;
        this.choices = choices;
        double layer = model.denseLayerFlopsPerToken() + model.expertLayerFlopsPerToken()
                + model.attentionFlopsPerToken();
        lighterLast = 1 + (int) Math.ceil(model.headFlopsPerToken() / layer);
        for (boolean sequences : new boolean[]{true, false}) {
            for (ContextKind kind : ContextKind.values()) {
                for (Precision precision : choices.precisions()) {
                    variants.add(new Variant(kind, precision, sequences));
                }
            }
        }
        activationShares = choices.activationOffload() ? SHARES : NO_SHARES;
        optimizerShares = choices.optimizerOffload() ? SHARES : NO_SHARES;
        offloads = new Offload[activationShares.length][optimizerShares.length];
        for (int a = 0; a < activationShares.length; a++) {
            for (int o = 0; o < optimizerShares.length; o++) {
                offloads[a][o] = new Offload(activationShares[a], optimizerShares[o]);
            }
        }
    }

    /** Schedule, chunks and place of the vocabulary, with the ways to split the layers that go with them. */
    static final class Pipeline {
        private final Schedule schedule;
        private final int chunks;
        private final boolean vocabularyParallel;
        private final int splitCount;
        private final Supplier<List<Split>> make;
        private volatile @Nullable List<Split> splits;

        private Pipeline(
                Schedule schedule, int chunks, boolean vocabularyParallel, int splitCount,
                Supplier<List<Split>> make) {
            this.schedule = schedule;
            this.chunks = chunks;
            this.vocabularyParallel = vocabularyParallel;
            this.splitCount = splitCount;
            this.make = make;
        }

        int splitCount() {
            return splitCount;
        }

        /** Made when they are first asked for: those of a deep model fill the memory, and few pipelines get so far. */
        List<Split> splits() {
            List<Split> known = splits;
            if (known == null) {
                known = make.get();
                splits = known;
            }
            return known;
        }

        /** With as many layers everywhere as it goes. */
        ParallelLayout of(ParallelLayout c) {
            return c.withPipeline(schedule, chunks, vocabularyParallel);
        }
    }

    /** A way to split the layers, with the stages of which one is the fullest. */
    record Split(Optional<LayerSplit> layers, int[] fullest) {
        ParallelLayout of(ParallelLayout c) {
            return c.withSplit(layers);
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
        for (int expertTensor : choices.expertTensor() ? divisors(stageRanks) : List.of(tensor)) {
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

    /**
     * What a layer's time depends on, beside degrees, experts and micro-batch.
     */
    record Variant(ContextKind kind, Precision precision, boolean sequenceParallel) {
        /** The same number for those that differ in sequence parallelism alone, below 64. */
        int whole() {
            return kind.ordinal() * Precision.values().length + precision.ordinal();
        }

        ParallelLayout of(ParallelLayout c) {
            return new ParallelLayout(
                    c.tensor(), c.context(), c.pipeline(), c.data(), c.expert(), c.expertTensor(),
                    c.schedule(),
                    c.chunks(), c.split(), c.vocabularyParallel(), sequenceParallel, kind, c.sharding(),
                    c.recompute(), c.offload(), precision, c.optimizer(), c.microBatch(), c.microBatches());
        }
    }

    /** Of one rank there is nothing to split, and one kind of attention. */
    List<Variant> variants(int tensor, int context) {
        return variantsOf.computeIfAbsent(
                2 * Integer.signum(tensor - 1) + Integer.signum(context - 1),
                _ -> variants.stream()
                        .filter(v -> context > 1
                                ? choices.contextKinds().contains(v.kind)
                                : v.kind == ContextKind.RING)
                        .filter(v -> tensor > 1
                                ? v.sequenceParallel || choices.wholeSequences()
                                : !v.sequenceParallel)
                        .toList());
    }

    List<Pipeline> pipelines(int stages) {
        return pipelines.computeIfAbsent(stages, this::allPipelines);
    }

    private List<Pipeline> allPipelines(int stages) {
        List<Pipeline> all = new ArrayList<>();
        add(all, stages, Schedule.ONE_F_ONE_B, 1);
        if (stages > 1) {
            for (Schedule schedule : choices.schedules()) {
                if (schedule == Schedule.INTERLEAVED) {
                    for (int chunks = 2; chunks <= Math.min(choices.maxChunks(),
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
        boolean uneven = choices.unevenSplit() && stages > 1;
        int[] count = {1};
        if (uneven) {
            splits(stages * chunks, (_, _) -> count[0]++);
        }
        Supplier<List<Split>> splits = () -> {
            ParallelLayout plain = ParallelLayout.of(1, 1, stages, 1, 1, 1).withSchedule(schedule, chunks);
            List<Split> made = new ArrayList<>(List.of(new Split(Optional.empty(), fullest(plain))));
            if (uneven) {
                splits(stages * chunks, (first, last) -> {
                    Optional<LayerSplit> split = Optional.of(split(stages * chunks, first, last));
                    made.add(new Split(split, fullest(plain.withSplit(split))));
                });
            }
            return made;
        };
        all.add(new Pipeline(schedule, chunks, false, count[0], splits));
        if (choices.vocabularyParallel() && stages > 1) {
            all.add(new Pipeline(schedule, chunks, true, count[0], splits));
        }
    }

    /**
     * First and last chunk lighter by some layers, the others as even as it goes. Between them all stages work alike, so
     * that no other split has a faster slowest stage; the first chunk may be lighter by two at most (it has little more
     * to do), the last by what the loss is worth in layers, and one.
     *
     * @param add takes the layers of the first and of the last chunk
     */
    private void splits(int chunks, IntBinaryConsumer add) {
        int most = Math.ceilDiv(model.layers(), chunks);
        boolean even = model.layers() % chunks == 0;
        for (int first = most; first >= Math.max(1, most - 2); first--) {
            for (int last = most; last >= Math.max(1, most - lighterLast); last--) {
                int between = model.layers() - first - last;
                // As even as it goes and yet not even is a split that has to be told.
                boolean told = !even || first < most || last < most;
                if (told && (chunks == 2 ? between == 0 : between >= chunks - 2)) {
                    add.accept(first, last);
                }
            }
        }
    }

    private interface IntBinaryConsumer {
        void accept(int a, int b);
    }

    private LayerSplit split(int chunks, int first, int last) {
        List<Integer> layers = new ArrayList<>();
        layers.add(first);
        if (chunks > 2) {
            layers.addAll(LayerSplit.even(model.layers() - first - last, chunks - 2).layers());
        }
        layers.add(last);
        return new LayerSplit(layers);
    }

    /**
     * Stages of which one is the fullest: the first and the last, and the first of each number of layers, as earlier
     * stages hold no fewer micro-batches than later ones do.
     */
    private int[] fullest(ParallelLayout c) {
        int last = c.pipeline() - 1;
        Set<Integer> layers = new HashSet<>();
        return IntStream.rangeClosed(0, last)
                .filter(stage -> layers.add(c.stageLayers(stage, model.layers())) || stage == last)
                .boxed()
                .sorted(Comparator.comparing(stage -> stage != 0 && stage != last))
                .mapToInt(Integer::intValue)
                .toArray();
    }

    List<OptimizerKind> optimizers() {
        return choices.optimizers();
    }

    List<Sharding> shardings(ParallelLayout c) {
        List<Sharding> all = new ArrayList<>();
        all.add(Sharding.NONE);
        for (int stage = 1; stage <= choices.maxZeroStage(); stage++) {
            for (int replicas : shardReplicas(c.replicas())) {
                all.add(new Sharding(stage, replicas));
            }
        }
        return all;
    }

    /** Whole sets of shards: one, or with hybrid sharding any number that leaves two ranks to share at least. */
    private List<Integer> shardReplicas(int replicas) {
        return choices.hybridSharding() && replicas > 1
                ? divisors(replicas).subList(0, divisors(replicas).size() - 1)
                : List.of(1);
    }

    List<Recompute> recomputes() {
        return choices.selectiveRecompute()
                ? List.of(Recompute.NONE, Recompute.SELECTIVE, Recompute.FULL)
                : List.of(Recompute.NONE, Recompute.FULL);
    }

    /** How many numbers of layers there are to recompute as a whole: 1 to all. */
    int fullCounts(int stages) {
        return choices.partialRecompute() ? Math.ceilDiv(model.layers(), stages) : 1;
    }

    /** The {@code i}-th of them, from 0; the last is all. */
    Recompute full(int i, int stages) {
        return i == fullCounts(stages) - 1 ? Recompute.FULL : Recompute.full(i + 1);
    }

    /** By index of the shares. */
    Offload offload(int activations, int optimizer) {
        return offloads[activations][optimizer];
    }

    /** With the largest shares. */
    Offload mostOffload() {
        return offloads[activationShares.length - 1][optimizerShares.length - 1];
    }

    double[] activationShares() {
        return activationShares;
    }

    double[] optimizerShares() {
        return optimizerShares;
    }

    /** Points that differ in offload and number of layers, of one kind of recomputation. */
    long recomputePoints(int kind, int stages) {
        long counts = recomputes().get(kind).kind() == Recompute.Kind.FULL ? fullCounts(stages) : 1;
        return counts * activationShares.length * optimizerShares.length;
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
        long shardings = 1 + (long) choices.maxZeroStage() * shardReplicas(c.replicas()).size();
        return shardings * choices.optimizers().size() * innerPoints(c.pipeline());
    }

    /** Points that share degrees, experts, micro-batch and variant. */
    long belowVariant(ParallelLayout c) {
        long pipes = pipelinePoints.computeIfAbsent(
                c.pipeline(),
                p -> pipelines(p).stream().mapToLong(Pipeline::splitCount).sum());
        return Math.multiplyExact(pipes, belowPipeline(c));
    }

    /** Points that share degrees, experts and micro-batch. */
    long belowMicroBatch(ParallelLayout c) {
        return Math.multiplyExact((long) variants(c.tensor(), c.context()).size(), belowVariant(c));
    }

    /** Points that share degrees. */
    long belowDegrees(ParallelLayout c, int globalBatch) {
        int stageRanks = c.tensor() * c.context() * c.data();
        return Math.multiplyExact(
                (long) experts(c.tensor(), stageRanks).size() * microBatches(globalBatch, c.data()).size(),
                belowMicroBatch(c));
    }
}

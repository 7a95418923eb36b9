package io.longhaul.planner.search;

import io.longhaul.planner.cluster.Accelerator;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.layout.ContextKind;
import io.longhaul.planner.layout.LayerSplit;
import io.longhaul.planner.layout.Offload;
import io.longhaul.planner.layout.OptimizerKind;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Precision;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.layout.Schedule;
import io.longhaul.planner.layout.Sharding;
import io.longhaul.planner.legal.Legality;
import io.longhaul.planner.legal.Trainer;
import io.longhaul.planner.legal.Version;
import io.longhaul.planner.model.ModelShape;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/** Drawn requests whose spaces are small enough to look at every point, by plain loops that share no code. */
final class SmallSpaces {
    private SmallSpaces() {}

    private static final int MOST_POINTS = 400;

    private static final class TooMany extends RuntimeException {
        TooMany() {
            super("more than " + MOST_POINTS + " points", null, false, false);
        }
    }

    /** With some points to choose from, but not too many to look at. */
    static PlanRequest draw(Random random) {
        PlanRequest request = any(random);
        while (large(request)) {
            request = any(random);
        }
        return request;
    }

    private static boolean large(PlanRequest request) {
        int[] points = {0};
        try {
            forEach(request, _ -> {
                if (++points[0] > MOST_POINTS) {
                    throw new TooMany();
                }
            });
            return false;
        } catch (TooMany e) {
            return true;
        }
    }

    private static PlanRequest any(Random random) {
        int heads = pick(random, 4, 6, 8, 16);
        int kvHeads = random.nextBoolean() ? heads : heads / 2;
        boolean moe = random.nextInt(4) == 0;
        int layers = pick(random, 2, 3, 4, 5, 6, 8);
        ModelShape model = new ModelShape(
                layers, heads * pick(random, 64, 128), pick(random, 512, 1536, 4096),
                heads, kvHeads, pick(random, 8000, 32000, 128000), pick(random, 96, 512, 2048, 8192),
                random.nextBoolean(), random.nextBoolean(), moe ? pick(random, 4, 6) : 0, 2, moe ? 1024 : 0);
        int ranksPerNode = pick(random, 1, 2, 4);
        Machine machine = machine(
                random, pick(random, 1, 2, 3, 4), ranksPerNode, pick(random, 2, 4, 6, 8, 12, 20, 80) * 1e9);
        return new PlanRequest(model, machine, pick(random, 4, 6, 8, 12), legality(random))
                .withChoices(choices(random))
                .withGoal(goal(random));
    }

    private static Machine.Cluster machine(Random random, int nodes, int ranksPerNode, double memoryBytes) {
        double near = pick(random, 100, 300) * 1e9;
        double far = pick(random, 5, 25, 50) * 1e9;
        return new Machine.Cluster(
                new Accelerator("H100-drawn", 300e12, memoryBytes, 2e12, 0.7, near, far, ranksPerNode), nodes,
                ranksPerNode, near, far);
    }

    /** As large as {@code m}. */
    static Machine.Cluster cluster(double memoryBytes, Machine.Cluster m, double near, double far) {
        return new Machine.Cluster(
                new Accelerator("H100-drawn", 300e12, memoryBytes, 2e12, 0.7, near, far, m.ranksPerNode()),
                m.nodes(),
                m.ranksPerNode(), near, far);
    }

    /** Any figure to have least of, sometimes on a part of the machine or with a larger batch. */
    private static Goal goal(Random random) {
        Goal goal = Goal.TIME.withAlternatives(pick(random, 0, 0, 2, 6))
                .withParts(rare(random))
                .withObjective(switch (random.nextInt(8)) {
                    case 0 -> new Objective.Cost(2);
                    case 1 -> new Objective.Energy(100, 500);
                    case 2 ->
                        new Objective.Goodput(new Reliability(pick(random, 1, 100) * 1e-3, 30, 300, 3600));
                    default -> new Objective.Time();
                });
        return rare(random) ? goal.withCriticalBatch(pick(random, 4, 16, 24)) : goal;
    }

    /** Of any framework and version, often with what it cannot run lifted. */
    private static Legality legality(Random random) {
        Trainer trainer = switch (random.nextInt(12)) {
            case 0, 1, 2 -> Trainer.DEEPSPEED;
            case 3 -> Trainer.REFERENCE;
            default -> Trainer.MEGATRON_LM;
        };
        List<Version> versions = trainer.versions();
        Legality legality = Legality.of(trainer, versions.get(random.nextInt(versions.size())));
        return random.nextBoolean() ? legality.whatIf() : legality;
    }

    /** A few choices open at a time, so that the space stays small. */
    static Choices choices(Random random) {
        return new Choices(
                rare(random),
                rare(random) ? List.of(ContextKind.values()) : List.of(ContextKind.RING), some(random),
                pick(random, 1, 2, 3), rare(random), rare(random), rare(random), random.nextInt(4),
                rare(random),
                random.nextBoolean(), random.nextBoolean(), rare(random), rare(random),
                rare(random) ? List.of(Precision.BF16, Precision.FP8) : List.of(Precision.BF16),
                rare(random) ? List.of(OptimizerKind.ADAM, OptimizerKind.MUON) : List.of(OptimizerKind.ADAM));
    }

    private static boolean rare(Random random) {
        return random.nextInt(4) == 0;
    }

    private static List<Schedule> some(Random random) {
        return IntStream.range(0, Schedule.values().length)
                .filter(_ -> random.nextInt(3) == 0)
                .mapToObj(i -> Schedule.values()[i])
                .toList();
    }

    static int pick(Random random, int... choices) {
        return choices[random.nextInt(choices.length)];
    }

    /** Every point, legal or not. */
    static void forEach(PlanRequest request, Consumer<ParallelLayout> visit) {
        int ranks = request.machine().ranks();
        for (int tensor = 1; tensor <= ranks; tensor++) {
            for (int context = 1; tensor * context <= ranks; context++) {
                for (int pipeline = 1; tensor * context * pipeline <= ranks; pipeline++) {
                    int data = ranks / (tensor * context * pipeline);
                    if (tensor * context * pipeline * data == ranks) {
                        experts(request, ParallelLayout.of(tensor, context, pipeline, data, 1, 1), visit);
                    }
                }
            }
        }
    }

    private static void experts(PlanRequest request, ParallelLayout c, Consumer<ParallelLayout> visit) {
        int stage = c.tensor() * c.context() * c.data();
        for (int expertTensor = 1; expertTensor <= stage; expertTensor++) {
            for (int expert = 1; expert <= stage / expertTensor; expert++) {
                boolean wanted = request.model().mixtureOfExperts()
                        ? stage % (expert * expertTensor) == 0
                                && (request.choices().expertTensor() || expertTensor == c.tensor())
                        : expert == 1 && expertTensor == c.tensor();
                if (wanted) {
                    batches(request, c.withExperts(expert, expertTensor), visit);
                }
            }
        }
    }

    private static void batches(PlanRequest request, ParallelLayout c, Consumer<ParallelLayout> visit) {
        int samples = request.globalBatch() % c.data() == 0 ? request.globalBatch() / c.data() : 1;
        for (int microBatch = 1; microBatch <= samples; microBatch++) {
            if (samples % microBatch == 0) {
                ParallelLayout b = ParallelLayout
                        .of(c.tensor(), c.context(), c.pipeline(), c.data(), microBatch, samples / microBatch)
                        .withExperts(c.expert(), c.expertTensor());
                for (ContextKind kind : request.choices().contextKinds()) {
                    for (Precision precision : request.choices().precisions()) {
                        if (c.context() > 1 || kind == ContextKind.RING) {
                            ParallelLayout v = b.withContextKind(kind).withPrecision(precision);
                            pipelines(request, v, visit);
                            if (c.tensor() > 1 && request.choices().wholeSequences()) {
                                pipelines(request, v.withSequenceParallel(false), visit);
                            }
                        }
                    }
                }
            }
        }
    }

    private static void pipelines(PlanRequest request, ParallelLayout c, Consumer<ParallelLayout> visit) {
        Choices able = request.choices();
        for (Schedule schedule : Schedule.values()) {
            boolean open = schedule == Schedule.ONE_F_ONE_B
                    || c.pipeline() > 1 && able.schedules().contains(schedule);
            int most = Math.min(able.maxChunks(), request.model().layers() / c.pipeline());
            for (int chunks = 1; open && chunks <= Math.max(2, most); chunks++) {
                boolean wanted = switch (schedule) {
                    case INTERLEAVED -> chunks > 1 && chunks <= most;
                    case ZB_V, V_HALF, V_MIN -> chunks == 2;
                    default -> chunks == 1;
                };
                if (wanted) {
                    splits(request, c.withSchedule(schedule, chunks), visit);
                }
            }
        }
    }

    private static void splits(PlanRequest request, ParallelLayout c, Consumer<ParallelLayout> visit) {
        List<Optional<LayerSplit>> all = new ArrayList<>(List.of(Optional.empty()));
        if (request.choices().unevenSplit() && c.pipeline() > 1) {
            unevenSplits(request.model(), c.pipeline() * c.chunks()).forEach(s -> all.add(Optional.of(s)));
        }
        for (Optional<LayerSplit> split : all) {
            ParallelLayout s = c.withSplit(split);
            shardings(request, s, visit);
            if (request.choices().vocabularyParallel() && c.pipeline() > 1) {
                shardings(request, s.withVocabularyParallel(true), visit);
            }
        }
    }

    /** As the documentation of the space says: light ends, the rest as even as it goes. */
    private static List<LayerSplit> unevenSplits(ModelShape m, int chunks) {
        int most = (m.layers() + chunks - 1) / chunks;
        double layer = m.denseLayerFlopsPerToken() + m.expertLayerFlopsPerToken()
                + m.attentionFlopsPerToken();
        int lightLast = 1 + (int) Math.ceil(m.headFlopsPerToken() / layer);
        List<LayerSplit> all = new ArrayList<>();
        for (int first = 1; first <= most; first++) {
            for (int last = 1; last <= most; last++) {
                int between = m.layers() - first - last;
                boolean fits = chunks == 2 ? between == 0 : between >= chunks - 2;
                if (fits && first >= most - 2 && last >= most - lightLast) {
                    List<Integer> layers = new ArrayList<>(List.of(first));
                    for (int i = 0; i < chunks - 2; i++) {
                        layers.add(between / (chunks - 2) + (i < between % (chunks - 2) ? 1 : 0));
                    }
                    layers.add(last);
                    if (m.layers() % chunks != 0
                            || !layers.equals(LayerSplit.even(m.layers(), chunks).layers())) {
                        all.add(new LayerSplit(layers));
                    }
                }
            }
        }
        return all;
    }

    private static void shardings(PlanRequest request, ParallelLayout c, Consumer<ParallelLayout> visit) {
        for (OptimizerKind optimizer : request.choices().optimizers()) {
            inner(request, c.withOptimizer(optimizer), visit);
            for (int stage = 1; stage <= request.choices().maxZeroStage(); stage++) {
                for (int replicas = 1; replicas <= c.replicas(); replicas++) {
                    if (replicas == 1 || request.choices().hybridSharding()
                            && replicas < c.replicas() && c.replicas() % replicas == 0) {
                        inner(
                                request,
                                c.withOptimizer(optimizer).withSharding(new Sharding(stage, replicas)),
                                visit);
                    }
                }
            }
        }
    }

    private static void inner(PlanRequest request, ParallelLayout c, Consumer<ParallelLayout> visit) {
        Choices able = request.choices();
        int stageLayers = (request.model().layers() + c.pipeline() - 1) / c.pipeline();
        for (int optimizer = 0; optimizer <= (able.optimizerOffload() ? 4 : 0); optimizer++) {
            for (int activations = 0; activations <= (able.activationOffload() ? 4 : 0); activations++) {
                ParallelLayout o = c.withOffload(new Offload(activations / 4.0, optimizer / 4.0));
                visit.accept(o);
                if (able.selectiveRecompute()) {
                    visit.accept(o.withRecompute(Recompute.SELECTIVE));
                }
                for (int n = 1; able.partialRecompute() && n < stageLayers; n++) {
                    visit.accept(o.withRecompute(Recompute.full(n)));
                }
                visit.accept(o.withRecompute(Recompute.FULL));
            }
        }
    }
}

package io.longhaul.orchestrator.plan;

import io.longhaul.orchestrator.run.Recipe;
import io.longhaul.orchestrator.run.RunSpec;
import io.longhaul.orchestrator.run.RunSpecReader;
import io.longhaul.orchestrator.run.StepRange;
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
import io.longhaul.planner.legal.Facts;
import io.longhaul.planner.legal.Legality;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;

/** Launches of runs with any layout that is legal for the framework's version, drawn by a seed. */
final class DrawnLaunches {
    /** One attempt of a run. */
    record Launch(RunSpec spec, PlannedRun plan, Machine.Cluster machine, LaunchContext context) {
        List<String> command() {
            return LaunchRenderer.command(spec, plan, context, "python3");
        }

        ParallelLayout layout() {
            return plan.layout();
        }

        /** Options of the command line: the words after program and script. */
        List<String> words() {
            return command().subList(2, command().size());
        }

        Map<String, String> environment() {
            return LaunchRenderer.environment(spec, plan, Path.of("worker"));
        }
    }

    private final Random random;
    private final List<String> versions;

    private DrawnLaunches(long seed, List<String> versions) {
        this.random = new Random(seed);
        this.versions = versions;
    }

    /** So many launches; {@code framework} as in a RunSpec. */
    static List<Launch> of(String framework, int count, long seed) {
        return of(framework, count, seed, framework.equals("deepspeed")
                ? List.of("0.16.5", "0.19.6")
                : List.of("core_v0.8.0", "core_v0.10.0", "core_v0.12.3", "core_v0.13.1", "core_v0.14.0",
                        "core_v0.16.1",
                        "core_v0.17.1", "core_v0.19.0", "core_v0.19.0", "core_v0.19.0", "main"));
    }

    static List<Launch> of(String framework, int count, long seed, List<String> versions) {
        DrawnLaunches drawn = new DrawnLaunches(seed, versions);
        List<Launch> launches = new ArrayList<>();
        while (launches.size() < count) {
            drawn.launch(framework).ifPresent(launches::add);
        }
        return launches;
    }

    @SafeVarargs
    private final <T> T pick(T... choices) {
        return choices[random.nextInt(choices.length)];
    }

    private Optional<Launch> launch(String framework) {
        boolean megatron = framework.equals("megatron-lm");
        int heads = pick(4, 8, 32, 40, 96);
        boolean moe = megatron && random.nextInt(3) == 0;
        boolean wsd = megatron && random.nextBoolean();
        RunSpec spec = RunSpecReader.read(String.join(
                "\n", "name: drawn", "framework: " + framework,
                "frameworkVersion: " + versions.get(random.nextInt(versions.size())), "model:",
                "  layers: " + pick(4, 12, 32, 40, 61, 96), "  hiddenSize: " + heads * 128,
                "  attentionHeads: " + heads, "  kvHeads: " + heads / pick(1, 1, 4), "  vocabSize: 32000",
                "  sequenceLength: " + pick(2048, 4096, 4100, 32768), "  gatedMlp: " + random.nextBoolean(),
                "  tiedEmbeddings: " + random.nextBoolean(),
                moe ? "  moe: { experts: " + pick(8, 64) + ", topK: 2, expertFfnHiddenSize: 2048 }" : "",
                "training:",
                "  tokens: 10000000000", "  globalBatch: " + pick(96, 256, 1536), "  learningRate: 3e-4",
                "  schedule: " + (wsd ? "wsd" : pick("cosine", "linear", "constant")),
                "cluster: { kind: described, nodes: " + pick(1, 2, 6, 8, 32) + ", accelerator: "
                        + pick("A100-SXM-80GB", "H100-SXM-80GB", "B200-SXM-180GB") + " }"));
        RunSpec.Cluster.Described cluster = (RunSpec.Cluster.Described) spec.cluster();
        Machine.Cluster machine = new Machine.Cluster(Accelerator.named(cluster.accelerator()).orElseThrow(),
                cluster.nodes(), cluster.devicesPerNode(), 450e9, 50e9);
        Recipe recipe = spec.training().recipe();
        LaunchContext context = random.nextBoolean()
                ? new LaunchContext(recipe, 0, List.of(), "/data", "/checkpoints")
                : new LaunchContext(recipe, 50, List.of(new StepRange(60, 64)), "/data", "/checkpoints");
        return layout(spec, machine).map(layout -> new Launch(
                spec, new PlannedRun(layout, machine.nodes(), machine.ranksPerNode(), 1, 1, "{}"), machine,
                context));
    }

    private Optional<ParallelLayout> layout(RunSpec spec, Machine.Cluster machine) {
        Legality legality = Legality.of(spec.framework().trainer(), spec.frameworkVersion());
        Facts facts = Facts.of(spec.model().shape(), machine, spec.training().recipe().globalBatch());
        for (int tries = 0; tries < 5000; tries++) {
            int tensor = pick(1, 2, 4, 8);
            int context = pick(1, 1, 2, 4, 8);
            int pipeline = pick(1, 2, 3, 4, 8);
            int data = machine.ranks() / tensor / context / pipeline;
            int batch = spec.training().recipe().globalBatch();
            int microBatch = pick(1, 2, 4);
            if (data * tensor * context * pipeline != machine.ranks() || batch < data * microBatch) {
                continue;
            }
            ParallelLayout layout = choices(
                    ParallelLayout.of(tensor, context, pipeline, data, microBatch, batch / data / microBatch),
                    spec);
            if (legality.firstBroken(facts.layout(layout)) == null) {
                return Optional.of(layout);
            }
        }
        return Optional.empty();
    }

    private ParallelLayout choices(ParallelLayout plain, RunSpec spec) {
        ParallelLayout layout = plain;
        if (spec.model().moe().isPresent()) {
            layout = layout.withExperts(pick(1, 2, 4, 8), pick(1, plain.tensor()));
        }
        if (plain.pipeline() > 1) {
            Schedule schedule = pick(Schedule.ONE_F_ONE_B, Schedule.INTERLEAVED, Schedule.ZB_H1);
            layout = layout.withSchedule(schedule, schedule == Schedule.INTERLEAVED ? pick(2, 3, 4) : 1);
            if (random.nextInt(3) == 0) {
                layout = layout.withSplit(
                        Optional.of(split(spec.model().layers(), plain.pipeline() * layout.chunks())));
            }
        }
        Recompute recompute = pick(Recompute.NONE, Recompute.NONE, Recompute.SELECTIVE, Recompute.FULL,
                Recompute.full(layout.chunks()));
        layout = layout.withSequenceParallel(plain.tensor() > 1 && random.nextInt(4) > 0)
                .withContextKind(pick(ContextKind.values()))
                .withSharding(pick(Sharding.NONE, Sharding.OPTIMIZER, Sharding.stage(2), Sharding.stage(3),
                        new Sharding(1, 2), new Sharding(3, 2)))
                .withRecompute(recompute)
                .withPrecision(pick(Precision.values()))
                .withOptimizer(pick(OptimizerKind.ADAM, OptimizerKind.ADAM, pick(OptimizerKind.values())));
        return layout.withOffload(
                new Offload(pick(0.0, 0.0, 0.0, 0.125, 0.25, 0.5, 1.0), pick(0.0, 0.0, 0.0, 0.25, 1.0)));
    }

    /** Layers over chunks, a few more here and less there. */
    private LayerSplit split(int layers, int chunks) {
        int[] split = LayerSplit.even(layers, chunks).layers().stream().mapToInt(Integer::intValue).toArray();
        for (int i = 0; i < 2; i++) {
            int from = random.nextInt(chunks);
            if (split[from] > 0) {
                split[from]--;
                split[random.nextInt(chunks)]++;
            }
        }
        return new LayerSplit(IntStream.of(split).boxed().toList());
    }
}

package io.longhaul.orchestrator.cli.place;

import io.longhaul.orchestrator.cli.ApiException;
import io.longhaul.orchestrator.cli.ExitCodes;
import io.longhaul.orchestrator.plan.NoPlanException;
import io.longhaul.orchestrator.run.RunSpec;
import io.longhaul.planner.cluster.Accelerator;
import io.longhaul.planner.cluster.LinkMatrix;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.place.MixedPlan;
import io.longhaul.planner.place.MixedPlanner;
import io.longhaul.planner.place.ModelPrices;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code longhaul place mixed}. */
@Command(name = "mixed", mixinStandardHelpOptions = true, description = "Plans one pipeline through several clusters of different devices, network cards or places.")
final class MixedCommand implements Runnable {
    private static final List<Recompute> RECOMPUTE = List.of(Recompute.NONE, Recompute.SELECTIVE,
            Recompute.FULL);

    @Parameters(paramLabel = "FILE", description = "RunSpec; its described cluster is the first part")
    private Path file = Path.of("-");

    @Option(names = "--with", required = true, paramLabel = "KIND:NODES[:GBPS]", description = "another part: accelerator, nodes and GB/s per device between its nodes (default: the accelerator's); may be repeated")
    private List<String> others = List.of();

    @Option(names = "--between-gbps", required = true, paramLabel = "GBPS", description = "GB/s per device from one part to another")
    private double betweenGBps;

    @Option(names = "--between-us", defaultValue = "50", paramLabel = "US", description = "latency between parts in microseconds (default: ${DEFAULT-VALUE})")
    private double betweenMicroseconds;

    @Override
    public void run() {
        if (!(betweenGBps > 0 && betweenMicroseconds >= 0)) {
            throw new ApiException(ExitCodes.USAGE,
                    "--between-gbps must be positive and --between-us >= 0, got "
                            + betweenGBps + " and " + betweenMicroseconds);
        }
        RunSpec spec = Planned.spec(file);
        List<Machine.Cluster> parts = new ArrayList<>(List.of(Planned.machine(spec)));
        others.forEach(text -> parts.add(part(text)));
        Found all = best(spec, parts, IntStream.range(0, parts.size()).toArray())
                .orElseThrow(
                        () -> new NoPlanException("nothing fits: no pipeline through these parts has enough "
                                + "memory for the model; add nodes or a larger kind"));
        for (int part = 0; part < parts.size(); part++) {
            String alone = best(spec, parts, part)
                    .map(f -> String.format(Locale.ROOT, "%.3f s", f.plan().seconds()))
                    .orElse("does not fit");
            print("%-16s %d nodes of %d %s", "part " + part + " alone", parts.get(part).nodes(),
                    parts.get(part).ranksPerNode(), parts.get(part).accelerator().name() + ": " + alone);
        }
        MixedPlan plan = all.plan();
        print("%-16s %.3f s per step: tensor %d, pipeline %d, data %d, %d micro-batches of %d, recompute %s",
                "together", plan.seconds(), plan.tensor(), plan.stages(), plan.data(), plan.microBatches(),
                plan.microBatch(), all.recompute().kind().name().toLowerCase(Locale.ROOT));
        for (MixedPlan.Leg leg : plan.legs()) {
            print("  part %d, %d of %d ranks: layers %s", leg.part(), plan.ranks(leg.part()),
                    parts.get(leg.part()).ranks(), leg.layers());
        }
        print("%nMegatron-LM from core_v0.13.1 on runs this with the ranks numbered through the parts in this order:");
        print("  --tensor-model-parallel-size %d --pipeline-model-parallel-size %d --micro-batch-size %d",
                plan.tensor(),
                plan.stages(), plan.microBatch());
        if (plan.stages() > 1) {
            print("  --pipeline-model-parallel-layout '%s'", layoutText(plan));
        }
        print("  --use-distributed-optimizer%s", switch (all.recompute().kind()) {
            case NONE -> "";
            case SELECTIVE -> " --recompute-granularity selective";
            case FULL -> " --recompute-granularity full --recompute-method uniform --recompute-num-layers 1";
        });
    }

    private record Found(MixedPlan plan, Recompute recompute) {}

    /** With only some of the parts; the others have no ranks. */
    private Optional<Found> best(RunSpec spec, List<Machine.Cluster> parts, int... used) {
        int n = parts.size();
        double[][] rates = new double[n][n];
        double[][] latencies = new double[n][n];
        for (int i = 0; i < n; i++) {
            Arrays.fill(rates[i], betweenGBps * 1e9);
            Arrays.fill(latencies[i], betweenMicroseconds * 1e-6);
        }
        List<String> names = IntStream.range(0, n).mapToObj(Integer::toString).toList();
        LinkMatrix crossing = new LinkMatrix(names, rates, latencies);
        int[] ranks = new int[n];
        for (int part : used) {
            ranks[part] = parts.get(part).ranks();
        }
        int[] perNode = parts.stream().mapToInt(Machine::ranksPerNode).toArray();
        return RECOMPUTE.stream()
                .flatMap(
                        recompute -> MixedPlanner.best(
                                spec.model().layers(), spec.training().recipe().globalBatch(), ranks, perNode,
                                new ModelPrices(spec.model().shape(), parts, crossing, recompute))
                                .map(plan -> new Found(plan, recompute))
                                .stream())
                .min(Comparator.comparingDouble(found -> found.plan().seconds()));
    }

    private static Machine.Cluster part(String text) {
        String[] fields = text.split(":", -1);
        Optional<Accelerator> kind = Accelerator.named(fields[0]);
        try {
            if (kind.isPresent() && fields.length >= 2 && fields.length <= 3) {
                Accelerator device = kind.get();
                return new Machine.Cluster(
                        device, Integer.parseInt(fields[1]), device.devicesPerNode(),
                        device.intraNodeBandwidth(),
                        fields.length == 3
                                ? 1e9 * Double.parseDouble(fields[2])
                                : device.interNodeBandwidth());
            }
        } catch (IllegalArgumentException e) {
            // Told below, with what is allowed.
        }
        throw new ApiException(ExitCodes.USAGE,
                "--with is " + text + ": allowed is KIND:NODES or KIND:NODES:GBPS, with KIND one of "
                        + Accelerator.known()
                                .stream()
                                .map(Accelerator::name)
                                .collect(Collectors.joining(", ")));
    }

    /** Megatron-LM's text for the layers of each stage. */
    static String layoutText(MixedPlan plan) {
        String layers = plan.legs()
                .stream()
                .flatMap(leg -> leg.layers().stream())
                .map(count -> count == 1 ? "t" : "t*" + count)
                .collect(Collectors.joining("|"));
        return "E" + layers + "L";
    }

    private static void print(String format, Object... values) {
        System.out.printf(Locale.ROOT, format + "%n", values);
    }
}

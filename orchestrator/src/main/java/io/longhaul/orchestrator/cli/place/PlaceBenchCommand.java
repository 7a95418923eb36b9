package io.longhaul.orchestrator.cli.place;

import io.longhaul.planner.cluster.Accelerator;
import io.longhaul.planner.cluster.LinkMatrix;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.model.ModelShape;
import io.longhaul.planner.place.MixedPlan;
import io.longhaul.planner.place.MixedPlanner;
import io.longhaul.planner.place.ModelPrices;
import io.longhaul.planner.place.NodeOrder;
import io.longhaul.planner.place.NodePlacement;
import io.longhaul.planner.place.NodeTraffic;
import io.longhaul.planner.place.StageSplit;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;

/** {@code longhaul bench place}: results and CPU time of one thread, warmed up. */
@Command(name = "place", mixinStandardHelpOptions = true, description = "Places nodes on drawn links, layers on two kinds of devices and on stages; prints results, bounds and CPU time of one thread.")
public final class PlaceBenchCommand implements Runnable {
    private static final int WARM = 3;

    /** GPT-3 as Pipette's mapper was tried on it: tensor 8, a micro-batch of one sequence of 2,048 tokens. */
    private static NodeTraffic gpt3(int nodes, int pipeline, double slackSeconds) {
        double hidden = 12288;
        double weights = (51200 * hidden + 12 * 96.0 / pipeline * hidden * hidden) / 8;
        return new NodeTraffic(pipeline, nodes / pipeline, 2048 * hidden * 2, 2, 2 * weights, slackSeconds);
    }

    /** Bandwidths of a normal distribution of 23 and 3 GB/s, clipped to 8 to 25. */
    private static LinkMatrix drawn(int nodes, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        double[][] rates = new double[nodes][nodes];
        for (int i = 0; i < nodes; i++) {
            for (int j = 0; j <= i; j++) {
                rates[i][j] = 1e9 * Math.clamp(23 + 3 * random.nextGaussian(), 8, 25);
                rates[j][i] = rates[i][j];
            }
        }
        return new LinkMatrix(
                IntStream.range(0, nodes).mapToObj(i -> "n" + i).toList(), rates, new double[nodes][nodes]);
    }

    @Override
    public void run() {
        for (int[] grid : new int[][]{{128, 8}, {128, 16}, {16, 8}}) {
            for (double slack : new double[]{Double.POSITIVE_INFINITY, 0}) {
                LinkMatrix links = drawn(grid[0], 7);
                NodeTraffic traffic = gpt3(grid[0], grid[1], slack);
                Timed<NodePlacement> timed = timed(() -> NodeOrder.best(links, traffic));
                NodePlacement found = timed.result();
                print("%d nodes, pipeline %d, %s: given %.1f ms, placed %.1f ms, bound %.1f ms, gap %.2f %%; %.1f ms of CPU",
                        grid[0], grid[1], slack > 0 ? "first ring seen" : "all rings seen",
                        1e3 * found.givenSeconds(),
                        1e3 * found.seconds(), 1e3 * found.boundSeconds(), 100 * found.gap(),
                        timed.milliseconds());
            }
        }
        mixed();
        split();
    }

    private static void mixed() {
        ModelShape opt = new ModelShape(24, 1024, 4096, 16, 16, 50272, 2048, false, true, 0, 0, 0);
        ModelShape gpt3 = new ModelShape(96, 12288, 49152, 96, 96, 51200, 2048, false, true, 0, 0, 0);
        mixed("OPT-350M, batch 2048, 512 A100 and 512 V100", opt, 2048, "A100-SXM-40GB", "V100-SXM-32GB");
        mixed("GPT-3, batch 1536, 512 H100 and 512 A100", gpt3, 1536, "H100-SXM-80GB", "A100-SXM-80GB");
    }

    private static void mixed(String name, ModelShape model, int batch, String fast, String slow) {
        List<Machine.Cluster> parts = List.of(part(fast), part(slow));
        LinkMatrix crossing = new LinkMatrix(
                List.of(fast, slow), new double[][]{{10e9, 10e9}, {10e9, 10e9}}, new double[2][2]);
        Supplier<MixedPlan> both = () -> plan(model, batch, parts, crossing, 512);
        Timed<MixedPlan> timed = timed(both);
        print("%s: %.3f s, the first alone %.3f s; %.1f ms of CPU", name, timed.result().seconds(),
                plan(model, batch, parts, crossing, 0).seconds(), timed.milliseconds());
    }

    private static Machine.Cluster part(String kind) {
        Accelerator device = Accelerator.named(kind).orElseThrow();
        return new Machine.Cluster(
                device, 512 / device.devicesPerNode(), device.devicesPerNode(), device.intraNodeBandwidth(),
                device.interNodeBandwidth());
    }

    private static MixedPlan plan(
            ModelShape model, int batch, List<Machine.Cluster> parts, LinkMatrix crossing, int others) {
        return MixedPlanner.best(
                model.layers(), batch, new int[]{512, others},
                parts.stream().mapToInt(Machine::ranksPerNode).toArray(),
                new ModelPrices(model, parts, crossing, Recompute.SELECTIVE)).orElseThrow();
    }

    private static void split() {
        double[] layer = new double[16];
        Arrays.fill(layer, 1);
        double[] extra = new double[16];
        extra[15] = 2.5;
        int[] most = new int[16];
        Arrays.fill(most, 12);
        int times = 100_000;
        Timed<Integer> timed = timed(() -> {
            int sum = 0;
            for (int i = 0; i < times; i++) {
                extra[0] = i % 7 * 0.1;
                sum += StageSplit.equalLayers(126, layer, extra, most, 1).orElseThrow()[0];
            }
            return sum;
        });
        print("126 layers over 16 stages: %.2f us of CPU a split", 1e3 * timed.milliseconds() / times);
    }

    private record Timed<T>(T result, double milliseconds) {}

    /** The last of several runs. */
    private static <T> Timed<T> timed(Supplier<T> work) {
        T result = work.get();
        for (int i = 1; i < WARM; i++) {
            result = work.get();
        }
        long before = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
        result = work.get();
        return new Timed<>(result,
                (ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - before) / 1e6);
    }

    private static void print(String format, Object... values) {
        System.out.printf(Locale.ROOT, format + "%n", values);
    }
}

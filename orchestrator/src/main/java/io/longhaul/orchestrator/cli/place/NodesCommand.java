package io.longhaul.orchestrator.cli.place;

import io.longhaul.orchestrator.cli.ApiException;
import io.longhaul.orchestrator.cli.ExitCodes;
import io.longhaul.planner.cluster.LinkMatrix;
import io.longhaul.planner.model.ModelShape;
import io.longhaul.planner.place.FastestNodes;
import io.longhaul.planner.place.NodeOrder;
import io.longhaul.planner.place.NodePlacement;
import io.longhaul.planner.place.NodeTraffic;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code longhaul place nodes}: the order of nodes that is launched. */
@Command(name = "nodes", mixinStandardHelpOptions = true, description = "Orders the nodes of a planned run by measured links: which node takes which ranks.")
final class NodesCommand implements Runnable {
    @Parameters(index = "0", paramLabel = "FILE", description = "RunSpec with a described cluster")
    private Path file = Path.of("-");

    @Parameters(index = "1", paramLabel = "LINKS", description = "CSV of GB/s between nodes, with all ranks at work: node,a,b... then a line per node")
    private Path links = Path.of("-");

    @Option(names = "--latencies", paramLabel = "CSV", description = "the same in microseconds (default: 20 everywhere)")
    private @Nullable Path latencies;

    @Option(names = "--hostfile", paramLabel = "OUT", description = "write the nodes in the order of their ranks, as DeepSpeed and MPI read them")
    private @Nullable Path hostfile;

    @Override
    public void run() {
        Planned plan = Planned.of(file);
        int nodes = plan.number("worldSize") / plan.machine().ranksPerNode();
        NodeTraffic traffic = traffic(plan);
        LinkMatrix measured = LinkFile.read(links, Optional.ofNullable(latencies));
        if (measured.nodes() < nodes) {
            throw new ApiException(ExitCodes.USAGE,
                    links + " has " + measured.nodes() + " nodes: allowed are at least the plan's " + nodes);
        }
        List<Integer> used = FastestNodes.of(measured, nodes);
        LinkMatrix chosen = measured.of(used);
        NodePlacement placed = NodeOrder.best(chosen, traffic);
        print("places    %d nodes of %d ranks: %d rows of pipeline, %d columns of data", nodes,
                plan.machine().ranksPerNode(), traffic.stages(), traffic.columns());
        if (measured.nodes() > nodes) {
            print("spare     %s: their links are slowest", measured.names()
                    .stream()
                    .filter(name -> !chosen.names().contains(name))
                    .collect(Collectors.joining(", ")));
        }
        double gained = placed.givenSeconds() - placed.seconds();
        print("as given  %.1f ms of a step on links between nodes, with nothing hidden",
                1e3 * placed.givenSeconds());
        print("placed    %.1f ms: slowest pipeline %.1f ms, slowest ring %.1f ms; %.1f ms less, at most %.1f %% of a step",
                1e3 * placed.seconds(), 1e3 * placed.hopSeconds(), 1e3 * placed.ringSeconds(), 1e3 * gained,
                100 * gained / plan.stepSeconds());
        print(placed.gap() == 0
                ? "proof     no order is faster"
                : "bound     no order takes less than %.1f ms; this one is within %.1f %%",
                1e3 * placed.boundSeconds(),
                100 * placed.gap());
        List<String> order = placed.order().stream().map(chosen.names()::get).toList();
        int perNode = plan.machine().ranksPerNode();
        print("%nnode rank, ranks, node");
        for (int i = 0; i < nodes; i++) {
            print("%6d %7d-%d %s", i, i * perNode, (i + 1) * perNode - 1, order.get(i));
        }
        if (hostfile != null) {
            write(hostfile, order, perNode);
        }
    }

    private static void write(Path file, List<String> order, int perNode) {
        try {
            Files.write(file, order.stream().map(name -> name + " slots=" + perNode).toList());
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write " + file + ": " + e.getMessage(), e);
        }
    }

    /**
     * Ranks of a stage follow each other, so a stage is whole nodes or a node is whole stages. A node's ring goes
     * through as many cards as it has members in the node; gradients are summed in 4 bytes, and if the optimizer is
     * sharded, weights come back in 2. A stage ends its last backward pass before the one above it begins its own.
     */
    static NodeTraffic traffic(Planned plan) {
        ModelShape model = plan.spec().model().shape();
        int perNode = plan.machine().ranksPerNode();
        int tensor = plan.degree("tensor");
        int pipeline = plan.degree("pipeline");
        int replicas = plan.degree("data") * plan.degree("context");
        int perStage = tensor * replicas;
        if (perStage % perNode != 0 && perNode % perStage != 0) {
            throw new ApiException(ExitCodes.USAGE,
                    "a stage has " + perStage + " ranks and a node " + perNode
                            + ": one must divide the other, or nodes have no places in the grid");
        }
        int columns = Math.max(1, perStage / perNode);
        double hopBytes = (double) plan.number("microBatch") * model.sequenceLength() / plan.degree("context")
                * model.hiddenSize() * 2 / tensor;
        double weights = (model.layers() / (double) pipeline
                * (model.denseLayerParameters() + model.expertLayerParameters() / plan.degree("expert"))
                + model.embeddingParameters()) / tensor;
        int members = Math.min(replicas, Math.max(1, perNode / tensor));
        double perMicroBatch = (seconds(plan, "compute") + seconds(plan, "recompute")
                + seconds(plan, "tensor-parallel communication")) / plan.number("microBatches");
        return new NodeTraffic(
                plan.number("worldSize") / perNode / columns, columns, hopBytes, 2,
                weights * (plan.view().path("zeroStage").asInt(0) > 0 ? 3 : 4) / members,
                perMicroBatch * 2 / 3);
    }

    private static double seconds(Planned plan, String term) {
        return plan.view().path("breakdown").path(term).asDouble(0);
    }

    private static void print(String format, Object... values) {
        System.out.printf(Locale.ROOT, format + "%n", values);
    }
}

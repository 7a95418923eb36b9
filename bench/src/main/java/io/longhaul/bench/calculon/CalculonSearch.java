package io.longhaul.bench.calculon;

import io.longhaul.bench.calculon.CalculonModel.Cost;
import io.longhaul.bench.calculon.CalculonSpace.Structure;
import io.longhaul.bench.calculon.Execution.Exchange;
import io.longhaul.bench.calculon.Execution.Overlap;
import io.longhaul.bench.calculon.Execution.Recompute;
import io.longhaul.planner.search.BranchAndBound;
import io.longhaul.planner.search.BranchAndBound.Opened;
import io.longhaul.planner.search.BranchAndBound.Result;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The planner's search in Calculon's space under Calculon's tables; costs are seconds per sample, as there the batch
 * varies a little with the data-parallel ranks.
 */
public final class CalculonSearch implements BranchAndBound.Space<CalculonSearch.Node, Execution> {
    /** Executions of a structure, first with a rough bound, then with a better one, then those that share a block. */
    sealed interface Node {
        Structure structure();

        record Rough(Structure structure) implements Node {}

        record Bounded(Structure structure) implements Node {}

        /** @param run any of the executions, which differ in networks of pipeline and data and in overlap of the latter */
        record SameBlock(Structure structure, Execution run) implements Node {}
    }

    private record Rows(int tensor, int microBatch) {}

    private final CalculonSpace space;
    private final CalculonModel model;
    private final Map<Rows, Double> leastBlockSeconds = new HashMap<>();

    private CalculonSearch(CalculonSpace space) {
        this.space = space;
        this.model = new CalculonModel(Device.A100, space.app());
    }

    /** The best execution that fits an A100 of 80 GiB. */
    public static Result<Execution> best(CalculonSpace space) {
        return BranchAndBound.search(new CalculonSearch(space), Comparator.comparing(Execution::toString));
    }

    @Override
    public List<Node> roots() {
        return space.structures().stream().<Node>map(Node.Rough::new).toList();
    }

    @Override
    public long size(Node node) {
        return switch (node) {
            case Node.Rough r -> CalculonSpace.size(r.structure());
            case Node.Bounded b -> CalculonSpace.size(b.structure());
            case Node.SameBlock b -> CalculonSpace.sizeWithinBlock(b.structure());
        };
    }

    @Override
    public double bound(Node node) {
        Structure s = node.structure();
        return switch (node) {
            case Node.Rough _ -> perSample(s, model.leastFlopSeconds(s.tensor(), s.microBatch()));
            case Node.Bounded _ -> perSample(
                    s, leastBlockSeconds.computeIfAbsent(
                            new Rows(s.tensor(), s.microBatch()), this::leastBlockSeconds));
            case Node.SameBlock b -> model.leastSeconds(b.run()) / b.run().batch();
        };
    }

    /** What the blocks take, with filling and draining, and nothing else. */
    private double perSample(Structure s, double blockSeconds) {
        int batch = space.batch() / s.data() * s.data();
        int microBatches = batch / s.data() / s.microBatch();
        int blocks = space.app().blocks() / s.pipeline();
        return blockSeconds * (blocks * microBatches + (double) blocks / s.chunks() * (s.pipeline() - 1))
                / batch;
    }

    /** Over all ways to exchange; recomputation and gathering again only add. */
    private double leastBlockSeconds(Rows rows) {
        double least = Double.POSITIVE_INFINITY;
        for (Exchange exchange : Exchange.values()) {
            for (Overlap overlap : rows.tensor > 1 ? Overlap.values() : new Overlap[]{Overlap.NONE}) {
                for (int network : CalculonSpace.tiers(rows.tensor)) {
                    least = Math.min(
                            least,
                            model.blockSeconds(
                                    new Execution(
                                            rows.tensor, 1, 1, network, 0, 0, rows.microBatch,
                                            rows.microBatch,
                                            Recompute.NONE, 1, false, exchange, overlap, false, false)));
                }
            }
        }
        return least;
    }

    @Override
    public void open(Node node, Opened<Node, Execution> into) {
        switch (node) {
            case Node.Rough r -> into.node(new Node.Bounded(r.structure()));
            case Node.Bounded b -> space.blocks(
                    b.structure(), run -> into.node(new Node.SameBlock(b.structure(), run)));
            case Node.SameBlock b -> {
                Block block = model.block(b.run());
                CalculonSpace.withinBlock(b.run(), run -> into.leaf(run, cost(run, block)));
            }
        }
    }

    private double cost(Execution run, Block block) {
        if (!model.fitsNetworks(run)) {
            return Double.POSITIVE_INFINITY;
        }
        Cost cost = model.price(run, block);
        return cost.bytes() > Device.A100.memoryBytes()
                ? Double.POSITIVE_INFINITY
                : cost.seconds() / run.batch();
    }
}

package io.longhaul.planner.place;

import io.longhaul.planner.cluster.LinkMatrix;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.cost.CostModel;
import io.longhaul.planner.cost.StepCost;
import io.longhaul.planner.cost.Term;
import io.longhaul.planner.layout.LayerSplit;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.layout.Sharding;
import io.longhaul.planner.memory.MemoryModel;
import io.longhaul.planner.memory.StageMemory;
import io.longhaul.planner.model.ModelShape;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Prices of the cost and memory models, with the optimizer sharded over the pipelines. Layers of a model are priced by
 * their mean; the search asks for the same prices again and again, so they are kept. Not for several threads.
 */
public final class ModelPrices implements PartPrices {
    private final ModelShape model;
    private final List<Machine.Cluster> parts;
    private final List<CostModel> costs;
    private final List<MemoryModel> memories;
    private final LinkMatrix crossing;
    private final Recompute recompute;
    private final Map<List<Integer>, StepCost> priced = new HashMap<>();
    private final Map<List<Integer>, int[]> room = new HashMap<>();

    /**
     * @param crossing links of one rank between parts
     * @param recompute the same on all stages
     */
    public ModelPrices(
            ModelShape model, List<Machine.Cluster> parts, LinkMatrix crossing, Recompute recompute) {
        if (crossing.nodes() != parts.size()) {
            throw new IllegalArgumentException(
                    "crossing must link " + parts.size() + " parts, got " + crossing.nodes());
        }
        this.model = model;
        this.parts = List.copyOf(parts);
        this.costs = parts.stream().map(part -> new CostModel(model, part)).toList();
        this.memories = parts.stream().map(part -> new MemoryModel(model, part)).toList();
        this.crossing = crossing;
        this.recompute = recompute;
    }

    private ParallelLayout layout(int tensor, int pipeline, int data, int microBatch, int microBatches) {
        return ParallelLayout.of(tensor, 1, pipeline, data, microBatch, microBatches)
                .withSharding(data > 1 ? Sharding.stage(1) : Sharding.NONE)
                .withRecompute(recompute);
    }

    /** One micro-batch through all layers on one stage. */
    private StepCost whole(int part, int tensor, int data, int microBatch) {
        return priced.computeIfAbsent(
                List.of(part, tensor, data, microBatch),
                key -> costs.get(part).price(layout(tensor, 1, data, microBatch, 1)));
    }

    @Override
    public double layerSeconds(int part, int tensor, int microBatch) {
        StepCost all = whole(part, tensor, 1, microBatch);
        return (all.of(Term.COMPUTE) + all.of(Term.RECOMPUTE) + all.of(Term.TENSOR)) / model.layers();
    }

    /** Counted with the head: the models price both in one term. */
    @Override
    public double embeddingSeconds(int part, int tensor, int microBatch) {
        return 0;
    }

    @Override
    public double headSeconds(int part, int tensor, int microBatch) {
        return whole(part, tensor, 1, microBatch).of(Term.HEAD);
    }

    @Override
    public double hopSeconds(int from, int to, int tensor, int microBatch) {
        Machine.Cluster machine = parts.get(from);
        double bytes = (double) microBatch * model.sequenceLength() * model.hiddenSize()
                * machine.bytesPerValue()
                / tensor;
        return 2 * (from == to
                ? machine.latencySeconds(false) + bytes / machine.bandwidth(false)
                : crossing.seconds(from, to, bytes));
    }

    @Override
    public double stepSeconds(int part, int tensor, int data, int layers) {
        StepCost all = whole(part, tensor, data, 1);
        return (all.of(Term.DATA) + all.of(Term.OPTIMIZER)) * layers / model.layers();
    }

    @Override
    public int mostLayers(
            int part, int tensor, int data, int microBatch, int microBatches, int stage, int stages) {
        return room.computeIfAbsent(
                List.of(part, tensor, data, microBatch, microBatches, stages),
                key -> room(part, layout(tensor, stages, data, microBatch, microBatches)))[stage];
    }

    /** Memory grows by as much with every layer, so two sizes tell it for all. */
    private int[] room(int part, ParallelLayout layout) {
        List<StageMemory> one = withLayers(part, layout, 1);
        List<StageMemory> two = withLayers(part, layout, 2);
        int[] most = new int[layout.pipeline()];
        for (int stage = 0; stage < most.length; stage++) {
            double first = one.get(stage).totalBytes();
            double more = two.get(stage).totalBytes() - first;
            double free = one.get(stage).capacityBytes() - first;
            most[stage] = free < 0
                    ? 0
                    : (int) Math.min(model.layers(), more > 0 ? 1 + Math.floor(free / more) : model.layers());
        }
        return most;
    }

    private List<StageMemory> withLayers(int part, ParallelLayout layout, int layers) {
        LayerSplit split = new LayerSplit(Collections.nCopies(layout.pipeline(), layers));
        return memories.get(part).stages(layout.withSplit(Optional.of(split)));
    }
}

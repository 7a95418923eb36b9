package io.longhaul.planner.cost;

import io.longhaul.planner.cluster.Group;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.model.ModelShape;

/** Steps of the reference trainer on a machine whose parts were timed: the times, multiplied. */
record MeasuredCosts(ModelShape model, Machine.Measured machine) {
    private static final double GRADIENT_BYTES = 4;

    StepCost price(ParallelLayout c) {
        double layers = (double) model.layers() / c.pipeline();
        double layer = machine.layerOverheadSeconds()
                + machine.layerSeconds() * c.microBatch() / c.tensor();
        double again = c.recompute().kind() == Recompute.Kind.NONE ? 0 : layer / 3;
        double tensor = 2 * (again > 0 ? 3 : 2) * group(c.tensor(), 1).allReduceSeconds(valueBytes(c));
        double transfer = c.pipeline() == 1
                ? 0
                : 2 * group(c.pipeline(), machine.ranks() / c.pipeline())
                        .neighbourSeconds(valueBytes(c) / c.tensor());
        int m = c.microBatches();
        StepCost cost = new StepCost();
        cost.add(Term.COMPUTE, m * layers * layer);
        cost.add(Term.HEAD, m * (machine.headOverheadSeconds() + machine.headSeconds() * c.microBatch()));
        cost.add(Term.RECOMPUTE, m * layers * again);
        cost.add(Term.TENSOR, m * layers * tensor);
        cost.add(Term.TRANSFER, m * transfer);
        // The last stage alone computes the loss and sets the pace; filling and draining pass the others.
        cost.add(Term.BUBBLE, (c.pipeline() - 1) * (layers * (layer + again + tensor) + transfer));
        double weights = weights(c);
        cost.add(Term.DATA, synchronise(c, weights));
        cost.add(Term.OPTIMIZER, machine.stepOverheadSeconds() + machine.optimizerSecondsPerParameter()
                * weights / (c.sharding().stage() > 0 ? c.replicas() : 1));
        return cost;
    }

    private Group group(int size, int stride) {
        return new Group(size, stride, machine);
    }

    private double valueBytes(ParallelLayout c) {
        return (double) c.microBatch() * model.sequenceLength() / c.context() * model.hiddenSize()
                * machine.bytesPerValue();
    }

    /** The reference trainer keeps whole embeddings on every tensor rank. */
    private double weights(ParallelLayout c) {
        return (double) model.layers() / c.pipeline() * model.denseLayerParameters() / c.tensor()
                + model.embeddingParameters();
    }

    private double synchronise(ParallelLayout c, double weights) {
        Group group = group(c.replicas(), c.tensor());
        double values = machine.bytesPerValue() * weights;
        int m = c.microBatches();
        return switch (c.sharding().stage()) {
            case 0 -> group.allReduceSeconds(GRADIENT_BYTES * weights);
            case 1 -> group.allReduceSeconds(GRADIENT_BYTES * weights) + group.gatherSeconds(values);
            case 2 -> (m + 1) * group.gatherSeconds(values);
            default -> m * 3 * group.gatherSeconds(values);
        };
    }
}

package io.longhaul.planner.cost;

import io.longhaul.planner.cluster.Group;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.model.ModelShape;

/**
 * Seconds of an optimizer step by what they are spent on. Compute by roofline per matrix multiplication, ring
 * collectives, 1F1B pipelining (Narayanan et al. 2021, section 2.2), sequence parallelism with tensor parallelism
 * (Korthikanti et al. 2022, section 4), sharding over data-parallel ranks (Rajbhandari et al. 2020, section 7).
 */
public final class CostModel {
    /** Rows at which a multiplication reaches half of its best rate. */
    private static final double HALF_RATE_ROWS = 128;
    private static final double HALF_RATE_COLUMNS = 160;
    /** Share of data-parallel traffic that hides behind compute. */
    private static final double OVERLAP = 0.7;
    private static final double KERNEL_SECONDS = 5e-6;
    private static final double GRADIENT_BYTES = 4;

    private final ModelShape model;
    private final Machine machine;

    public CostModel(ModelShape model, Machine machine) {
        this.model = model;
        this.machine = machine;
    }

    /** What a step takes with this layout. */
    public StepCost price(ParallelLayout c) {
        double layersPerStage = (double) model.layers() / c.pipeline();
        double layer = layerCompute(c);
        double again = recomputed(c);
        double tensor = tensorCommunication(c);
        double ring = contextCommunication(c);
        double experts = expertCommunication(c);
        double transfer = stageTransfer(c);
        int m = c.microBatches();
        StepCost cost = new StepCost();
        cost.add(Term.COMPUTE, m * layersPerStage * layer);
        cost.add(Term.HEAD, m * head(c));
        cost.add(Term.RECOMPUTE, m * layersPerStage * again);
        cost.add(Term.TENSOR, m * layersPerStage * tensor);
        cost.add(Term.CONTEXT, m * layersPerStage * ring);
        cost.add(Term.EXPERT, m * layersPerStage * experts);
        cost.add(Term.TRANSFER, m * transfer);
        // The last stage alone computes the loss and sets the pace; filling and draining pass the others.
        cost.add(
                Term.BUBBLE,
                (c.pipeline() - 1) * (layersPerStage * (layer + again + tensor + ring + experts) + transfer));
        cost.add(Term.DATA, dataCommunication(c, layersPerStage * layer));
        cost.add(Term.OPTIMIZER, optimizer(c));
        return cost;
    }

    private double tokens(ParallelLayout c) {
        return (double) c.microBatch() * model.sequenceLength() / c.context();
    }

    /** Forward and backward of one layer for one micro-batch on one rank. */
    private double layerCompute(ParallelLayout c) {
        return switch (machine) {
            case Machine.Measured m ->
                m.layerOverheadSeconds() + m.layerSeconds() * c.microBatch() / c.tensor();
            case Machine.Cluster m -> 3 * layerForward(c, m) + elementwise(c, m);
        };
    }

    private double layerForward(ParallelLayout c, Machine.Cluster m) {
        double dense = matmulSeconds(
                m, tokens(c) * model.denseLayerFlopsPerToken() / c.tensor(), tokens(c),
                Math.min(model.hiddenSize(),
                        model.mixtureOfExperts() ? model.hiddenSize() : model.ffnHiddenSize())
                        / (double) c.tensor());
        return dense + expertForward(c, m) + attentionSeconds(c, m);
    }

    /** A rank's experts share the tokens that all ranks of the expert group send. */
    private double expertForward(ParallelLayout c, Machine.Cluster m) {
        if (!model.mixtureOfExperts()) {
            return 0;
        }
        double rowsPerExpert = tokens(c) * model.topK() * c.expert() / model.experts();
        return matmulSeconds(
                m, tokens(c) * model.expertLayerFlopsPerToken() / c.tensor(), rowsPerExpert,
                Math.min(model.hiddenSize(), model.expertFfnHiddenSize()) / (double) c.tensor());
    }

    private static double matmulSeconds(Machine.Cluster m, double flops, double rows, double columns) {
        double efficiency = m.accelerator().efficiency() * rows / (rows + HALF_RATE_ROWS) * columns
                / (columns + HALF_RATE_COLUMNS);
        return flops / (m.peakFlops() * efficiency);
    }

    /** Scores and values reach about half of the rate of plain multiplications. */
    private double attentionSeconds(ParallelLayout c, Machine.Cluster m) {
        return tokens(c) * model.attentionFlopsPerToken() / c.tensor()
                / (m.peakFlops() * 0.55 * m.accelerator().efficiency());
    }

    /** Norms, activations, residuals: about 40 passes over a layer's (tokens, hidden) values, and kernel starts. */
    private double elementwise(ParallelLayout c, Machine.Cluster m) {
        double bytes = 40 * tokens(c) * model.hiddenSize() * m.bytesPerValue() / c.tensor();
        return bytes / m.accelerator().memoryBandwidth() + 30 * KERNEL_SECONDS;
    }

    private double recomputed(ParallelLayout c) {
        if (c.recompute().kind() == Recompute.Kind.NONE) {
            return 0;
        }
        return switch (machine) {
            case Machine.Measured m -> layerCompute(c) / 3;
            case Machine.Cluster m -> c.recompute().kind() == Recompute.Kind.SELECTIVE
                    ? attentionSeconds(c, m)
                    : layerForward(c, m) + elementwise(c, m) / 3;
        };
    }

    private double head(ParallelLayout c) {
        return switch (machine) {
            case Machine.Measured m -> m.headOverheadSeconds() + m.headSeconds() * c.microBatch();
            case Machine.Cluster m -> 3 * matmulSeconds(
                    m, tokens(c) * model.headFlopsPerToken() / c.tensor(), tokens(c),
                    (double) model.hiddenSize() / c.tensor());
        };
    }

    /** Forward passes of communication over those of compute: backward, and again if a layer is computed again. */
    private static int passes(ParallelLayout c, int backward) {
        return 1 + backward + (c.recompute().kind() == Recompute.Kind.FULL ? 1 : 0);
    }

    /** Two all-reduces (or as many bytes in gathers and scatters) per layer and pass. */
    private double tensorCommunication(ParallelLayout c) {
        double bytes = tokens(c) * model.hiddenSize() * machine.bytesPerValue();
        return 2 * passes(c, 1) * new Group(c.tensor(), 1, machine).allReduceSeconds(bytes);
    }

    /** Keys and values go round the ring; what attention computes meanwhile hides them. */
    private double contextCommunication(ParallelLayout c) {
        if (c.context() == 1) {
            return 0;
        }
        double bytes = 2 * tokens(c) * model.hiddenSize() * model.kvHeads() / model.attentionHeads()
                * machine.bytesPerValue() / c.tensor();
        double step = new Group(c.context(), c.tensor(), machine).neighbourSeconds(bytes);
        double hidden = machine instanceof Machine.Cluster m ? attentionSeconds(c, m) / c.context() : 0;
        return passes(c, 2) * (c.context() - 1) * Math.max(step - hidden, 0.1 * step);
    }

    /** Tokens travel to their experts and back. */
    private double expertCommunication(ParallelLayout c) {
        double bytes = tokens(c) * model.topK() * model.hiddenSize() * machine.bytesPerValue() / c.tensor();
        return 2 * passes(c, 1) * new Group(c.expert(), c.tensor(), machine).allToAllSeconds(bytes);
    }

    /** Activations to the next stage and gradients back, not hidden; of a whole machine, the slowest border counts. */
    private double stageTransfer(ParallelLayout c) {
        if (c.pipeline() == 1) {
            return 0;
        }
        double bytes = tokens(c) * model.hiddenSize() * machine.bytesPerValue() / c.tensor();
        return 2 * new Group(c.pipeline(), machine.ranks() / c.pipeline(), machine).neighbourSeconds(bytes);
    }

    private double denseWeights(ParallelLayout c) {
        // The reference trainer keeps whole embeddings on every tensor rank.
        int split = machine instanceof Machine.Measured ? 1 : c.tensor();
        return model.layers() * model.denseLayerParameters() / c.pipeline() / c.tensor()
                + model.embeddingParameters() / split;
    }

    private double expertWeights(ParallelLayout c) {
        return model.layers() * model.expertLayerParameters() / c.pipeline() / c.tensor() / c.expert();
    }

    private double dataCommunication(ParallelLayout c, double computePerMicroBatch) {
        double seconds = synchronise(c, denseWeights(c), new Group(c.replicas(), c.tensor(), machine))
                + synchronise(
                        c, expertWeights(c),
                        new Group(c.expertReplicas(), c.tensor() * c.expert(), machine));
        if (machine instanceof Machine.Measured) {
            return seconds;
        }
        double window = computePerMicroBatch * (c.sharding().stage() > 1 ? c.microBatches() : 1);
        return seconds - Math.min(OVERLAP * seconds, window);
    }

    /**
     * Gradients to their sum and weights to all ranks, once per step. From stage 2 on no rank keeps all gradients,
     * so that they travel with every micro-batch, and in stage 3 weights do as well, forward and backward.
     */
    private double synchronise(ParallelLayout c, double weights, Group group) {
        double values = machine.bytesPerValue() * weights;
        return switch (c.sharding().stage()) {
            case 0 -> group.allReduceSeconds(GRADIENT_BYTES * weights);
            case 1 -> machine instanceof Machine.Measured
                    ? group.allReduceSeconds(GRADIENT_BYTES * weights) + group.gatherSeconds(values)
                    : group.gatherSeconds(GRADIENT_BYTES * weights) + group.gatherSeconds(values);
            case 2 -> c.microBatches() * group.gatherSeconds(values) + group.gatherSeconds(values);
            default -> c.microBatches() * 3 * group.gatherSeconds(values);
        };
    }

    private double optimizer(ParallelLayout c) {
        boolean sharded = c.sharding().stage() > 0;
        double weights = denseWeights(c) / (sharded ? c.replicas() : 1)
                + expertWeights(c) / (sharded ? c.expertReplicas() : 1);
        return switch (machine) {
            case Machine.Measured m -> m.stepOverheadSeconds() + m.optimizerSecondsPerParameter() * weights;
            case Machine.Cluster m -> 32 * weights / m.accelerator().memoryBandwidth() + 2e-3;
        };
    }
}

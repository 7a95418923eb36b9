package io.longhaul.planner.cost;

import io.longhaul.planner.cluster.Group;
import io.longhaul.planner.cluster.Links;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.constants.Constant;
import io.longhaul.planner.constants.Constants;
import io.longhaul.planner.constants.ShippedConstants;
import io.longhaul.planner.constants.Software;
import io.longhaul.planner.layout.ContextKind;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Precision;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.layout.Schedule;
import io.longhaul.planner.memory.MemoryModel;
import io.longhaul.planner.model.ModelShape;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Seconds of an optimizer step by what they are spent on. Layers and vocabulary are priced once per shape; a step is
 * then a sum over stages: {@code sum of stages + (microBatches - 1) * slowest stage}, less where the schedule fills the
 * bubble (Narayanan et al. 2021, section 2.2; Qi et al. 2024), and traffic of gradients and weights, the optimizer and
 * stragglers on top. Every term is >= 0, so that leaving some out gives a lower bound.
 */
public final class CostModel {
    /** Bytes of Adam's state, gradient and weights that an update reads and writes, per weight, without moments. */
    private static final double UPDATE_BYTES = 14;
    /** Weights/s that the two sockets of a node update, all cores at work and bound by their memory. */
    private static final double HOST_UPDATES = 2e9;
    /** Bytes per weight that an update on the host has sent: the gradient there, the weight back. */
    private static final double HOST_UPDATE_BYTES = 4;
    /** Share of copies to and from the host that compute pays for, whose memory they use, even where it hides them. */
    private static final double COPY_INTERFERENCE = 0.1;
    private static final double NEWTON_SCHULZ_FLOPS = 15;

    private final ModelShape model;
    private final Machine machine;
    private final Constants constants;
    private final Software software;
    private final Links links;
    private final Optional<Layers> layers;
    private final MemoryModel memoryModel;
    private final Map<Shape, Parts> memory = new ConcurrentHashMap<>();

    /** What the price of a layer depends on. */
    private record Shape(
            int tensor,
            int context,
            ContextKind contextKind,
            int microBatch,
            int expert,
            int expertTensor,
            boolean sequenceParallel,
            boolean selective,
            Precision precision) {
        /** Asked for with every price: that of a record takes longer than the rest of the look-up. */
        @Override
        public int hashCode() {
            int hash = 31 * tensor + context;
            hash = 31 * hash + microBatch;
            hash = 31 * hash + expert;
            hash = 31 * hash + expertTensor;
            hash = 31 * hash + contextKind.ordinal();
            hash = 31 * hash + precision.ordinal();
            return 4 * hash + (sequenceParallel ? 2 : 0) + (selective ? 1 : 0);
        }
    }

    /** Per layer and micro-batch; {@code full} is with the whole layer computed again. */
    private record Parts(
            LayerCost dense,
            LayerCost denseFull,
            LayerCost expert,
            LayerCost expertFull,
            LayerCost embedding,
            LayerCost head) {
        LayerCost of(StageLayers n) {
            LayerCost sum = dense.times(n.dense()).plus(denseFull.times(n.denseAgain()));
            return n.expert() + n.expertAgain() == 0
                    ? sum
                    : sum.plus(expert.times(n.expert())).plus(expertFull.times(n.expertAgain()));
        }

        double seconds(StageLayers n) {
            return n.dense() * dense.total() + n.denseAgain() * denseFull.total()
                    + n.expert() * expert.total() + n.expertAgain() * expertFull.total();
        }

        double computeSeconds(StageLayers n) {
            return n.dense() * dense.compute() + n.denseAgain() * denseFull.compute()
                    + n.expert() * expert.compute() + n.expertAgain() * expertFull.compute();
        }
    }

    /** With the constants that ship for this machine, under a present Megatron. */
    public CostModel(ModelShape model, Machine machine) {
        this(model, machine, Software.MEGATRON_CORE);
    }

    /** With the constants that ship for this machine and software. */
    public CostModel(ModelShape model, Machine machine, Software software) {
        this(model, machine, ShippedConstants.on(machine, software), software);
    }

    public CostModel(ModelShape model, Machine machine, Constants constants, Software software) {
        this.model = model;
        this.machine = machine;
        this.constants = constants;
        this.software = software;
        this.memoryModel = new MemoryModel(model, machine, constants, software);
        this.links = new Links(
                machine.linkDomain(),
                machine.bandwidth(true) * constants.of(Constant.FAST_LINK_RATE),
                machine.bandwidth(false) * constants.of(Constant.SLOW_LINK_RATE),
                constants.of(Constant.FAST_LATENCY),
                constants.of(Constant.SLOW_LATENCY));
        this.layers = machine instanceof Machine.Cluster m
                ? Optional.of(new Layers(model, m.accelerator(), constants, software, links))
                : Optional.empty();
    }

    /** What a step takes with this layout. */
    public StepCost price(ParallelLayout c) {
        return switch (machine) {
            case Machine.Measured m -> new MeasuredCosts(model, m).price(c);
            case Machine.Cluster m -> price(c, m);
        };
    }

    private StepCost price(ParallelLayout c, Machine.Cluster m) {
        return price(clusterWork(c), c, m);
    }

    /**
     * What neither sharding, optimizer nor offload change of a step.
     *
     * @param layers all of them, one micro-batch
     * @param fullest most seconds of compute that a stage has for one micro-batch
     * @param cost without overhead
     */
    public record Work(LayerCost layers, double fullest, StepCost cost) {}

    /** The part of {@link #price} that is common to layouts that differ in sharding, optimizer or offload alone. */
    public Work work(ParallelLayout c) {
        return switch (machine) {
            case Machine.Measured _ -> new Work(LayerCost.NONE, 0, price(c));
            case Machine.Cluster _ -> clusterWork(c);
        };
    }

    /** What a step takes with this layout, given the work of one that differs in sharding, optimizer or offload alone. */
    public StepCost price(Work work, ParallelLayout c) {
        return switch (machine) {
            case Machine.Measured _ -> price(c);
            case Machine.Cluster m -> price(work, c, m);
        };
    }

    private StepCost price(Work work, ParallelLayout c, Machine.Cluster m) {
        StepCost cost = work.cost.copy();
        cost.add(Term.OFFLOAD, offloaded(c, m, work.layers));
        double dense = denseWeights(c);
        double expert = expertWeights(c);
        cost.add(Term.DATA, data(c, dense, expert, work.fullest));
        cost.add(Term.OPTIMIZER, optimizer(c, m, dense, expert));
        cost.add(Term.OVERHEAD, overhead(c, cost.total()));
        return cost;
    }

    private double data(ParallelLayout c, double dense, double expert, double window) {
        return new DataTraffic(constants, software, links).seconds(c, dense, expert, window);
    }

    /**
     * Data-parallel traffic and the optimizer: what a layout's sharding costs; not known where whole steps were measured.
     *
     * @param window seconds of compute that the fullest stage has for one micro-batch; the more, the more is hidden
     */
    public double stateSeconds(ParallelLayout c, double window) {
        return switch (machine) {
            case Machine.Measured _ -> 0;
            case Machine.Cluster m -> {
                double dense = denseWeights(c);
                double expert = expertWeights(c);
                yield data(c, dense, expert, window) + optimizer(c, m, dense, expert);
            }
        };
    }

    /** Seconds on top of a step of so many: nothing where whole steps were measured. */
    public double overhead(ParallelLayout c, double seconds) {
        if (machine instanceof Machine.Measured) {
            return 0;
        }
        double straggling = constants.of(Constant.STRAGGLING) * Math.log(c.worldSize()) / Math.log(2);
        return constants.of(Constant.STEP_SECONDS) + straggling * seconds;
    }

    private Work clusterWork(ParallelLayout c) {
        int p = c.pipeline();
        Parts parts = parts(c);
        StageLayers here = new StageLayers(model, c);
        double common = c.vocabularyParallel()
                ? (parts.embedding.total() + parts.head.total()) / p
                : 0;
        StageLayers all = new StageLayers(model, c);
        double ends = 0;
        double slowest = 0;
        double lightest = Double.POSITIVE_INFINITY;
        double fullest = 0;
        for (int stage = 0; stage < p; stage++) {
            here.of(stage);
            all.add(here);
            double extra = c.vocabularyParallel() ? common : extraSeconds(c, parts, stage);
            ends += extra;
            double seconds = parts.seconds(here) + extra;
            slowest = Math.max(slowest, seconds);
            lightest = Math.min(lightest, seconds);
            fullest = Math.max(fullest, parts.computeSeconds(here));
        }
        LayerCost sum = parts.of(all);
        double transfer = transfer(c);
        // The mean of equal stages is what each takes, and not what rounding makes of it.
        double mean = slowest - lightest > 1e-12 * slowest ? (sum.total() + ends) / p : slowest;
        double each = (double) c.microBatches() / p;
        StepCost cost = new StepCost();
        cost.add(Term.COMPUTE, each * sum.compute());
        cost.add(Term.RECOMPUTE, each * sum.recompute());
        cost.add(Term.TENSOR, each * sum.tensor());
        cost.add(Term.CONTEXT, each * sum.context());
        cost.add(Term.EXPERT, each * sum.expert());
        cost.add(Term.HEAD, each * ends);
        cost.add(Term.TRANSFER, c.microBatches() * transfer);
        cost.add(Term.IMBALANCE, c.microBatches() * Math.max(0, slowest - mean));
        cost.add(Term.BUBBLE, bubbleShare(c) * (p * mean - slowest + (p - 1) * transfer));
        return new Work(sum, fullest, cost);
    }

    /** All layers, embedding and loss of one micro-batch, each computed once: the work of all stages together. */
    public LayerCost layers(ParallelLayout c) {
        Layers of = layers();
        int experts = model.expertLayers();
        LayerCost sum = of.embedding(c).plus(of.head(c));
        sum = experts > 0 ? sum.plus(of.layer(c, true).times(experts)) : sum;
        return experts < model.layers()
                ? sum.plus(of.layer(c, false).times(model.layers() - experts))
                : sum;
    }

    /** What the first stage does besides its layers. */
    public LayerCost embedding(ParallelLayout c) {
        return parts(c).embedding;
    }

    /** What the last stage does besides its layers. */
    public LayerCost head(ParallelLayout c) {
        return parts(c).head;
    }

    /** Everything that a stage does for one micro-batch, apart from transfers. */
    public LayerCost stage(ParallelLayout c, int stage) {
        Parts parts = parts(c);
        return parts.of(new StageLayers(model, c).of(stage)).plus(extra(c, parts, stage));
    }

    private static LayerCost extra(ParallelLayout c, Parts parts, int stage) {
        if (c.vocabularyParallel()) {
            return parts.embedding.plus(parts.head).times(1.0 / c.pipeline());
        }
        LayerCost extra = stage == 0 ? parts.embedding : LayerCost.NONE;
        return stage == lossStage(c) ? extra.plus(parts.head) : extra;
    }

    private static double extraSeconds(ParallelLayout c, Parts parts, int stage) {
        return (stage == 0 ? parts.embedding.total() : 0) + (stage == lossStage(c) ? parts.head.total() : 0);
    }

    private static int lossStage(ParallelLayout c) {
        return c.schedule().vShaped() ? 0 : c.pipeline() - 1;
    }

    private Parts parts(ParallelLayout c) {
        boolean selective = c.recompute().kind() == Recompute.Kind.SELECTIVE;
        Shape shape = new Shape(c.tensor(), c.context(), c.contextKind(), c.microBatch(),
                c.expert(), c.expertTensor(), c.sequenceParallel(), selective, c.precision());
        Parts known = memory.get(shape);
        if (known == null) {
            known = priceParts(c.withRecompute(selective ? Recompute.SELECTIVE : Recompute.NONE));
            memory.put(shape, known);
        }
        return known;
    }

    private Layers layers() {
        return layers.orElseThrow(
                () -> new IllegalStateException("a measured machine has no parts of layers"));
    }

    private Parts priceParts(ParallelLayout c) {
        Layers of = layers();
        ParallelLayout full = c.withRecompute(Recompute.FULL);
        boolean dense = model.expertLayers() < model.layers();
        boolean expert = model.expertLayers() > 0;
        return new Parts(
                dense ? of.layer(c, false) : LayerCost.NONE, dense ? of.layer(full, false) : LayerCost.NONE,
                expert ? of.layer(c, true) : LayerCost.NONE, expert ? of.layer(full, true) : LayerCost.NONE,
                of.embedding(c), of.head(c));
    }

    /** Share of the time to fill and drain a pipeline of one chunk per stage that the schedule leaves idle. */
    private static double bubbleShare(ParallelLayout c) {
        Schedule s = c.schedule();
        return switch (s) {
            case ONE_F_ONE_B -> 1;
            case INTERLEAVED -> 1.0 / c.chunks();
            case ZB_H1 -> 1.0 / 3;
            case ZB_H2, ZB_V -> 0;
            case V_HALF -> 0.5;
            case V_MIN -> 2.0 / 3;
            case DUAL_PIPE -> 0.25;
        };
    }

    /**
     * Activations to the next stage and gradients back, per micro-batch, as far as they are waited for; each
     * tensor-parallel rank sends its part.
     */
    private double transfer(ParallelLayout c) {
        if (c.pipeline() == 1) {
            return 0;
        }
        double tokens = (double) c.microBatch() * model.sequenceLength() / c.context();
        double bytes = tokens * model.hiddenSize() * 2 / c.tensor();
        Group stages = new Group(c.pipeline(), c.tensor() * c.context() * c.data(), links);
        int volume = c.schedule().vShaped() ? 2 : c.chunks();
        return constants.share(Constant.TRANSFER_EXPOSED) * 2 * volume * stages.neighbourSeconds(bytes);
    }

    private double denseWeights(ParallelLayout c) {
        double layers = (double) model.layers() / c.pipeline();
        double leading = (double) (model.layers() - model.expertLayers()) / model.layers();
        double perLayer = model.mixtureOfExperts()
                ? leading * model.leadingLayerParameters() + (1 - leading) * model.denseLayerParameters()
                : model.denseLayerParameters();
        return (layers * perLayer + model.embeddingParameters()) / c.tensor();
    }

    private double expertWeights(ParallelLayout c) {
        return (double) model.expertLayers() / c.pipeline() * model.expertLayerParameters()
                / c.expertTensor() / c.expert();
    }

    private double optimizer(ParallelLayout c, Machine.Cluster m, double dense, double expert) {
        boolean sharded = c.sharding().stage() > 0;
        int replicas = c.sharding().replicas();
        double weights = dense / (sharded ? (double) c.replicas() / replicas : 1)
                + expert / (sharded ? Math.max(1, (double) c.expertReplicas() / replicas) : 1);
        double bytes = UPDATE_BYTES + 2 * c.optimizer().momentBytes();
        double update = constants.of(Constant.OPTIMIZER_TRAFFIC) * bytes * weights
                / m.accelerator().memoryBandwidth();
        double orthogonal = switch (c.optimizer()) {
            case MUON -> NEWTON_SCHULZ_FLOPS * weights * Math.min(model.hiddenSize(), model.ffnHiddenSize())
                    / m.peakFlops();
            case ADAM, ADAM_8BIT, LION, LOW_RANK -> 0;
        };
        double host = c.offload().optimizer() * weights
                * (m.ranksPerNode() / HOST_UPDATES + HOST_UPDATE_BYTES / m.accelerator().hostBandwidth());
        return (1 - c.offload().optimizer()) * update + orthogonal + host;
    }

    /**
     * Activations to the host and back. What leaves must leave beside the forward pass and what comes must come beside the
     * backward pass, lest the device keep it after all.
     */
    private double offloaded(ParallelLayout c, Machine.Cluster m, LayerCost sum) {
        if (c.offload().activations() == 0) {
            return 0;
        }
        int p = c.pipeline();
        double copy = c.offload().activations() * memoryModel.activationsPerLayer(c) * model.layers() / p
                / m.accelerator().hostBandwidth();
        double backward = sum.inputGradient() + sum.weightGradient() + sum.recompute();
        return c.microBatches() * (2 * COPY_INTERFERENCE * copy + Math.max(0, copy - sum.forward() / p)
                + Math.max(0, copy - backward / p));
    }
}

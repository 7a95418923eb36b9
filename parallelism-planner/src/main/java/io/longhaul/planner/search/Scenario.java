package io.longhaul.planner.search;

import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.cost.CostModel;
import io.longhaul.planner.cost.StepCost;
import io.longhaul.planner.cost.Term;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.legal.Facts;
import io.longhaul.planner.memory.MemoryModel;
import io.longhaul.planner.memory.StageMemory;
import io.longhaul.planner.schedule.StepReplay;
import org.jspecify.annotations.Nullable;

/**
 * A part of the machine and a batch with their models. Prices and bounds are what the cost model says of a layout, with
 * terms dropped that choices still open may change: no term is negative, so that none of these bounds is too high.
 */
final class Scenario {
    /** A bound may come out higher than a price by rounding, since it adds in another order. */
    private static final double ROUNDING = 1 - 1e-12;

    final PlanRequest request;
    private final CostModel cost;
    private final MemoryModel memory;
    private volatile @Nullable Kept kept;
    private final double perSecond;
    private final double perBusySecond;

    Scenario(PlanRequest request, int spares, int wishedBatch) {
        this.request = request;
        cost = new CostModel(request.model(), request.machine(), request.software());
        memory = new MemoryModel(request.model(), request.machine(), request.software());
        int ranks = request.machine().ranks();
        double share = wishedBatch / (double) request.globalBatch();
        perSecond = share * request.goal().objective().perSecond(ranks, spares);
        perBusySecond = share * request.goal().objective().perBusySecond(ranks);
    }

    Machine machine() {
        return request.machine();
    }

    int batch() {
        return request.globalBatch();
    }

    /** For the rules; of one thread. */
    Facts facts() {
        return Facts.of(request.model(), request.machine(), request.globalBatch());
    }

    /** What recomputation and offload are allowed; the same for every part of a search. */
    Kept kept(Space space) {
        Kept known = kept;
        if (known == null) {
            known = new Kept(space, request.legality());
            kept = known;
        }
        return known;
    }

    /** Whether the degrees are those that were asked for. */
    boolean wanted(ParallelLayout c) {
        return request.fixed().isEmpty() || request.fixed().get().holds(c);
    }

    StepCost price(ParallelLayout c) {
        return cost.price(c);
    }

    /** What is to be least, for one step of the wished batch. */
    double value(StepCost step) {
        return value(step.total(), step.of(Term.COMPUTE) + step.of(Term.HEAD) + step.of(Term.RECOMPUTE));
    }

    /** The same with its schedule played through; never less. */
    double replayed(ParallelLayout c) {
        StepCost step = cost.price(c);
        double beyond = request.machine() instanceof Machine.Cluster
                ? StepReplay.beyond(cost, request.model().layers(), c)
                : 0;
        return value(step) + value(beyond, 0);
    }

    private double value(double seconds, double busySeconds) {
        return seconds * perSecond + busySeconds * perBusySecond;
    }

    /** Seconds of layers, for {@link #layersBound}. */
    LayerTable layerTable(Space space) {
        return new LayerTable(request.model(), cost, space.divisors(request.globalBatch()),
                space.mostVariants());
    }

    /**
     * Of every plan with these degrees, given what its layers take per sample: as if all stages and ranks worked all the
     * time.
     */
    double layersBound(ParallelLayout c, double seconds, double computeSeconds) {
        double samples = (double) request.globalBatch() / c.data() / c.pipeline();
        return ROUNDING * value(samples * seconds, samples * computeSeconds);
    }

    private static double workSeconds(StepCost step) {
        return step.of(Term.COMPUTE) + step.of(Term.TENSOR) + step.of(Term.CONTEXT) + step.of(Term.EXPERT);
    }

    /** Of every pipeline, sharding, recomputation and offload with these degrees, experts, micro-batch and variant. */
    double workBound(ParallelLayout c) {
        StepCost step = cost.price(c);
        return bound(step, workSeconds(step), step.of(Term.COMPUTE));
    }

    /** Of every split of the layers, sharding, recomputation and offload with this schedule and these chunks. */
    double scheduleBound(ParallelLayout c) {
        StepCost step = cost.price(c);
        return bound(step, decided(step) - step.of(Term.IMBALANCE),
                step.of(Term.COMPUTE) + step.of(Term.HEAD));
    }

    /** Of every sharding, recomputation and offload with this pipeline. */
    double pipelineBound(ParallelLayout c) {
        StepCost step = cost.price(c);
        return bound(step, decided(step), step.of(Term.COMPUTE) + step.of(Term.HEAD));
    }

    /** Of every sharding, optimizer and offload with this pipeline and at least this recomputation. */
    double recomputeBound(ParallelLayout c) {
        StepCost step = cost.price(c);
        double again = step.of(Term.RECOMPUTE);
        return bound(step, decided(step) + again, step.of(Term.COMPUTE) + step.of(Term.HEAD) + again);
    }

    /** Of every recomputation and offload of activations with this sharding, optimizer and its offload. */
    double shardingBound(ParallelLayout c) {
        return ROUNDING * value(cost.price(c));
    }

    /** What neither sharding nor recomputation nor offload change. */
    private static double decided(StepCost step) {
        return step.total() - step.of(Term.DATA) - step.of(Term.OPTIMIZER) - step.of(Term.RECOMPUTE)
                - step.of(Term.OFFLOAD) - step.of(Term.OVERHEAD);
    }

    /** Overhead is a constant and a share of the rest: of less than all it is at least as large a share as of all. */
    private double bound(StepCost step, double seconds, double busySeconds) {
        double share = step.of(Term.OVERHEAD) / (step.total() - step.of(Term.OVERHEAD));
        return ROUNDING * value(seconds * (1 + share), busySeconds);
    }

    StageMemory memory(ParallelLayout c, int stage) {
        return memory.stage(c, stage);
    }
}

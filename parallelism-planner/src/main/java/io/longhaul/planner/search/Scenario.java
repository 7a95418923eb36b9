package io.longhaul.planner.search;

import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.cost.CostModel;
import io.longhaul.planner.cost.LayerCost;
import io.longhaul.planner.cost.StepCost;
import io.longhaul.planner.cost.Term;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.legal.Facts;
import io.longhaul.planner.memory.MemoryModel;
import io.longhaul.planner.schedule.Orders;
import io.longhaul.planner.schedule.StepReplay;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A part of the machine and a batch with their models. Prices and bounds are what the cost model says of a layout, with
 * terms dropped that choices still open may change: no term is negative, so that none of these bounds is too high.
 */
final class Scenario {
    /** A bound may come out higher than a price by rounding, since it adds in another order. */
    private static final double ROUNDING = 1 - 1e-11;

    final PlanRequest request;
    private final CostModel cost;
    private final MemoryModel memory;
    private volatile @Nullable Rules rules;
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

    /** The same for every part of a search. */
    Rules rules(Space space) {
        Rules known = rules;
        if (known == null) {
            known = new Rules(space, request.legality());
            rules = known;
        }
        return known;
    }

    /** Whether the degrees are those that were asked for. */
    boolean wanted(ParallelLayout c) {
        return request.fixed().isEmpty() || request.fixed().get().holds(c);
    }

    /** What is to be least, for one step of the wished batch, with the schedule played through. */
    double replayed(ParallelLayout c) {
        return replayed(c, orders(c), Double.POSITIVE_INFINITY);
    }

    /** Of every plan with this pipeline and micro-batch. */
    Optional<Orders> orders(ParallelLayout c) {
        return request.machine() instanceof Machine.Cluster ? StepReplay.orders(c) : Optional.empty();
    }

    /** The same; infinite as soon as it is known to be above the limit. */
    double replayed(ParallelLayout c, Optional<Orders> orders, double limit) {
        StepCost step = cost.price(c);
        double closed = value(step);
        // More than the limit by more than rounding.
        double most = perSecond > 0 ? (limit / ROUNDING - closed) / perSecond : Double.POSITIVE_INFINITY;
        double beyond = StepReplay.beyond(cost, request.model().layers(), c, orders, step, most);
        return beyond == Double.POSITIVE_INFINITY ? beyond : rounded(closed + value(beyond, 0));
    }

    /** To so many digits that those of layouts that cost the same are equal. */
    private static double rounded(double value) {
        double unit = Math.ulp(value) * (1L << 14);
        return Math.floor(value / unit) * unit;
    }

    /** By the closed form, which is no more than what playing the schedule through finds. */
    double closedBound(ParallelLayout c) {
        return ROUNDING * value(cost.price(c));
    }

    private double value(StepCost step) {
        return value(step.total(), step.of(Term.COMPUTE) + step.of(Term.HEAD) + step.of(Term.RECOMPUTE));
    }

    private double value(double seconds, double busySeconds) {
        return seconds * perSecond + busySeconds * perBusySecond;
    }

    /** For {@link #expertsBound}. */
    LayerTable layerTable(Space space) {
        return new LayerTable(cost, space);
    }

    /** Of every plan with these degrees and experts: as if all stages and ranks worked all the time. */
    double expertsBound(ParallelLayout c, LayerTable.Least perSample) {
        return layersBound(c, perSample.seconds(), perSample.computeSeconds());
    }

    /** Of every plan with these degrees, experts, micro-batch and variant. */
    double layersBound(ParallelLayout c) {
        LayerCost layers = cost.layers(c);
        return layersBound(c, layers.total() / c.microBatch(), layers.compute() / c.microBatch());
    }

    private double layersBound(ParallelLayout c, double seconds, double computeSeconds) {
        double samples = (double) request.globalBatch() / c.data() / c.pipeline();
        return bound(c, samples * seconds, samples * computeSeconds);
    }

    /** Of every split of the layers, sharding, recomputation and offload with this schedule and these chunks. */
    double scheduleBound(ParallelLayout c) {
        StepCost step = cost.work(c).cost();
        return bound(c, decided(step) - step.of(Term.IMBALANCE), busy(step));
    }

    /** For the bounds of this pipeline and split. */
    CostModel.Work work(ParallelLayout c) {
        return cost.work(c);
    }

    /** Seconds that this sharding costs at least, on stages that compute no longer than so. */
    double stateSeconds(ParallelLayout c, double window) {
        return cost.stateSeconds(c, window);
    }

    /** Of every recomputation and offload with this pipeline and split, and of every sharding that costs so much. */
    double pipelineBound(CostModel.Work work, ParallelLayout c, double stateSeconds) {
        return bound(c, decided(work.cost()) + stateSeconds, busy(work.cost()));
    }

    /**
     * Of every offload with this pipeline and at least this recomputation, and of every sharding that costs so much.
     *
     * @param window of the sharding's costs: what is computed again can hide more
     */
    double recomputeBound(ParallelLayout c, double stateSeconds, double window) {
        CostModel.Work work = cost.work(c);
        double again = work.cost().of(Term.RECOMPUTE);
        double hidden = c.microBatches() * Math.max(0, work.fullest() - window);
        return bound(
                c, decided(work.cost()) + again + Math.max(0, stateSeconds - hidden),
                busy(work.cost()) + again);
    }

    /** Of every recomputation and offload of activations with this sharding, optimizer and its offload. */
    double shardingBound(CostModel.Work work, ParallelLayout c) {
        return ROUNDING * value(cost.price(work, c));
    }

    private static double busy(StepCost step) {
        return step.of(Term.COMPUTE) + step.of(Term.HEAD);
    }

    /** What neither sharding nor recomputation nor offload change. */
    private static double decided(StepCost step) {
        return step.total() - step.of(Term.DATA) - step.of(Term.OPTIMIZER) - step.of(Term.RECOMPUTE)
                - step.of(Term.OFFLOAD) - step.of(Term.OVERHEAD);
    }

    private double bound(ParallelLayout c, double seconds, double busySeconds) {
        return ROUNDING * value(seconds + cost.overhead(c, seconds), busySeconds);
    }

    MemoryModel memory() {
        return memory;
    }
}

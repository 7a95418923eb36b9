package io.longhaul.planner.explain;

import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.memory.StageMemory;
import io.longhaul.planner.search.Plan;
import io.longhaul.planner.search.PlanRequest;
import io.longhaul.planner.search.Planner;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.DoubleFunction;

/** What would have to be otherwise for another plan to win. */
public final class Sensitivity {
    /** Links are varied from a sixteenth to sixteen times their speed. */
    private static final double REACH = Math.log(16);
    private static final int GRID = 64;

    private Sensitivity() {}

    /**
     * What is best if one circumstance is otherwise.
     *
     * @param best plan under the change; empty if nothing fits
     * @param kept today's plan under the change, if it still can be run
     */
    public record Outcome(Change change, Optional<Plan> best, Optional<Plan> kept) {
        /** Whether the present plan stays the best, apart from the micro-batches that follow from the batch. */
        public boolean same() {
            return best.isPresent() && kept.isPresent() && best.get().layout().equals(kept.get().layout());
        }

        /** What keeping the present plan costs, over the best step; 0 if it is best, infinite if it cannot be kept. */
        public double loss() {
            return best.isEmpty() || kept.isEmpty()
                    ? Double.POSITIVE_INFINITY
                    : Math.max(0, kept.get().stepSeconds() / best.get().stepSeconds() - 1);
        }
    }

    /** Every change that can be told of the request, planned anew. */
    public static List<Outcome> outcomes(PlanRequest request, Plan chosen) {
        List<Outcome> outcomes = new ArrayList<>();
        for (Change change : Change.values()) {
            change.of(request)
                    .ifPresent(
                            other -> outcomes.add(
                                    new Outcome(change, Planner.plan(other).best(),
                                            kept(other, chosen.layout()))));
        }
        return outcomes;
    }

    /** The layout on another machine or batch, if it fits there: data-parallel degree and micro-batches follow. */
    private static Optional<Plan> kept(PlanRequest request, ParallelLayout c) {
        int share = c.worldSize() / c.data();
        int ranks = request.machine().ranks();
        int data = ranks / share;
        if (ranks % share != 0 || request.globalBatch() % (data * c.microBatch()) != 0) {
            return Optional.empty();
        }
        int microBatches = request.globalBatch() / data / c.microBatch();
        ParallelLayout same = new ParallelLayout(
                c.tensor(), c.context(), c.pipeline(), data, c.expert(), c.expertTensor(), c.schedule(),
                c.chunks(), c.split(), c.vocabularyParallel(), c.sequenceParallel(), c.contextKind(),
                c.sharding(),
                c.recompute(), c.offload(), c.precision(), c.optimizer(), c.microBatch(), microBatches);
        Plan plan = Planner.price(request, same);
        return plan.memory().stream().anyMatch(s -> s.verdict() == StageMemory.Verdict.NO)
                ? Optional.empty()
                : Optional.of(plan);
    }

    /** Which links. */
    public enum Links {
        BETWEEN_NODES, WITHIN_NODES
    }

    /** @param factor on the speed of links from which on, towards 1, the other plan is no longer faster */
    public record BreakEven(Links links, double factor) {}

    /**
     * The smallest change of one kind of link with which the other layout is as fast as the chosen one.
     *
     * @return empty if it is not within a sixteenth to sixteen times the speed, or on a machine without such links
     */
    public static Optional<BreakEven> breakEven(PlanRequest request, Plan chosen, Plan other, Links links) {
        if (!(request.machine() instanceof Machine.Cluster machine)
                || (links == Links.BETWEEN_NODES ? machine.nodes() : machine.ranksPerNode()) == 1) {
            return Optional.empty();
        }
        DoubleFunction<Double> lead = log -> {
            Machine.Cluster changed = links == Links.BETWEEN_NODES
                    ? Change.links(machine, 1, Math.exp(log))
                    : Change.links(machine, Math.exp(log), 1);
            PlanRequest there = request.on(changed, request.globalBatch());
            return Planner.price(there, chosen.layout()).stepSeconds()
                    - Planner.price(there, other.layout()).stepSeconds();
        };
        if (lead.apply(0) > 0) {
            return Optional.empty();
        }
        for (int i = 1; i <= GRID; i++) {
            for (int way : new int[]{-1, 1}) {
                double log = way * REACH * i / GRID;
                if (lead.apply(log) >= 0) {
                    return Optional
                            .of(new BreakEven(links, Math.exp(root(lead, log - way * REACH / GRID, log))));
                }
            }
        }
        return Optional.empty();
    }

    private static double root(DoubleFunction<Double> lead, double negative, double positive) {
        double low = negative;
        double high = positive;
        for (int i = 0; i < 30; i++) {
            double middle = (low + high) / 2;
            if (lead.apply(middle) >= 0) {
                high = middle;
            } else {
                low = middle;
            }
        }
        return high;
    }
}

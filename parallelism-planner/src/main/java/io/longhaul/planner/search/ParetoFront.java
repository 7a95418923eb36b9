package io.longhaul.planner.search;

import io.longhaul.planner.cluster.Machine;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * Plans of which none is beaten in everything: the goal's figure, memory of the fullest rank, number of ranks. Each is the
 * best of those that need no more memory on as many ranks, as far as a search of limited length finds it; between two plans
 * the memory falls by a quarter at least, and the ranks halve, down to an eighth, so that the front is a choice of its
 * points.
 */
public final class ParetoFront {
    /** Share of memory by which each plan needs less than the one before. */
    private static final double STEP = 1.0 / 4;

    private static final int LEAST_PART = 8;
    /** Of a point: the whole front is to take no longer than a few plans. */
    private static final SearchControl SHORT = SearchControl.PLAIN.withMostEvaluations(40_000);

    private ParetoFront() {}

    /** @param value the goal's figure for one step of the wished batch */
    public record Point(Plan plan, double value, int ranks) {
        private boolean beats(Point other) {
            return value <= other.value && plan.peakBytes() <= other.plan.peakBytes() && ranks <= other.ranks;
        }
    }

    /** Most ranks first, of as many the best first. */
    public static List<Point> of(PlanRequest request) {
        List<Point> points = new ArrayList<>();
        for (Machine part : halves(request)) {
            PlanRequest here = request.on(part, request.globalBatch())
                    .withGoal(request.goal().withParts(false).withAlternatives(0));
            double mostBytes = Double.POSITIVE_INFINITY;
            for (Optional<Point> next = point(here, mostBytes); next
                    .isPresent(); next = point(here, mostBytes)) {
                points.add(next.get());
                mostBytes = (1 - STEP) * next.get().plan().peakBytes();
            }
        }
        return points.stream()
                .filter(p -> points.stream().noneMatch(other -> other != p && other.beats(p)))
                .sorted(Comparator.comparingInt(Point::ranks).reversed().thenComparingDouble(Point::value))
                .toList();
    }

    private static Optional<Point> point(PlanRequest request, double mostBytes) {
        PlanResult result = Planner.plan(request, SHORT, mostBytes);
        Certificate found = result.certificate();
        return result.best()
                .map(p -> new Point(p, found.bound() / (1 - found.gap()), p.layout().worldSize()));
    }

    private static List<Machine> halves(PlanRequest request) {
        List<Machine> all = new ArrayList<>(List.of(request.machine()));
        if (request.goal().parts() && request.machine() instanceof Machine.Cluster cluster) {
            int least = Math.max(1, cluster.nodes() / LEAST_PART);
            for (int nodes = cluster.nodes() / 2; nodes >= least; nodes /= 2) {
                all.add(cluster.withNodes(nodes));
            }
        }
        return all;
    }
}

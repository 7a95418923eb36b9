package io.longhaul.planner.search;

import io.longhaul.planner.cluster.Machine;
import java.util.ArrayList;
import java.util.List;

/** The parts of the machine and the batches that a request leaves open. */
final class Scenarios {
    private Scenarios() {}

    static List<Scenario> of(PlanRequest request) {
        List<Scenario> all = new ArrayList<>();
        for (Machine part : parts(request)) {
            int spares = request.machine().ranks() - part.ranks();
            for (int batch : batches(request)) {
                all.add(new Scenario(request.on(part, batch), spares, request.globalBatch()));
            }
        }
        return all;
    }

    /** The whole first. */
    private static List<Machine> parts(PlanRequest request) {
        List<Machine> all = new ArrayList<>(List.of(request.machine()));
        if (request.goal().parts() && request.fixed().filter(PlanRequest.Fixed::whole).isEmpty()
                && request.machine() instanceof Machine.Cluster cluster) {
            for (int nodes = cluster.nodes() - 1; nodes >= 1; nodes--) {
                all.add(cluster.withNodes(nodes));
            }
            for (int ranks = cluster.ranksPerNode() - 1; ranks >= 1; ranks--) {
                all.add(cluster.withinNode(ranks));
            }
        }
        return all;
    }

    /** Multiples of the wished batch by powers of two, as far as tokens are not wasted. */
    private static List<Integer> batches(PlanRequest request) {
        List<Integer> all = new ArrayList<>(List.of(request.globalBatch()));
        long most = request.goal().criticalBatch().orElse(0);
        for (long batch = 2L * request.globalBatch(); batch <= most; batch *= 2) {
            all.add((int) batch);
        }
        return all;
    }
}

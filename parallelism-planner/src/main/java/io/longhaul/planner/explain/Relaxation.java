package io.longhaul.planner.explain;

import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.search.PlanRequest;
import io.longhaul.planner.search.Planner;
import java.util.OptionalInt;

/** What would let a run be planned that cannot be. */
public final class Relaxation {
    private static final int DOUBLINGS = 8;

    private Relaxation() {}

    /** The smallest doubling of the nodes on which a plan exists; empty if none of 256 times as many does. */
    public static OptionalInt nodes(PlanRequest request) {
        if (request.machine() instanceof Machine.Cluster cluster && request.fixed().isEmpty()) {
            for (int i = 1; i <= DOUBLINGS && cluster.nodes() < Integer.MAX_VALUE >> i + 10; i++) {
                Machine larger = cluster.withNodes(cluster.nodes() << i);
                PlanRequest there = request.on(larger, request.globalBatch());
                if (Planner.plan(there).best().isPresent()) {
                    return OptionalInt.of(larger.nodes());
                }
            }
        }
        return OptionalInt.empty();
    }
}

package io.longhaul.orchestrator.launch;

import io.longhaul.monitor.health.HealthEvent;
import java.util.List;

/**
 * What a backend sees of one attempt's node, independently of what the agent says.
 *
 * @param node index of the node within the attempt
 * @param detail what was seen, for people
 * @param place where the node is in the fabric, from the widest part that it belongs to down to its own name; empty if
 *     that is not known
 * @param troubles what the world says of the health of the node's machine
 */
public record WorkloadObservation(
        AttemptKey key,
        int node,
        Presence presence,
        String detail,
        List<String> place,
        List<HealthEvent> troubles) {
    public WorkloadObservation {
        place = List.copyOf(place);
        troubles = List.copyOf(troubles);
    }

    /** Of a node whose place is not known. */
    public WorkloadObservation(AttemptKey key, int node, Presence presence, String detail) {
        this(key, node, presence, detail, List.of(), List.of());
    }

    /**
     * {@code PENDING} has not run yet, {@code detail} says why if something is in the way. {@code UNKNOWN} is never a
     * failure by itself. {@code LOST}: the world has given its node up, its processes may live; no failure either,
     * until its agent is silent as well.
     */
    public enum Presence {
        PENDING, RUNNING, GONE, UNKNOWN, LOST
    }
}

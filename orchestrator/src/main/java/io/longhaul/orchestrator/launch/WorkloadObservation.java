package io.longhaul.orchestrator.launch;

/**
 * What a backend sees of one attempt's node, independently of what the agent says.
 *
 * @param node index of the node within the attempt
 * @param detail what was seen, for people
 */
public record WorkloadObservation(AttemptKey key, int node, Presence presence, String detail) {
    /**
     * {@code PENDING} has not run yet, {@code detail} says why if something is in the way. {@code UNKNOWN} is never a
     * failure by itself. {@code LOST}: the world has given its node up, its processes may live; no failure either,
     * until its agent is silent as well.
     */
    public enum Presence {
        PENDING, RUNNING, GONE, UNKNOWN, LOST
    }
}

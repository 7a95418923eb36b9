package io.longhaul.orchestrator.launch;

/**
 * What a backend sees of one attempt's node, independently of what the agent says.
 *
 * @param node index of the node within the attempt
 * @param detail what was seen, for people
 */
public record WorkloadObservation(AttemptKey key, int node, Presence presence, String detail) {
    /** {@code UNKNOWN} is never a failure by itself. */
    public enum Presence {
        RUNNING, GONE, UNKNOWN
    }
}

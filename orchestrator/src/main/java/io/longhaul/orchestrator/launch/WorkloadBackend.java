package io.longhaul.orchestrator.launch;

import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;

/**
 * Creates and removes the agents of an attempt somewhere: processes of this machine, pods, a simulation.
 *
 * <p>Every call is idempotent and may be repeated after a crash of the service; names are functions of the
 * {@link AttemptKey}. A backend never restarts anything by itself. {@code WorkloadBackendContract} in the
 * tests holds for each implementation.
 */
public interface WorkloadBackend {

    /** Whether agents outlive the attempt that they were made for, and go on with the next one. */
    default boolean keepsAgents() {
        return false;
    }

    /**
     * Makes the agents of the attempt exist, but for those that are kept.
     *
     * @throws BlockedException if the world cannot do it now, with the cause and what to do; nothing half-made remains
     * @throws LaunchException if it never will
     */
    void create(AttemptLaunch launch);

    /** One observation per node of every attempt that this backend has created and not deleted. */
    List<WorkloadObservation> observe();

    /** Those of one run. */
    default List<WorkloadObservation> observe(UUID run) {
        return observe().stream().filter(seen -> seen.key().run().equals(run)).toList();
    }

    /** Whether {@link #observe()} names all there is, so that an attempt that it does not name was removed by others. */
    default boolean seesAll() {
        return false;
    }

    /**
     * What there is for runs to use.
     *
     * @throws BlockedException if the world cannot be asked now
     */
    default List<Capability> capabilities() {
        return List.of();
    }

    /**
     * Names of the machines that the attempt's nodes run on, by node, as {@link AttemptLaunch#avoid} takes them; empty
     * where one machine cannot be told from another, or none has a node yet.
     */
    default SortedMap<Integer, String> machines(AttemptKey key) {
        return new TreeMap<>();
    }

    /**
     * Ends every process that was made for the attempt at once, also unreachable ones; returns when none is left.
     *
     * @throws BlockedException if some are left, with what is waited for; it is to be repeated
     */
    void fence(AttemptKey key);

    /**
     * Ends the processes of some nodes only, for good; the others go on.
     *
     * @throws BlockedException if some are left, with what is waited for; it is to be repeated
     */
    default void endNodes(AttemptKey key, NodeSet nodes) {
        throw new UnsupportedOperationException("agents are not kept here");
    }

    /** Removes what {@link #create} left behind; the attempt must be fenced or gone. */
    void delete(AttemptKey key);
}

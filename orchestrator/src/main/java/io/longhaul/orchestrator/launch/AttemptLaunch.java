package io.longhaul.orchestrator.launch;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The immutable description of one attempt: what every node's agent is to start.
 *
 * @param epoch fencing number of the controller that decided on this attempt
 * @param nodes agents, one per node
 * @param ranksPerNode worker processes per node; {@code worldSize = nodes * ranksPerNode}
 * @param command program and arguments of a rank; ranks differ by environment only
 * @param environment variables beyond the contract that the agent itself writes
 * @param resumeStep checkpoint to start from, 0 for none
 * @param pods what the pods are made of; empty where agents are no pods
 * @param avoid machines, by the names that the backend knows them by, that no new agent is to run on
 * @param kept nodes whose agents live on, by the attempt that they were made for; all others are made for this one
 */
public record AttemptLaunch(
        AttemptKey key,
        long epoch,
        int nodes,
        int ranksPerNode,
        List<String> command,
        Map<String, String> environment,
        long resumeStep,
        Optional<PodTemplate> pods,
        List<String> avoid,
        SortedMap<Integer, NodeSet> kept) {
    public AttemptLaunch {
        command = List.copyOf(command);
        environment = Map.copyOf(environment);
        // Attempts that were stored before machines were remembered say nothing.
        avoid = avoid == null ? List.of() : List.copyOf(avoid);
        kept = kept == null
                ? Collections.emptySortedMap()
                : Collections.unmodifiableSortedMap(new TreeMap<>(kept));
    }

    /** Of an attempt that may run on any machine. */
    public AttemptLaunch(
            AttemptKey key,
            long epoch,
            int nodes,
            int ranksPerNode,
            List<String> command,
            Map<String, String> environment,
            long resumeStep,
            Optional<PodTemplate> pods) {
        this(key, epoch, nodes, ranksPerNode, command, environment, resumeStep, pods, List.of(),
                Collections.emptySortedMap());
    }

    /** Of an attempt whose agents are no pods. */
    public AttemptLaunch(
            AttemptKey key,
            long epoch,
            int nodes,
            int ranksPerNode,
            List<String> command,
            Map<String, String> environment,
            long resumeStep) {
        this(key, epoch, nodes, ranksPerNode, command, environment, resumeStep, Optional.empty());
    }

    /** Nodes whose agents are made for this attempt. */
    public NodeSet made() {
        NodeSet rest = NodeSet.first(nodes);
        for (NodeSet others : kept.values()) {
            rest = rest.without(others);
        }
        return rest;
    }

    /** All nodes, by the attempt that their agents were made for. */
    public Map<AttemptKey, NodeSet> agents() {
        Map<AttemptKey, NodeSet> agents = new LinkedHashMap<>();
        kept.forEach((attempt, those) -> agents.put(new AttemptKey(key.run(), attempt), those));
        if (!made().isEmpty()) {
            agents.put(key, made());
        }
        return agents;
    }

    public int worldSize() {
        return Math.multiplyExact(nodes, ranksPerNode);
    }
}

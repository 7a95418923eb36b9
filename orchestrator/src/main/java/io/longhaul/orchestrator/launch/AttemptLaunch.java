package io.longhaul.orchestrator.launch;

import java.util.List;
import java.util.Map;
import java.util.Optional;

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
 * @param avoid machines, by the names that the backend knows them by, that no agent is to run on
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
        List<String> avoid) {
    public AttemptLaunch {
        command = List.copyOf(command);
        environment = Map.copyOf(environment);
        // Attempts that were stored before machines were remembered say nothing.
        avoid = avoid == null ? List.of() : List.copyOf(avoid);
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
        this(key, epoch, nodes, ranksPerNode, command, environment, resumeStep, pods, List.of());
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

    public int worldSize() {
        return Math.multiplyExact(nodes, ranksPerNode);
    }
}

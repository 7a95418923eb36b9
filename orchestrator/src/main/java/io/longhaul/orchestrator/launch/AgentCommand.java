package io.longhaul.orchestrator.launch;

import java.util.List;
import java.util.Map;

/**
 * What the service asks of the agent of one node. Delivered with each answer to the agent's {@code sync} until it is
 * acknowledged. The agent obeys it once per {@code id}, unless it has obeyed one of a newer epoch before.
 */
public sealed interface AgentCommand {
    String id();

    long epoch();

    /** The same command from another controller. */
    default AgentCommand with(long newEpoch) {
        return switch (this) {
            case Start c -> new Start(c.id, newEpoch, c.command, c.environment, c.nodes, c.nodeRank,
                    c.ranksPerNode,
                    c.masterAddress, c.masterPort, c.resumeStep);
            case Drain c -> new Drain(c.id, newEpoch, c.graceSeconds);
            case Stop c -> new Stop(c.id, newEpoch);
        };
    }

    /**
     * Start this node's ranks.
     *
     * @param nodeRank place of this node in the order of ranks: its first is {@code nodeRank * ranksPerNode}
     */
    record Start(
            String id,
            long epoch,
            List<String> command,
            Map<String, String> environment,
            int nodes,
            int nodeRank,
            int ranksPerNode,
            String masterAddress,
            int masterPort,
            long resumeStep)
            implements
                AgentCommand {}

    /** SIGTERM to every rank: checkpoint and leave; SIGKILL after the grace. */
    record Drain(String id, long epoch, double graceSeconds) implements AgentCommand {}

    /** SIGKILL to every rank; the agent then reports and leaves. */
    record Stop(String id, long epoch) implements AgentCommand {}
}

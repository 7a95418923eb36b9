package io.longhaul.orchestrator.rehearsal;

import io.longhaul.orchestrator.launch.AgentCommand;
import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.run.RunStore.Answer;
import io.longhaul.orchestrator.telemetry.AgentRecord;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;

/** A node's agent (worker/longhaul_agent), behind a network that loses, delays and repeats. */
final class SimulatedAgent {
    /** Small, so that a backlog takes several messages. */
    private static final int BATCH = 40;
    private static final double SYNC_SECONDS = 0.3;
    private static final double BACK_OFF_SECONDS = 2;
    private static final double SIBLING_GRACE_SECONDS = 3;

    @FunctionalInterface
    interface Draft {
        AgentRecord numbered(long seq, Instant at);
    }

    private final SimulatedCluster cluster;
    private final AttemptKey attempt;
    private final int node;
    private final Duration skew;
    private final SimulatedTraining training;
    private final List<AgentRecord> everything = new ArrayList<>();
    private final Set<String> obeyed = new HashSet<>();
    private final Map<Integer, Integer> exits = new HashMap<>();
    private List<String> done = new ArrayList<>();
    private long acknowledged;
    private long epoch;
    private boolean alive = true;
    private boolean frozen;
    private boolean reachable = true;
    private boolean started;
    private boolean draining;
    private boolean stopping;
    private boolean finished;

    SimulatedAgent(SimulatedCluster cluster, AttemptKey attempt, int node, long epoch, Duration skew,
            SimulatedTraining training) {
        this.cluster = cluster;
        this.attempt = attempt;
        this.node = node;
        this.epoch = epoch;
        this.skew = skew;
        this.training = training;
        report((seq, at) -> new AgentRecord.Registered(seq, at, "node-" + node, 1, 29500));
        cluster.in(cluster.between(0.1, 1.5), this::sync);
    }

    boolean alive() {
        return alive;
    }

    boolean reachable() {
        return reachable && !frozen;
    }

    /** Everything it ever reported, in order. */
    List<AgentRecord> everything() {
        return everything;
    }

    void report(Draft draft) {
        if (alive) {
            everything.add(draft.numbered(everything.size() + 1, cluster.now().plus(skew)));
        }
    }

    void freeze(boolean on) {
        frozen = on;
    }

    void partition(boolean on) {
        reachable = !on;
    }

    /** The agent dies and its ranks with it. */
    void die() {
        if (alive) {
            alive = false;
            training.nodeLost(node);
        }
    }

    /** Fenced: agent and ranks end at once, whatever state they are in. */
    void fence() {
        alive = false;
        training.end();
    }

    void rankExited(int rank, OptionalInt code, OptionalInt signal) {
        if (!alive || exits.containsKey(rank)) {
            return;
        }
        report((seq, at) -> new AgentRecord.RankExited(seq, at, rank, code, signal));
        exits.put(rank, code.orElse(-9));
        if (exits.size() == training.ranksOf(node).size()) {
            finish(exits.values().stream().allMatch(c -> c == 0)
                    ? "completed"
                    : stopping
                            ? "stopped"
                            : draining && exits.values().stream().allMatch(c -> c == 0 || c == 143)
                                    ? "drained"
                                    : "failed");
        } else if (code.orElse(-9) != 0) {
            cluster.in(SIBLING_GRACE_SECONDS, this::killRanks);
        }
    }

    private void killRanks() {
        training.ranksOf(node).forEach(training::kill);
    }

    private void finish(String reason) {
        if (!finished) {
            finished = true;
            report((seq, at) -> new AgentRecord.AllExited(seq, at, reason, OptionalLong.empty()));
        }
    }

    private void sync() {
        if (!alive) {
            return;
        }
        if (finished && acknowledged == everything.size() && !frozen && !cluster.keepsAgents()) {
            alive = false;
            return;
        }
        cluster.in(exchange() ? SYNC_SECONDS : BACK_OFF_SECONDS, this::sync);
    }

    /** One message and its answer; false if the service did not answer. */
    private boolean exchange() {
        if (!reachable() || cluster.chance(0.03)) {
            return false;
        }
        List<AgentRecord> batch = List.copyOf(everything.subList((int) acknowledged,
                (int) Math.min(everything.size(), acknowledged + BATCH)));
        Instant until = acknowledged + batch.size() == everything.size()
                ? cluster.now().plus(skew)
                : batch.getLast().at();
        List<String> told = done;
        if (cluster.chance(0.03)) {
            // A proxy keeps a copy and delivers it again, too late.
            cluster.in(cluster.between(0.5, 20), () -> cluster.deliver(attempt, node, told, batch, until));
        }
        Optional<Answer> answer = cluster.deliver(attempt, node, told, batch, until);
        if (answer.isEmpty() || cluster.chance(0.03)) {
            return false;
        }
        switch (answer.get()) {
            case Answer.Accepted a -> {
                acknowledged = Math.max(acknowledged, a.stored());
                done = new ArrayList<>();
                a.commands().forEach(this::obey);
                epoch = Math.max(epoch, a.epoch());
            }
            case Answer.Ended a -> {
                if (a.next().isPresent()) {
                    return goOn(new AttemptKey(attempt.run(), a.next().getAsInt()));
                }
                leave();
            }
            case Answer.Unknown a -> leave();
        }
        return true;
    }

    /** The same pod with a new agent, for the next attempt; false if the service was quicker than what it does. */
    private boolean goOn(AttemptKey next) {
        if (cluster.training(next).isEmpty()) {
            return false;
        }
        leave();
        cluster.goesOn(attempt, node, next,
                new SimulatedAgent(cluster, next, node, epoch, skew, cluster.training(next).get()));
        return true;
    }

    private void leave() {
        alive = false;
        training.nodeLost(node);
    }

    private void obey(AgentCommand command) {
        done.add(command.id());
        if (!obeyed.add(command.id()) || command.epoch() < epoch) {
            return;
        }
        switch (command) {
            case AgentCommand.Start c -> start();
            case AgentCommand.Drain c -> drain(c.graceSeconds());
            case AgentCommand.Stop c -> {
                stopping = true;
                if (started) {
                    killRanks();
                } else {
                    finish("stopped");
                }
            }
        }
    }

    private void start() {
        if (started || stopping) {
            return;
        }
        started = true;
        cluster.requireNoOtherTraining(attempt);
        training.ranksOf(node)
                .forEach(rank -> report((seq, at) -> new AgentRecord.RankStarted(seq, at, rank, 100)));
        training.nodeStarted(node);
    }

    private void drain(double graceSeconds) {
        draining = true;
        if (started) {
            training.drain();
            cluster.in(graceSeconds, this::killRanks);
        } else {
            stopping = true;
            finish("stopped");
        }
    }
}

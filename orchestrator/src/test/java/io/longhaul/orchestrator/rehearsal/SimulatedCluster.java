package io.longhaul.orchestrator.rehearsal;

import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.launch.AttemptLaunch;
import io.longhaul.orchestrator.launch.LaunchException;
import io.longhaul.orchestrator.launch.NodeSet;
import io.longhaul.orchestrator.launch.WorkloadBackend;
import io.longhaul.orchestrator.launch.WorkloadObservation;
import io.longhaul.orchestrator.launch.WorkloadObservation.Presence;
import io.longhaul.orchestrator.run.RunStore.Answer;
import io.longhaul.orchestrator.telemetry.AgentRecord;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.UUID;

/** Nodes, agents, ranks, storage and data of one run in virtual time; knows the truth that the service has to find out. */
final class SimulatedCluster implements WorkloadBackend {
    /** Samples {@code [first, end)}. */
    record Shard(String name, long first, long end) {}

    /** @param corruptShard index of the shard that is noise, or -1 */
    record Workload(
            long totalSteps,
            int globalBatch,
            int checkpointEvery,
            double stepSeconds,
            int shardSamples,
            int corruptShard,
            long notFiniteStep) {}

    private record NodeKey(AttemptKey attempt, int node) {}

    private final VirtualTime time;
    private final SplittableRandom random;
    private final Workload workload;
    private final Storage storage = new Storage();
    private final Map<NodeKey, SimulatedAgent> agents = new HashMap<>();
    /** The agent that lives in each pod now, by the attempt that the pod was made for. */
    private final Map<NodeKey, SimulatedAgent> pods = new LinkedHashMap<>();
    private final boolean keeps;
    private final Map<AttemptKey, SimulatedTraining> trainings = new TreeMap<>(
            java.util.Comparator.comparingInt(AttemptKey::attempt));
    private final Set<AttemptKey> deleted = new HashSet<>();
    private Runnable betweenNodes = () -> {
    };
    private SimulatedService service;
    private int refusals;

    SimulatedCluster(VirtualTime time, SplittableRandom random, Workload workload, int refusals,
            boolean keeps) {
        this.time = time;
        this.random = random;
        this.workload = workload;
        this.refusals = refusals;
        this.keeps = keeps;
    }

    void connect(SimulatedService to, Runnable between) {
        service = to;
        betweenNodes = between;
    }

    @Override
    public void create(AttemptLaunch launch) {
        if (refusals > 0) {
            refusals--;
            throw new LaunchException("no node is free");
        }
        deleted.remove(launch.key());
        SimulatedTraining training = trainings.computeIfAbsent(launch.key(),
                key -> new SimulatedTraining(this, launch));
        for (int node : launch.made()) {
            betweenNodes.run();
            NodeKey key = new NodeKey(launch.key(), node);
            if (!agents.containsKey(key)) {
                SimulatedAgent agent = new SimulatedAgent(this, launch.key(), node, launch.epoch(),
                        Duration.ofMillis((long) between(-2000, 2000)), training);
                agents.put(key, agent);
                pods.put(key, agent);
            }
        }
    }

    @Override
    public List<WorkloadObservation> observe() {
        List<WorkloadObservation> seen = new ArrayList<>();
        pods.forEach((key, agent) -> {
            if (!deleted.contains(key.attempt())) {
                Presence presence = !agent.alive()
                        ? Presence.GONE
                        : agent.reachable() ? Presence.RUNNING : Presence.UNKNOWN;
                seen.add(new WorkloadObservation(key.attempt(), key.node(), presence, presence.name()));
            }
        });
        return seen;
    }

    @Override
    public boolean keepsAgents() {
        return keeps;
    }

    /** The agent of a pod goes on with another attempt. */
    void goesOn(AttemptKey last, int node, AttemptKey next, SimulatedAgent agent) {
        SimulatedAgent before = agent(last, node);
        agents.put(new NodeKey(next, node), agent);
        pods.replaceAll((key, present) -> present == before ? agent : present);
    }

    private List<SimulatedAgent> inPods(AttemptKey key) {
        return pods.entrySet()
                .stream()
                .filter(e -> e.getKey().attempt().equals(key))
                .map(Map.Entry::getValue)
                .toList();
    }

    /** Whether a pod that the attempt is to use is dead. */
    boolean anyPodDead(AttemptLaunch launch) {
        return launch.agents()
                .entrySet()
                .stream()
                .anyMatch(made -> made.getValue().numbers().stream().anyMatch(node -> {
                    SimulatedAgent agent = pods.get(new NodeKey(made.getKey(), node));
                    return agent == null || !agent.alive();
                }));
    }

    @Override
    public void endNodes(AttemptKey key, NodeSet nodes) {
        nodes.forEach(node -> Optional.ofNullable(pods.get(new NodeKey(key, node)))
                .ifPresent(SimulatedAgent::fence));
    }

    @Override
    public void fence(AttemptKey key) {
        inPods(key).forEach(SimulatedAgent::fence);
    }

    @Override
    public void delete(AttemptKey key) {
        if (inPods(key).stream().anyMatch(SimulatedAgent::alive)) {
            throw new AssertionError(key + " deleted while agents live");
        }
        deleted.add(key);
    }

    List<SimulatedAgent> agentsOf(AttemptKey key) {
        return agents.entrySet()
                .stream()
                .filter(e -> e.getKey().attempt().equals(key))
                .map(Map.Entry::getValue)
                .toList();
    }

    /** Every agent that ever was, by attempt and node. */
    void forEachAgent(AgentVisitor visitor) {
        agents.forEach((key, agent) -> visitor.visit(key.attempt(), key.node(), agent));
    }

    @FunctionalInterface
    interface AgentVisitor {
        void visit(AttemptKey attempt, int node, SimulatedAgent agent);
    }

    SimulatedAgent agent(AttemptKey attempt, int node) {
        return java.util.Objects.requireNonNull(agents.get(new NodeKey(attempt, node)));
    }

    Optional<SimulatedTraining> training(AttemptKey attempt) {
        return Optional.ofNullable(trainings.get(attempt));
    }

    /** The training whose ranks live, if any. */
    Optional<Map.Entry<AttemptKey, SimulatedTraining>> live() {
        return trainings.entrySet().stream().filter(e -> e.getValue().alive()).findFirst();
    }

    void requireNoOtherTraining(AttemptKey starting) {
        trainings.forEach((key, training) -> {
            if (!key.equals(starting) && training.alive()) {
                throw new AssertionError(starting + " starts while ranks of " + key + " live");
            }
        });
    }

    Optional<Answer> deliver(AttemptKey attempt, int node, List<String> done, List<AgentRecord> records,
            Instant until) {
        return service.receive(attempt, node, done, records, until);
    }

    Storage storage() {
        return storage;
    }

    Instant now() {
        return time.now();
    }

    void in(double seconds, Runnable action) {
        time.in(seconds, action);
    }

    double between(double low, double high) {
        return low + (high - low) * random.nextDouble();
    }

    boolean chance(double probability) {
        return random.nextDouble() < probability;
    }

    long totalSteps() {
        return workload.totalSteps();
    }

    int globalBatch() {
        return workload.globalBatch();
    }

    int checkpointEvery() {
        return workload.checkpointEvery();
    }

    double stepSeconds() {
        return workload.stepSeconds();
    }

    /** Whether any sample of the step is noise. */
    boolean corrupt(long step) {
        long first = (step - 1) * workload.globalBatch();
        long end = step * workload.globalBatch();
        long low = (long) workload.corruptShard() * workload.shardSamples();
        return workload.corruptShard() >= 0 && low < end && first < low + workload.shardSamples();
    }

    boolean notFinite(long step) {
        return step == workload.notFiniteStep();
    }

    /** Shards that begin within the samples, and the one that is open already if {@code first} is where reading begins. */
    List<Shard> shardsOf(long first, long end, boolean begins) {
        List<Shard> found = new ArrayList<>();
        int size = workload.shardSamples();
        for (long shard = first / size; shard * size < end; shard++) {
            if (shard * size >= first || begins) {
                found.add(new Shard("shard-" + shard, shard * size, (shard + 1) * size));
            }
        }
        return found;
    }

    /** Checkpoints, which outlive attempts. */
    static final class Storage {
        private record Key(UUID run, long step) {}

        private record Checkpoint(double damage, boolean whole) {}

        private final Map<Key, Checkpoint> checkpoints = new HashMap<>();
        private final Set<Long> torn = new HashSet<>();

        /** Checkpoints of this step will be found incomplete, once. */
        void tear(long step) {
            torn.add(step);
        }

        boolean write(UUID run, long step, double damage) {
            boolean whole = !torn.remove(step);
            checkpoints.put(new Key(run, step), new Checkpoint(damage, whole));
            return whole;
        }

        double load(UUID run, long step) {
            Checkpoint found = checkpoints.get(new Key(run, step));
            if (found == null || !found.whole()) {
                throw new AssertionError("resumed from step " + step + ", where no whole checkpoint is");
            }
            return found.damage();
        }
    }
}

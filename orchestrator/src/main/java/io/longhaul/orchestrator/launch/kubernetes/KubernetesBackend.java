package io.longhaul.orchestrator.launch.kubernetes;

import io.longhaul.monitor.health.HealthEvent;
import io.longhaul.monitor.health.NodeCondition;
import io.longhaul.orchestrator.launch.AgentTokens;
import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.launch.AttemptLaunch;
import io.longhaul.orchestrator.launch.BlockedException;
import io.longhaul.orchestrator.launch.Capability;
import io.longhaul.orchestrator.launch.LaunchException;
import io.longhaul.orchestrator.launch.NodeSet;
import io.longhaul.orchestrator.launch.PodTemplate;
import io.longhaul.orchestrator.launch.WorkloadBackend;
import io.longhaul.orchestrator.launch.WorkloadObservation;
import io.longhaul.orchestrator.launch.WorkloadObservation.Presence;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * Agents as pods: for each attempt a config map, which stands for the attempt, a secret with the agents' token and an
 * Indexed Job. What is refused or cannot be reached is {@linkplain BlockedException blocked}, never failed: it is tried
 * again, and the run says why it waits.
 */
public final class KubernetesBackend implements WorkloadBackend, AutoCloseable {
    private static final Duration BEHIND = Duration.ofSeconds(10);
    private static final Duration RETRY = Duration.ofSeconds(3);
    private static final Duration ASK_AGAIN = Duration.ofSeconds(2);

    private final ClusterApi api;
    private final AgentTokens tokens;
    private final Supplier<String> serviceUrl;
    private final Watched nodes;
    private final Fence fence;
    private final Map<String, Space> spaces = new LinkedHashMap<>();
    private final Map<AttemptKey, Refusal> refusals = new ConcurrentHashMap<>();
    private final Map<String, Asked> jobEvents = new ConcurrentHashMap<>();

    /** One namespace, as it is now. */
    private record Space(Watched configs, Watched jobs, Watched pods) {
        boolean synced() {
            return configs.synced() && jobs.synced() && pods.synced();
        }

        List<Watched> all() {
            return List.of(configs, jobs, pods);
        }
    }

    private record Refusal(String why, long nanos) {}

    private record Asked(Optional<String> cause, long nanos) {}

    /**
     * @param kubeconfig file that names cluster and user; empty for those of the pod that this runs in
     * @param namespaces that runs may use
     * @param serviceUrl where pods reach the service
     * @param lostAfter how long a pod that is to die may stand on a node that does not answer, before it is given up
     * @param leads whether this service may change anything now
     * @throws LaunchException if the file cannot be used; a cluster that is away is none
     */
    public KubernetesBackend(Optional<Path> kubeconfig, List<String> namespaces, AgentTokens tokens,
            Supplier<String> serviceUrl, Duration lostAfter, BooleanSupplier leads) {
        this.api = ClusterApi.of(kubeconfig, leads);
        this.fence = new Fence(api, lostAfter);
        this.nodes = Watched.nodes(api);
        this.tokens = tokens;
        this.serviceUrl = serviceUrl;
        for (String namespace : namespaces) {
            spaces.put(namespace, new Space(new Watched(api, "ConfigMap", namespace),
                    new Watched(api, "Job", namespace), new Watched(api, "Pod", namespace)));
        }
    }

    /** Waits until every namespace was seen whole once; false if that took longer. */
    boolean awaitSynced(Duration patience) throws InterruptedException {
        long deadline = System.nanoTime() + patience.toNanos();
        for (Space space : spaces.values()) {
            for (Watched watched : space.all()) {
                if (!watched.awaitSynced(Duration.ofNanos(deadline - System.nanoTime()))) {
                    return false;
                }
            }
        }
        return true;
    }

    @Override
    public List<Capability> capabilities() {
        try {
            return Capabilities.of(api.groups(), nodes.synced());
        } catch (ApiFailure e) {
            throw new BlockedException(Causes.of(e, ""));
        }
    }

    @Override
    public void create(AttemptLaunch launch) {
        PodTemplate pods = launch.pods()
                .orElseThrow(() -> new LaunchException("the run says nothing about its pods"));
        if (launch.made().isEmpty()) {
            return;
        }
        Space space = spaces.get(pods.namespace());
        if (space == null) {
            throw new BlockedException("this service may not use namespace " + pods.namespace() + ", only "
                    + String.join(", ", spaces.keySet())
                    + "; stop the run and submit it with another one, or add it to the service's namespaces");
        }
        Refusal refusal = refusals.get(launch.key());
        if (refusal != null && System.nanoTime() - refusal.nanos() < RETRY.toNanos()) {
            throw new BlockedException(refusal.why());
        }
        try {
            if (pods.queue().isPresent() && !api.groups().contains(Capabilities.KUEUE)) {
                throw refused(launch.key(), "the run is to wait in the queue " + pods.queue().get()
                        + ", but the cluster has no Kueue; install it, or submit without kubernetes.queue");
            }
            apply(launch, pods.namespace());
            refusals.remove(launch.key());
        } catch (ApiFailure e) {
            throw refused(launch.key(), Causes.of(e, pods.namespace()));
        }
        // Only what the watches have seen can be missed later.
        if (!Waiting.until(() -> shown(space, launch.key()) || fenced(space, launch.key()), BEHIND)) {
            throw new BlockedException("the cluster does not show the Job " + Names.attempt(launch.key())
                    + " yet; Longhaul goes on by itself when it does");
        }
    }

    /** What is refused is not tried again at once. */
    private BlockedException refused(AttemptKey key, String why) {
        refusals.put(key, new Refusal(why, System.nanoTime()));
        return new BlockedException(why);
    }

    private static boolean shown(Space space, AttemptKey key) {
        return named(space.jobs(), key).isPresent() && named(space.configs(), key).isPresent();
    }

    private static Optional<JsonNode> named(Watched watched, AttemptKey key) {
        return watched.named(key.run().toString(), Names.attempt(key));
    }

    private boolean fenced(Space space, AttemptKey key) {
        return named(space.configs(), key).filter(Fence::stands).isPresent();
    }

    private void apply(AttemptLaunch launch, String namespace) {
        DesiredObjects desired = new DesiredObjects(launch, serviceUrl.get());
        String name = Names.attempt(launch.key());
        Optional<JsonNode> config = api.get("ConfigMap", namespace, name);
        if (config.filter(Fence::stands).isPresent()) {
            return;
        }
        boolean isNew = config.isEmpty();
        try {
            if (isNew) {
                String anchor = Names.uid(api.apply(desired.anchor()));
                api.apply(desired.service(anchor));
                config = Optional.of(api.apply(desired.config(anchor)));
            }
            String uid = Names.uid(config.orElseThrow());
            api.apply(desired.secret(tokens.token(launch.key()), uid));
            api.create(desired.job(uid));
        } catch (ApiFailure e) {
            if (isNew) {
                clear(namespace, launch.key(), e);
            }
            throw e;
        }
    }

    /** Nothing half-made stays; if that fails too, what is left owns no process, and the next try completes it. */
    private void clear(String namespace, AttemptKey key, ApiFailure why) {
        try {
            remove(namespace, key);
        } catch (ApiFailure e) {
            why.addSuppressed(e);
        }
    }

    @Override
    public List<WorkloadObservation> observe() {
        List<WorkloadObservation> seen = new ArrayList<>();
        spaces.forEach((namespace, space) -> space.configs()
                .runs()
                .forEach(run -> observe(namespace, space, run, seen)));
        return seen;
    }

    @Override
    public SortedMap<Integer, String> machines(AttemptKey key) {
        SortedMap<Integer, String> machines = new TreeMap<>();
        for (Space space : spaces.values()) {
            List<Integer> nodes = named(space.configs(), key).map(DesiredObjects::nodes).orElse(List.of());
            for (JsonNode pod : space.pods().of(key.run().toString())) {
                String machine = pod.at("/spec/nodeName").asString("");
                int index = index(pod);
                if (!machine.isEmpty() && Names.attemptOf(pod).filter(key::equals).isPresent()
                        && index >= 0 && index < nodes.size()) {
                    machines.put(nodes.get(index), machine);
                }
            }
        }
        return machines;
    }

    private static int index(JsonNode pod) {
        return pod.at("/metadata/labels").path(Names.INDEX).asInt(-1);
    }

    @Override
    public List<WorkloadObservation> observe(UUID run) {
        List<WorkloadObservation> seen = new ArrayList<>();
        spaces.forEach((namespace, space) -> observe(namespace, space, run.toString(), seen));
        return seen;
    }

    @Override
    public boolean seesAll() {
        return spaces.values().stream().allMatch(Space::synced);
    }

    private void observe(String namespace, Space space, String run, List<WorkloadObservation> seen) {
        if (!space.synced()) {
            return;
        }
        Map<AttemptKey, Map<Integer, JsonNode>> pods = new HashMap<>();
        for (JsonNode pod : space.pods().of(run)) {
            Names.attemptOf(pod)
                    .ifPresent(key -> pods.computeIfAbsent(key, k -> new HashMap<>())
                            .put(index(pod), pod));
        }
        for (JsonNode config : space.configs().of(run)) {
            Optional<AttemptKey> key = Names.attemptOf(config);
            if (key.isEmpty()) {
                continue;
            }
            List<Integer> nodes = DesiredObjects.nodes(config);
            Optional<JsonNode> job = named(space.jobs(), key.get());
            Map<Integer, JsonNode> ofAttempt = pods.getOrDefault(key.get(), Map.of());
            for (int index = 0; index < nodes.size(); index++) {
                JsonNode pod = ofAttempt.get(index);
                PodFacts facts = facts(namespace, config, job, index, Optional.ofNullable(pod));
                seen.add(
                        new WorkloadObservation(key.get(), nodes.get(index), facts.presence(), facts.detail(),
                                place(pod), troubles(pod)));
            }
        }
    }

    /** Empty if there is no pod yet, or no right to read nodes. */
    private List<String> place(@Nullable JsonNode pod) {
        return Optional.ofNullable(pod)
                .flatMap(p -> nodes.named("", p.at("/spec/nodeName").asString("")))
                .map(Topology::place)
                .orElse(List.of());
    }

    /** Conditions of the pod's node that tell of trouble, in their order. */
    private List<HealthEvent> troubles(@Nullable JsonNode pod) {
        List<HealthEvent> troubles = new ArrayList<>(0);
        Optional.ofNullable(pod)
                .flatMap(p -> nodes.named("", p.at("/spec/nodeName").asString("")))
                .ifPresent(node -> node.at("/status/conditions")
                        .forEach(c -> new NodeCondition(c.path("type").asString(""),
                                c.path("status").asString(""),
                                c.path("reason").asString(""), c.path("message").asString(""))
                                .trouble()
                                .ifPresent(troubles::add)));
        return troubles;
    }

    private PodFacts facts(String namespace, JsonNode config, Optional<JsonNode> job, int index,
            Optional<JsonNode> pod) {
        if (Fence.stands(config)) {
            return new PodFacts(Presence.GONE, "the attempt was ended");
        }
        if (pod.isPresent()) {
            return PodFacts.of(pod.get());
        }
        if (job.isEmpty()) {
            return new PodFacts(Presence.GONE, "its Job was deleted");
        }
        for (JsonNode condition : job.get().at("/status/conditions")) {
            if (List.of("Failed", "Complete", "FailureTarget").contains(condition.path("type").asString(""))
                    && condition.path("status").asString("").equals("True")) {
                return new PodFacts(Presence.GONE,
                        "its Job has ended: " + condition.path("message").asString(""));
            }
        }
        if (NodeSet.parse(job.get().at("/status/failedIndexes").asString("")).contains(index)) {
            return new PodFacts(Presence.GONE, "its pod was deleted");
        }
        return new PodFacts(Presence.PENDING, whyNoPods(namespace, job.get()).orElse(""));
    }

    /** Asked of the API, at most every {@link #ASK_AGAIN}: events come and go in numbers that nobody should watch. */
    private Optional<String> whyNoPods(String namespace, JsonNode job) {
        String name = job.at("/metadata/name").asString();
        Asked asked = jobEvents.get(name);
        if (asked == null || System.nanoTime() - asked.nanos() > ASK_AGAIN.toNanos()) {
            Optional<String> cause;
            try {
                cause = Causes.ofJob(job, api.events(namespace, name));
            } catch (ApiFailure e) {
                cause = Optional.of(Causes.of(e, namespace));
            }
            asked = new Asked(cause, System.nanoTime());
            jobEvents.put(name, asked);
        }
        return asked.cause();
    }

    @Override
    public boolean keepsAgents() {
        return true;
    }

    @Override
    public void fence(AttemptKey key) {
        spaces.forEach(
                (namespace, space) -> attempt(namespace, () -> fence.end(namespace, space.pods(), key)));
    }

    @Override
    public void endNodes(AttemptKey key, NodeSet nodes) {
        spaces.forEach((namespace, space) -> {
            NodeSet indexes = indexes(space, key, nodes);
            if (!indexes.isEmpty()) {
                attempt(namespace, () -> fence.endPods(namespace, space.pods(), key, indexes));
            }
        });
    }

    /** Indexes of the pods of some nodes in the Job that was made for an attempt. */
    private static NodeSet indexes(Space space, AttemptKey key, NodeSet nodes) {
        List<Integer> all = named(space.configs(), key).map(DesiredObjects::nodes).orElse(List.of());
        return NodeSet.of(nodes.numbers()
                .stream()
                .map(node -> Collections.binarySearch(all, node))
                .filter(index -> index >= 0)
                .toList());
    }

    private static void attempt(String namespace, Runnable calls) {
        try {
            calls.run();
        } catch (ApiFailure e) {
            throw new BlockedException(Causes.of(e, namespace));
        }
    }

    @Override
    public void delete(AttemptKey key) {
        spaces.keySet().forEach(namespace -> attempt(namespace, () -> remove(namespace, key)));
        refusals.remove(key);
        jobEvents.remove(Names.attempt(key));
    }

    private void remove(String namespace, AttemptKey key) {
        api.delete("Job", namespace, Names.attempt(key), Map.of());
        api.delete("Secret", namespace, Names.attempt(key), Map.of());
        api.delete("ConfigMap", namespace, Names.attempt(key), Map.of());
        boolean last = api.list("ConfigMap", namespace, Names.RUN + "=" + key.run())
                .items()
                .stream()
                .allMatch(config -> Names.attemptOf(config).isEmpty());
        if (last) {
            api.delete("ConfigMap", namespace, Names.run(key.run()), Map.of());
        }
    }

    @Override
    public void close() {
        spaces.values().forEach(space -> space.all().forEach(Watched::close));
        nodes.close();
    }
}

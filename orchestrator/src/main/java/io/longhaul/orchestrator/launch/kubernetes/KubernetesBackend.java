package io.longhaul.orchestrator.launch.kubernetes;

import io.longhaul.orchestrator.launch.AgentTokens;
import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.launch.AttemptLaunch;
import io.longhaul.orchestrator.launch.BlockedException;
import io.longhaul.orchestrator.launch.LaunchException;
import io.longhaul.orchestrator.launch.PodTemplate;
import io.longhaul.orchestrator.launch.WorkloadBackend;
import io.longhaul.orchestrator.launch.WorkloadObservation;
import io.longhaul.orchestrator.launch.WorkloadObservation.Presence;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import tools.jackson.databind.JsonNode;

/**
 * Agents as pods: for each attempt a config map, which stands for the attempt, a secret with the agents' token and an
 * Indexed Job. What is refused or cannot be reached is {@linkplain BlockedException blocked}, never failed: it is tried
 * again, and the run says why it waits.
 */
public final class KubernetesBackend implements WorkloadBackend, AutoCloseable {
    private static final Duration BEHIND = Duration.ofSeconds(10);
    private static final Duration DEATH = Duration.ofSeconds(20);
    private static final Duration RETRY = Duration.ofSeconds(3);
    private static final Duration ASK_AGAIN = Duration.ofSeconds(2);
    private static final long POLL_MILLIS = 100;

    private final ClusterApi api;
    private final AgentTokens tokens;
    private final Supplier<String> serviceUrl;
    private final Duration lostAfter;
    private final Map<String, Space> spaces = new LinkedHashMap<>();
    private final Map<AttemptKey, Refusal> refusals = new ConcurrentHashMap<>();
    private final Map<String, Asked> jobEvents = new ConcurrentHashMap<>();
    private final Map<String, Long> lostSince = new ConcurrentHashMap<>();

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
     * @throws LaunchException if the file cannot be used; a cluster that is away is none
     */
    public KubernetesBackend(Optional<Path> kubeconfig, List<String> namespaces, AgentTokens tokens,
            Supplier<String> serviceUrl, Duration lostAfter) {
        this.api = ClusterApi.of(kubeconfig);
        this.tokens = tokens;
        this.serviceUrl = serviceUrl;
        this.lostAfter = lostAfter;
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
    public void create(AttemptLaunch launch) {
        PodTemplate pods = launch.pods()
                .orElseThrow(() -> new LaunchException("the run says nothing about its pods"));
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
            apply(launch, pods.namespace());
            refusals.remove(launch.key());
        } catch (ApiFailure e) {
            String why = Causes.of(e, pods.namespace());
            refusals.put(launch.key(), new Refusal(why, System.nanoTime()));
            throw new BlockedException(why);
        }
        // Only what the watch has seen can be missed later.
        if (!await(() -> space.jobs().named(Names.attempt(launch.key())).isPresent()
                || fenced(space, launch.key()), BEHIND)) {
            throw new BlockedException("the cluster does not show the Job " + Names.attempt(launch.key())
                    + " yet; Longhaul goes on by itself when it does");
        }
    }

    private boolean fenced(Space space, AttemptKey key) {
        return space.configs().named(Names.attempt(key)).filter(KubernetesBackend::fenced).isPresent();
    }

    private static boolean fenced(JsonNode config) {
        return config.at("/metadata/labels").has(Names.FENCED);
    }

    private void apply(AttemptLaunch launch, String namespace) {
        DesiredObjects desired = new DesiredObjects(launch, serviceUrl.get());
        String name = Names.attempt(launch.key());
        Optional<JsonNode> config = api.get("ConfigMap", namespace, name);
        if (config.filter(KubernetesBackend::fenced).isPresent()) {
            return;
        }
        boolean isNew = config.isEmpty();
        try {
            if (isNew) {
                String anchor = uid(api.apply(desired.anchor()));
                api.apply(desired.service(anchor));
                config = Optional.of(api.apply(desired.config(anchor)));
            }
            String uid = uid(config.orElseThrow());
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

    private static String uid(JsonNode object) {
        return object.at("/metadata/uid").asString();
    }

    @Override
    public List<WorkloadObservation> observe() {
        List<WorkloadObservation> seen = new ArrayList<>();
        spaces.forEach((namespace, space) -> {
            if (space.synced()) {
                observe(namespace, space, seen);
            }
        });
        return seen;
    }

    @Override
    public SortedMap<Integer, String> machines(AttemptKey key) {
        SortedMap<Integer, String> machines = new TreeMap<>();
        for (Space space : spaces.values()) {
            for (JsonNode pod : space.pods().all()) {
                String machine = pod.at("/spec/nodeName").asString("");
                if (!machine.isEmpty() && Names.attemptOf(pod).filter(key::equals).isPresent()) {
                    machines.put(pod.at("/metadata/labels").path(Names.INDEX).asInt(-1), machine);
                }
            }
        }
        return machines;
    }

    private void observe(String namespace, Space space, List<WorkloadObservation> seen) {
        Map<AttemptKey, Map<Integer, JsonNode>> pods = new HashMap<>();
        for (JsonNode pod : space.pods().all()) {
            Names.attemptOf(pod)
                    .ifPresent(key -> pods.computeIfAbsent(key, k -> new HashMap<>())
                            .put(pod.at("/metadata/labels").path(Names.INDEX).asInt(-1), pod));
        }
        for (JsonNode config : space.configs().all()) {
            Optional<AttemptKey> key = Names.attemptOf(config);
            if (key.isEmpty() || DesiredObjects.nodes(config).isEmpty()) {
                continue;
            }
            Optional<JsonNode> job = space.jobs().named(Names.attempt(key.get()));
            Map<Integer, JsonNode> ofAttempt = pods.getOrDefault(key.get(), Map.of());
            for (int node = 0; node < DesiredObjects.nodes(config).getAsInt(); node++) {
                PodFacts facts = facts(namespace, config, job, node,
                        Optional.ofNullable(ofAttempt.get(node)));
                seen.add(new WorkloadObservation(key.get(), node, facts.presence(), facts.detail()));
            }
        }
    }

    private PodFacts facts(String namespace, JsonNode config, Optional<JsonNode> job, int node,
            Optional<JsonNode> pod) {
        if (fenced(config)) {
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
        if (PodFacts.contains(job.get().at("/status/failedIndexes").asString(""), node)) {
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
    public void fence(AttemptKey key) {
        for (String namespace : spaces.keySet()) {
            try {
                fence(namespace, key);
            } catch (ApiFailure e) {
                throw new BlockedException(Causes.of(e, namespace));
            }
        }
    }

    private void fence(String namespace, AttemptKey key) {
        Optional<JsonNode> config = api.get("ConfigMap", namespace, Names.attempt(key));
        if (config.isEmpty()) {
            return;
        }
        if (!fenced(config.get())) {
            api.label("ConfigMap", namespace, Names.attempt(key), Names.FENCED, "true");
        }
        api.delete("Job", namespace, Names.attempt(key), Map.of());
        List<String> alive = new ArrayList<>();
        boolean dead = await(() -> {
            alive.clear();
            for (JsonNode pod : api.list("Pod", namespace, Names.selector(key)).items()) {
                if (!PodFacts.ended(pod) && !givenUp(namespace, pod)) {
                    alive.add(PodFacts.of(pod).detail());
                }
            }
            if (!alive.isEmpty()) {
                api.deleteAll("Pod", namespace, Names.selector(key), 1);
            }
            return alive.isEmpty();
        }, DEATH);
        if (!dead) {
            throw new BlockedException(
                    alive.size() + " pods of attempt " + key.attempt() + " are not dead yet: "
                            + alive.getFirst() + "; Longhaul goes on when its node says so, or is silent for "
                            + lostAfter.toSeconds() + " s");
        }
    }

    /**
     * A pod on a node that has not answered for long is removed by force. Its agent, should it live, is refused by the
     * service, and its trainers' checkpoints do not replace those of a newer attempt.
     */
    private boolean givenUp(String namespace, JsonNode pod) {
        if (PodFacts.of(pod).presence() != Presence.LOST) {
            lostSince.remove(uid(pod));
            return false;
        }
        long since = lostSince.computeIfAbsent(uid(pod), uid -> System.nanoTime());
        if (System.nanoTime() - since < lostAfter.toNanos()) {
            return false;
        }
        api.delete("Pod", namespace, pod.at("/metadata/name").asString(), Map.of("gracePeriodSeconds", "0"));
        lostSince.remove(uid(pod));
        return true;
    }

    @Override
    public void delete(AttemptKey key) {
        for (String namespace : spaces.keySet()) {
            try {
                remove(namespace, key);
            } catch (ApiFailure e) {
                throw new BlockedException(Causes.of(e, namespace));
            }
        }
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

    private interface Condition {
        boolean met();
    }

    private static boolean await(Condition condition, Duration patience) {
        long deadline = System.nanoTime() + patience.toNanos();
        try {
            while (!condition.met()) {
                if (System.nanoTime() > deadline) {
                    return false;
                }
                Thread.sleep(POLL_MILLIS);
            }
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while waiting for the cluster; it is repeated", e);
        }
    }

    @Override
    public void close() {
        spaces.values().forEach(space -> space.all().forEach(Watched::close));
    }
}

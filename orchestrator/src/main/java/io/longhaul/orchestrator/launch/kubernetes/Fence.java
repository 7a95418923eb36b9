package io.longhaul.orchestrator.launch.kubernetes;

import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.launch.BlockedException;
import io.longhaul.orchestrator.launch.NodeSet;
import io.longhaul.orchestrator.launch.WorkloadObservation.Presence;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Predicate;
import tools.jackson.databind.JsonNode;

/** Ends an attempt in a namespace: after it, none of its pods lives or can be made again. */
final class Fence {
    private static final Predicate<JsonNode> ALL = pod -> true;
    private static final Duration DEATH = Duration.ofSeconds(20);
    /** Pods that are told to end at a time. */
    private static final int AT_ONCE = 16;

    private final ClusterApi api;
    private final Duration lostAfter;
    private final Map<String, Long> lostSince = new ConcurrentHashMap<>();
    private final Set<String> givenUp = ConcurrentHashMap.newKeySet();

    /** @param lostAfter how long a pod that is to die may stand on a node that does not answer, before it is given up */
    Fence(ClusterApi api, Duration lostAfter) {
        this.api = api;
        this.lostAfter = lostAfter;
    }

    /** Whether the attempt of this config map was ended. */
    static boolean stands(JsonNode config) {
        return config.at("/metadata/labels").has(Names.FENCED);
    }

    /**
     * Marks the attempt as ended, removes its Job and waits for its pods' death.
     *
     * @param pods watch on the pods of the namespace
     * @throws BlockedException if a pod is not dead in time; asking again goes on
     * @throws ApiFailure if the cluster refuses a call or is away
     */
    void end(String namespace, Watched pods, AttemptKey key) {
        // Whoever deleted the config map did not see to it that the pods are dead.
        if (api.get("ConfigMap", namespace, Names.attempt(key))
                .filter(config -> !stands(config))
                .isPresent()) {
            api.label("ConfigMap", namespace, Names.attempt(key), Names.FENCED, "true");
        }
        // Pods first: the garbage collector, which is slow by default, passes by those that are told already.
        tell(namespace, known(pods, key, ALL));
        api.delete("Job", namespace, Names.attempt(key), Map.of());
        awaitDeath(namespace, pods, key, ALL);
    }

    /**
     * Ends some pods of the attempt for good, while the others live on: its Job makes none anew.
     *
     * @param indexes of the pods in the Job
     * @throws BlockedException if a pod is not dead in time; asking again goes on
     * @throws ApiFailure if the cluster refuses a call or is away
     */
    void endPods(String namespace, Watched pods, AttemptKey key, NodeSet indexes) {
        Predicate<JsonNode> those = pod -> indexes.contains(index(pod));
        tell(namespace, known(pods, key, those));
        awaitDeath(namespace, pods, key, those);
    }

    private static int index(JsonNode pod) {
        return pod.at("/metadata/labels").path(Names.INDEX).asInt(-1);
    }

    private void awaitDeath(String namespace, Watched pods, AttemptKey key, Predicate<JsonNode> which) {
        List<String> alive = new ArrayList<>();
        // A list of all pods is dear: it only confirms what the watch has seen.
        boolean dead = Waiting.until(
                () -> seenDead(namespace, known(pods, key, which)) && dead(namespace, key, which, alive),
                DEATH);
        if (!dead && !dead(namespace, key, which, alive)) {
            throw new BlockedException(
                    alive.size() + " pods of attempt " + key.attempt() + " are not dead yet: "
                            + alive.getFirst() + "; Longhaul goes on when its node says so, or is silent for "
                            + lostAfter.toSeconds() + " s");
        }
    }

    private boolean seenDead(String namespace, List<JsonNode> pods) {
        return pods.stream().allMatch(pod -> PodFacts.ended(pod) || givenUp(namespace, pod));
    }

    /** Pods of the attempt that the watch has seen. */
    private static List<JsonNode> known(Watched pods, AttemptKey key, Predicate<JsonNode> which) {
        return pods.of(key.run().toString())
                .stream()
                .filter(pod -> Names.attemptOf(pod).filter(key::equals).isPresent() && which.test(pod))
                .toList();
    }

    /** Tells pods to end, many at a time: the API works off a call for all of them one after the other. */
    private void tell(String namespace, List<JsonNode> pods) {
        try (ExecutorService threads = Executors.newFixedThreadPool(AT_ONCE, Thread.ofVirtual().factory())) {
            List<Future<?>> calls = new ArrayList<>();
            for (JsonNode pod : pods) {
                if (!PodFacts.ended(pod)) {
                    calls.add(threads
                            .submit(() -> api.delete("Pod", namespace, pod.at("/metadata/name").asString(),
                                    Map.of("gracePeriodSeconds", "1"))));
                }
            }
            for (Future<?> call : calls) {
                call.get();
            }
        } catch (ExecutionException e) {
            if (e.getCause() instanceof ApiFailure failure) {
                throw failure;
            }
            throw new IllegalStateException("a pod could not be told to end", e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while pods were told to end; it is repeated", e);
        }
    }

    /** Whether the cluster has no living pod of the attempt now; those that it has are told to end again. */
    private boolean dead(String namespace, AttemptKey key, Predicate<JsonNode> which, List<String> alive) {
        List<JsonNode> living = api.list("Pod", namespace, Names.selector(key))
                .items()
                .stream()
                .filter(pod -> which.test(pod) && !PodFacts.ended(pod) && !givenUp(namespace, pod))
                .toList();
        tell(namespace, living);
        alive.clear();
        living.forEach(pod -> alive.add(PodFacts.of(pod).detail()));
        return alive.isEmpty();
    }

    /**
     * A pod on a node that has not answered for long is removed by force. Its agent, should it live, is refused by the
     * service, and its trainers' checkpoints do not replace those of a newer attempt. The object may stay for as long as
     * its Job does, which counts only pods that have ended.
     */
    private boolean givenUp(String namespace, JsonNode pod) {
        String uid = Names.uid(pod);
        if (PodFacts.of(pod).presence() != Presence.LOST) {
            lostSince.remove(uid);
            givenUp.remove(uid);
            return false;
        }
        if (givenUp.contains(uid)) {
            return true;
        }
        long since = lostSince.computeIfAbsent(uid, lost -> System.nanoTime());
        if (System.nanoTime() - since < lostAfter.toNanos()) {
            return false;
        }
        api.delete("Pod", namespace, pod.at("/metadata/name").asString(), Map.of("gracePeriodSeconds", "0"));
        lostSince.remove(uid);
        givenUp.add(uid);
        return true;
    }
}

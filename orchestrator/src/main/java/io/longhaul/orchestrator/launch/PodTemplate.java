package io.longhaul.orchestrator.launch;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a user may say about the pods of a run; everything else about them is Longhaul's. Nothing in it can break the
 * {@code restricted} pod security standard. An instance that exists has been checked by {@code RunSpecReader}.
 *
 * @param namespace where the pods live; one of those that the service may use
 * @param image container image with Python 3, the agent and the trainer
 * @param python interpreter in the image
 * @param ranks worker processes of a pod; empty for all of a node
 * @param checkpoints directory in the pods for checkpoints, on a volume that all of them share
 * @param resources requests and limits by resource name, in Kubernetes quantities, also of devices
 * @param sharedMemory size of {@code /dev/shm}; empty for the container runtime's own
 * @param environment variables of agent and ranks
 * @param user user and group that the processes run as, above 0
 * @param queue Kueue LocalQueue that admits the pods; empty to start at once
 * @param priorityClass of the pods; empty for the cluster's own
 */
public record PodTemplate(
        String namespace,
        String image,
        String python,
        Optional<Integer> ranks,
        String checkpoints,
        Map<String, String> resources,
        Optional<String> sharedMemory,
        Map<String, String> environment,
        List<Volume> volumes,
        Map<String, String> nodeSelector,
        List<Toleration> tolerations,
        List<String> imagePullSecrets,
        long user,
        Optional<String> queue,
        Optional<String> priorityClass) {
    public PodTemplate {
        resources = new LinkedHashMap<>(resources);
        environment = new LinkedHashMap<>(environment);
        volumes = List.copyOf(volumes);
        nodeSelector = new LinkedHashMap<>(nodeSelector);
        tolerations = List.copyOf(tolerations);
        imagePullSecrets = List.copyOf(imagePullSecrets);
    }

    /** A persistent volume claim of the namespace, mounted in every pod. */
    public record Volume(String claim, String mountPath, boolean readOnly) {}

    /** As in a pod; an empty value with operator {@code Exists}, an empty effect for all effects. */
    public record Toleration(String key, String operator, String value, String effect) {}
}

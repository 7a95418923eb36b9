package io.longhaul.orchestrator.launch.kubernetes;

import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.launch.AttemptLaunch;
import io.longhaul.orchestrator.launch.NodeSet;
import io.longhaul.orchestrator.launch.PodTemplate;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The objects of an attempt as a pure function of what was decided. Longhaul alone restarts: an index of the Job that
 * fails stays failed and the others go on, since the run decides what becomes of them.
 */
final class DesiredObjects {
    static final String STATE_DIRECTORY = "/run/longhaul";
    private static final JsonMapper MAPPER = new JsonMapper();
    /** Time that a pod has to write a checkpoint when Kubernetes ends it. */
    private static final int GRACE_SECONDS = 60;

    private final AttemptLaunch launch;
    private final PodTemplate pods;
    private final String serviceUrl;

    /** @param serviceUrl where pods reach the service */
    DesiredObjects(AttemptLaunch launch, String serviceUrl) {
        this.launch = launch;
        this.pods = launch.pods()
                .orElseThrow(
                        () -> new IllegalArgumentException(
                                "attempt " + launch.key() + " says nothing about pods"));
        this.serviceUrl = serviceUrl;
    }

    /** Owner of everything: whoever deletes it deletes the run's objects. */
    ObjectNode anchor() {
        ObjectNode map = object("v1", "ConfigMap", Names.run(launch.key().run()));
        map.putObject("data").put("run", launch.key().run().toString());
        return map;
    }

    /** Gives the pods of all attempts names, also before they are ready. */
    ObjectNode service(String anchorUid) {
        ObjectNode service = object("v1", "Service", Names.run(launch.key().run()));
        owner(service, "v1", "ConfigMap", Names.run(launch.key().run()), anchorUid);
        ObjectNode spec = service.putObject("spec");
        spec.put("clusterIP", "None").put("publishNotReadyAddresses", true);
        spec.putObject("selector").put(Names.RUN, launch.key().run().toString());
        return service;
    }

    /** What the agents start with; the record that the attempt exists, until it is deleted. */
    ObjectNode config(String anchorUid) {
        ObjectNode map = ofAttempt("v1", "ConfigMap");
        owner(map, "v1", "ConfigMap", Names.run(launch.key().run()), anchorUid);
        map.put("immutable", true);
        ObjectNode data = map.putObject("data");
        data.put("LONGHAUL_RUN", launch.key().run().toString());
        data.put("LONGHAUL_ATTEMPT", Integer.toString(launch.key().attempt()));
        data.put("LONGHAUL_EPOCH", Long.toString(launch.epoch()));
        data.put("LONGHAUL_SERVICE_URL", serviceUrl);
        data.put("LONGHAUL_STATE_DIR", STATE_DIRECTORY);
        data.put("LONGHAUL_NODES", launch.made().toString());
        data.put("LONGHAUL_STAYS", "true");
        map.withObject("/metadata/annotations").put(Names.NODES, launch.made().toString());
        return map;
    }

    ObjectNode secret(String token, String configUid) {
        ObjectNode secret = ofAttempt("v1", "Secret");
        owner(secret, "v1", "ConfigMap", Names.attempt(launch.key()), configUid);
        secret.put("immutable", true).put("type", "Opaque");
        secret.putObject("stringData").put("LONGHAUL_AGENT_TOKEN", token);
        return secret;
    }

    ObjectNode job(String configUid) {
        ObjectNode job = ofAttempt("batch/v1", "Job");
        owner(job, "v1", "ConfigMap", Names.attempt(launch.key()), configUid);
        pods.queue().ifPresent(queue -> labels(job).put(Names.QUEUE, queue));
        ObjectNode spec = job.putObject("spec");
        spec.put("completionMode", "Indexed");
        int made = launch.made().size();
        spec.put("completions", made).put("parallelism", made);
        spec.put("backoffLimitPerIndex", 0).put("podReplacementPolicy", "Failed");
        spec.put("suspend", pods.queue().isPresent());
        ObjectNode template = spec.putObject("template");
        labels(template, launch.key());
        template.set("spec", pod());
        return job;
    }

    private ObjectNode pod() {
        ObjectNode pod = MAPPER.createObjectNode();
        pod.put("restartPolicy", "Never");
        pod.put("subdomain", Names.run(launch.key().run()));
        pod.put("automountServiceAccountToken", false).put("enableServiceLinks", false);
        pod.put("terminationGracePeriodSeconds", GRACE_SECONDS);
        pods.priorityClass().ifPresent(name -> pod.put("priorityClassName", name));
        ObjectNode security = pod.putObject("securityContext");
        security.put("runAsNonRoot", true).put("runAsUser", pods.user()).put("runAsGroup", pods.user());
        security.put("fsGroup", pods.user()).put("fsGroupChangePolicy", "OnRootMismatch");
        security.putObject("seccompProfile").put("type", "RuntimeDefault");
        if (!pods.imagePullSecrets().isEmpty()) {
            ArrayNode secrets = pod.putArray("imagePullSecrets");
            pods.imagePullSecrets().forEach(name -> secrets.addObject().put("name", name));
        }
        if (!pods.nodeSelector().isEmpty()) {
            put(pod.putObject("nodeSelector"), pods.nodeSelector());
        }
        if (!launch.avoid().isEmpty()) {
            ArrayNode fields = pod
                    .withObject("/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution")
                    .putArray("nodeSelectorTerms")
                    .addObject()
                    .putArray("matchFields");
            // A requirement on a field takes one value; all of a term must be met.
            launch.avoid()
                    .stream()
                    .distinct()
                    .sorted()
                    .forEach(node -> fields.addObject()
                            .put("key", "metadata.name")
                            .put("operator", "NotIn")
                            .putArray("values")
                            .add(node));
        }
        if (!pods.tolerations().isEmpty()) {
            ArrayNode tolerations = pod.putArray("tolerations");
            pods.tolerations().forEach(t -> tolerations.add(toleration(t)));
        }
        pod.putArray("containers").add(container());
        volumes(pod.putArray("volumes"));
        return pod;
    }

    private static ObjectNode toleration(PodTemplate.Toleration toleration) {
        ObjectNode node = MAPPER.createObjectNode();
        Map.of("key", toleration.key(), "value", toleration.value(), "effect", toleration.effect())
                .entrySet()
                .stream()
                .sorted(Map.Entry.comparingByKey())
                .filter(e -> !e.getValue().isEmpty())
                .forEach(e -> node.put(e.getKey(), e.getValue()));
        return node.put("operator", toleration.operator());
    }

    private ObjectNode container() {
        ObjectNode container = MAPPER.createObjectNode();
        container.put("name", "agent").put("image", pods.image());
        container.putArray("command").add(pods.python()).add("-m").add("longhaul_agent");
        container.put("workingDir", STATE_DIRECTORY);
        ArrayNode from = container.putArray("envFrom");
        from.addObject().putObject("configMapRef").put("name", Names.attempt(launch.key()));
        from.addObject().putObject("secretRef").put("name", Names.attempt(launch.key()));
        ArrayNode environment = container.putArray("env");
        environment.addObject()
                .put("name", "LONGHAUL_INDEX")
                .putObject("valueFrom")
                .putObject("fieldRef")
                .put("fieldPath", "metadata.annotations['" + Names.INDEX + "']");
        environment.addObject()
                .put("name", "LONGHAUL_HOST")
                .put("value",
                        Names.attempt(launch.key()) + "-$(LONGHAUL_INDEX)." + Names.run(launch.key().run()));
        pods.environment()
                .forEach((name, value) -> environment.addObject()
                        .put("name", name)
                        // Kubernetes expands $(NAME) in values; what the user wrote is meant as it stands.
                        .put("value", value.replace("$(", "$$(")));
        ObjectNode security = container.putObject("securityContext");
        security.put("allowPrivilegeEscalation", false).put("readOnlyRootFilesystem", true);
        security.putObject("capabilities").putArray("drop").add("ALL");
        if (!pods.resources().isEmpty()) {
            ObjectNode resources = container.putObject("resources");
            put(resources.putObject("requests"), pods.resources());
            put(resources.putObject("limits"), pods.resources());
        }
        ArrayNode mounts = container.putArray("volumeMounts");
        mount(mounts, "state", STATE_DIRECTORY, false);
        mount(mounts, "tmp", "/tmp", false);
        if (pods.sharedMemory().isPresent()) {
            mount(mounts, "shared-memory", "/dev/shm", false);
        }
        for (int i = 0; i < pods.volumes().size(); i++) {
            PodTemplate.Volume volume = pods.volumes().get(i);
            mount(mounts, "volume-" + i, volume.mountPath(), volume.readOnly());
        }
        return container;
    }

    private static void mount(ArrayNode mounts, String name, String path, boolean readOnly) {
        ObjectNode mount = mounts.addObject().put("name", name).put("mountPath", path);
        if (readOnly) {
            mount.put("readOnly", true);
        }
    }

    private void volumes(ArrayNode volumes) {
        volumes.addObject().put("name", "state").putObject("emptyDir");
        volumes.addObject().put("name", "tmp").putObject("emptyDir");
        pods.sharedMemory()
                .ifPresent(size -> volumes.addObject()
                        .put("name", "shared-memory")
                        .putObject("emptyDir")
                        .put("medium", "Memory")
                        .put("sizeLimit", size));
        for (int i = 0; i < pods.volumes().size(); i++) {
            volumes.addObject()
                    .put("name", "volume-" + i)
                    .putObject("persistentVolumeClaim")
                    .put("claimName", pods.volumes().get(i).claim());
        }
    }

    private ObjectNode ofAttempt(String version, String kind) {
        ObjectNode object = object(version, kind, Names.attempt(launch.key()));
        labels(object).put(Names.ATTEMPT, Integer.toString(launch.key().attempt()));
        return object;
    }

    private ObjectNode object(String version, String kind, String name) {
        ObjectNode object = MAPPER.createObjectNode().put("apiVersion", version).put("kind", kind);
        object.putObject("metadata").put("name", name).put("namespace", pods.namespace());
        labels(object).put(Names.MANAGED, "true").put(Names.RUN, launch.key().run().toString());
        return object;
    }

    private static ObjectNode labels(ObjectNode object) {
        return object.withObject("/metadata/labels");
    }

    private static void labels(ObjectNode object, AttemptKey key) {
        labels(object).put(Names.MANAGED, "true")
                .put(Names.RUN, key.run().toString())
                .put(Names.ATTEMPT, Integer.toString(key.attempt()));
    }

    private static void owner(ObjectNode object, String version, String kind, String name, String uid) {
        object.withObject("/metadata")
                .putArray("ownerReferences")
                .addObject()
                .put("apiVersion", version)
                .put("kind", kind)
                .put("name", name)
                .put("uid", uid);
    }

    private static void put(ObjectNode node, Map<String, String> values) {
        values.forEach(node::put);
    }

    /** Nodes whose pods belong to a config map of an attempt, in the order of their indexes; none of a foreign one. */
    static List<Integer> nodes(JsonNode config) {
        try {
            return List.copyOf(
                    NodeSet.parse(config.at("/metadata/annotations").path(Names.NODES).asString(""))
                            .numbers());
        } catch (NumberFormatException foreign) {
            return List.of();
        }
    }
}

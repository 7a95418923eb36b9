package io.longhaul.orchestrator.run;

import io.longhaul.orchestrator.launch.PodTemplate;
import io.longhaul.orchestrator.launch.PodTemplate.Toleration;
import io.longhaul.orchestrator.launch.PodTemplate.Volume;
import io.longhaul.orchestrator.run.RunSpec.Cluster;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Reads what a RunSpec says about its pods. Names and quantities are held to the rules of Kubernetes here, so that a
 * mistake is refused with its field when the run is submitted, and not by the cluster later.
 */
final class PodTemplateReader {
    private static final Pattern LABEL = Pattern.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?");
    private static final Pattern SUBDOMAIN = Pattern.compile("(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?"
            + "(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*");
    private static final Pattern QUALIFIED = Pattern
            .compile("((?=[^/]{1,253}/)[a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?"
                    + "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?");
    private static final Pattern LABEL_VALUE = Pattern
            .compile("([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?");
    private static final Pattern QUANTITY = Pattern
            .compile("\\d{1,15}(\\.\\d{1,9})?(m|k|[MGTPE]|[KMGTPE]i)?");
    private static final Pattern SIZE = Pattern.compile("[1-9]\\d{0,12}([kMGTPE]|[KMGTPE]i)?");
    private static final Pattern IMAGE = Pattern.compile("[a-zA-Z0-9][a-zA-Z0-9._:/@-]{0,1022}");
    private static final Pattern ABSOLUTE = Pattern.compile("/[^:\\x00]{0,1023}");
    private static final Pattern PROGRAM = Pattern.compile("[A-Za-z0-9_./+-]{1,255}");
    private static final Pattern VARIABLE = Pattern
            .compile("(?!LONGHAUL_|RANK$|WORLD_SIZE$|LOCAL_|MASTER_|PET_)"
                    + "[A-Za-z_][A-Za-z0-9_]*");
    private static final Pattern ANYTHING = Pattern.compile("[^\\x00]*", Pattern.DOTALL);
    private static final String NAME = "lower-case letters, digits, inner hyphens and dots";
    private static final String NAMED = "a " + NAME + " name";
    private static final String SIZES = "a size such as 512Mi or 64Gi";
    private static final Set<String> TAKEN = Set.of("/tmp", "/dev/shm", "/run/longhaul");
    private static final Set<String> EFFECTS = Set.of("", "NoSchedule", "PreferNoSchedule", "NoExecute");

    private PodTemplateReader() {}

    static Optional<PodTemplate> read(SpecNode root, RunSpec.Backend backend, Cluster cluster) {
        if (backend != RunSpec.Backend.KUBERNETES) {
            if (root.has("kubernetes")) {
                root.problem("kubernetes", "no such field with backend local", "add backend: kubernetes");
            }
            return Optional.empty();
        }
        return Optional.of(read(root.requiredObject("kubernetes"), cluster));
    }

    private static PodTemplate read(SpecNode node, Cluster cluster) {
        String namespace = node.text("namespace", LABEL,
                "1 to 63 lower-case letters, digits and inner hyphens",
                "default");
        String image = node.text("image", IMAGE, "the name of an image, with its tag or digest");
        String python = node.text("python", PROGRAM, "a program of the image", "python3");
        Optional<Integer> ranks = node.has("ranks")
                ? Optional.of((int) node.integer("ranks", 1, 1024))
                : Optional.empty();
        ranks.filter(r -> perNode(cluster) % r != 0)
                .ifPresent(r -> node.problem("ranks",
                        "a divisor of the " + perNode(cluster) + " ranks of a node", ""));
        List<Volume> volumes = volumes(node);
        String checkpoints = node.text("checkpoints", ABSOLUTE, "an absolute path in the pods");
        if (volumes.stream()
                .noneMatch(v -> !v.readOnly() && (checkpoints + "/").startsWith(v.mountPath() + "/"))) {
            node.problem("checkpoints", "a directory on one of the volumes that can be written",
                    "add the volume to volumes");
        }
        Map<String, String> resources = node.texts("resources", QUALIFIED, QUANTITY,
                "the name of a resource with a quantity, such as cpu: 8, memory: 64Gi or nvidia.com/gpu: 8");
        Optional<String> sharedMemory = node.has("sharedMemory")
                ? Optional.of(node.text("sharedMemory", SIZE, SIZES))
                : Optional.empty();
        Map<String, String> environment = node.texts("environment", VARIABLE, ANYTHING,
                "the name of a variable that Longhaul does not set itself, with a text");
        Map<String, String> selector = node.texts("nodeSelector", QUALIFIED, LABEL_VALUE,
                "a label with its value");
        PodTemplate template = new PodTemplate(namespace, image, python, ranks, checkpoints, resources,
                sharedMemory,
                environment, volumes, selector, tolerations(node), secrets(node),
                node.integer("user", 1, 4_294_967_294L, 10_001),
                named(node, "queue"), named(node, "priorityClass"));
        node.nothingElse();
        return template;
    }

    /** A described node's devices; on this machine all ranks. */
    private static int perNode(Cluster cluster) {
        return switch (cluster) {
            case Cluster.ThisMachine m -> m.ranks();
            case Cluster.Described d -> d.devicesPerNode();
        };
    }

    private static Optional<String> named(SpecNode node, String field) {
        return node.has(field) ? Optional.of(node.text(field, SUBDOMAIN, NAMED)) : Optional.empty();
    }

    private static List<String> secrets(SpecNode node) {
        List<String> names = new ArrayList<>();
        for (SpecNode secret : node.list("imagePullSecrets")) {
            names.add(secret.text("name", SUBDOMAIN, NAMED));
            secret.nothingElse();
        }
        return names;
    }

    private static List<Volume> volumes(SpecNode node) {
        List<Volume> volumes = new ArrayList<>();
        Set<String> paths = new HashSet<>(TAKEN);
        for (SpecNode volume : node.list("volumes")) {
            String path = volume.text("mountPath", ABSOLUTE, "an absolute path")
                    .replaceFirst("(?<=.)/+$", "");
            if (!paths.add(path)) {
                volume.problem("mountPath", "a path that nothing else is mounted at",
                        "Longhaul itself uses " + String.join(", ", TAKEN.stream().sorted().toList()));
            }
            volumes.add(
                    new Volume(volume.text("claim", SUBDOMAIN, NAMED), path, volume.flag("readOnly", false)));
            volume.nothingElse();
        }
        return volumes;
    }

    private static List<Toleration> tolerations(SpecNode node) {
        List<Toleration> tolerations = new ArrayList<>();
        for (SpecNode entry : node.list("tolerations")) {
            String operator = entry.optionalText("operator").orElse("Equal");
            if (!operator.equals("Equal") && !operator.equals("Exists")) {
                entry.problem("operator", "Equal or Exists", "");
            }
            String effect = entry.optionalText("effect").orElse("");
            if (!EFFECTS.contains(effect)) {
                entry.problem("effect", "NoSchedule, PreferNoSchedule or NoExecute", "");
            }
            String value = entry.has("value") ? entry.text("value", LABEL_VALUE, "the value of a label") : "";
            if (operator.equals("Exists") && !value.isEmpty()) {
                entry.problem("value", "no value with operator Exists", "");
            }
            tolerations.add(new Toleration(entry.text("key", QUALIFIED, "the key of a taint"), operator,
                    value, effect));
            entry.nothingElse();
        }
        return tolerations;
    }
}

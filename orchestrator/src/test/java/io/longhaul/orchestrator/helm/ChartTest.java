package io.longhaul.orchestrator.helm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.marcnuri.helm.Helm;
import com.marcnuri.helm.LintResult;
import com.marcnuri.helm.TemplateCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

/** The chart as Helm renders it. */
class ChartTest {
    private static final Path CHART = Path.of("..", "helm", "longhaul").toAbsolutePath().normalize();
    private static final String REQUIRED = """
            image: {repository: registry.example.org/longhaul}
            database:
              url: jdbc:postgresql://postgres.data.svc:5432/longhaul
              credentials: {secretName: longhaul-database}
            """;

    @TempDir
    Path directory;

    private List<JsonNode> render(String... values) {
        TemplateCommand command = new Helm(CHART).template()
                .withName("train")
                .withNamespace("ml")
                .withKubeVersion("1.31.0");
        try {
            for (int i = 0; i < values.length; i++) {
                command.withValuesFile(
                        Files.writeString(directory.resolve("values-" + i + ".yaml"), values[i]));
            }
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
        List<JsonNode> documents = new ArrayList<>();
        for (String document : command.call().split("(?m)^---$")) {
            JsonNode parsed = new YAMLMapper().readTree(document);
            if (parsed.isObject()) {
                documents.add(parsed);
            }
        }
        return documents;
    }

    private static List<JsonNode> all(List<JsonNode> documents, String kind) {
        return documents.stream().filter(d -> d.path("kind").asString("").equals(kind)).toList();
    }

    private static JsonNode one(List<JsonNode> documents, String kind) {
        assertThat(all(documents, kind)).as(kind).hasSize(1);
        return all(documents, kind).getFirst();
    }

    private static JsonNode container(List<JsonNode> documents) {
        return one(documents, "Deployment").at("/spec/template/spec/containers/0");
    }

    private static List<String> texts(JsonNode array) {
        return StreamSupport.stream(array.spliterator(), false).map(JsonNode::asString).toList();
    }

    @Test
    void lints() {
        LintResult lint = new Helm(CHART).lint().call();
        assertThat(lint.isFailed()).as(lint.getMessages().toString()).isFalse();
    }

    @Test
    void rendersEveryObjectOnceInItsNamespace() {
        List<JsonNode> documents = render(REQUIRED);
        assertThat(documents).extracting(d -> d.path("kind").asString())
                .containsExactlyInAnyOrder(
                        "Deployment", "Service", "ServiceAccount", "Role", "RoleBinding", "ConfigMap",
                        "NetworkPolicy",
                        "PodDisruptionBudget", "PersistentVolumeClaim");
        assertThat(documents).allSatisfy(d -> {
            assertThat(d.at("/metadata/namespace").asString()).isEqualTo("ml");
            assertThat(d.at("/metadata/name").asString()).isEqualTo("train-longhaul");
            assertThat(d.at("/metadata/labels").get("app.kubernetes.io/instance").asString())
                    .isEqualTo("train");
        });
    }

    /** Whoever stands by is not ready: an update that waited for that would never end. */
    @Test
    void anUpdateDoesNotWaitForThoseThatStandBy() {
        JsonNode spec = one(render(REQUIRED), "Deployment").path("spec");
        assertThat(spec.path("replicas").asInt()).isEqualTo(1);
        assertThat(spec.at("/strategy/type").asString()).isEqualTo("Recreate");
    }

    @Test
    void twoReplicasShareTheAgentsKeyAndNoVolume() {
        assertThatThrownBy(() -> render(REQUIRED, "replicas: 2")).hasMessageContaining("agents.keySecret");
        List<JsonNode> documents = render(REQUIRED, "{replicas: 2, agents: {keySecret: agents}}");
        assertThat(all(documents, "PersistentVolumeClaim")).isEmpty();
        JsonNode spec = one(documents, "Deployment").path("spec");
        assertThat(spec.path("replicas").asInt()).isEqualTo(2);
        assertThat(spec.at("/template/spec/volumes/0").has("emptyDir")).isTrue();
        assertThat(container(documents).path("env").valueStream())
                .anySatisfy(variable -> {
                    assertThat(variable.path("name").asString()).isEqualTo("LONGHAUL_AGENT_KEY");
                    assertThat(variable.at("/valueFrom/secretKeyRef/name").asString()).isEqualTo("agents");
                });
        assertThat(all(render(REQUIRED, "agents: {keySecret: agents}"), "PersistentVolumeClaim")).hasSize(1);
    }

    @Test
    void nodesAreReadOnlyWhenAskedForAndOnlyRead() {
        assertThat(all(render(REQUIRED), "ClusterRole")).isEmpty();
        List<JsonNode> documents = render(REQUIRED, "rbac: {nodes: true}");
        assertThat(one(documents, "ClusterRole").path("rules").toString()).isEqualTo(
                "[{\"apiGroups\":[\"\"],\"resources\":[\"nodes\"],\"verbs\":[\"list\",\"watch\"]}]");
        assertThat(one(documents, "ClusterRoleBinding").at("/roleRef/name"))
                .isEqualTo(one(documents, "ClusterRole").at("/metadata/name"));
        assertThat(one(documents, "ClusterRoleBinding").at("/subjects/0/name"))
                .isEqualTo(one(documents, "ServiceAccount").at("/metadata/name"));
    }

    @Test
    void everySelectorFindsTheServicePod() {
        List<JsonNode> documents = render(REQUIRED);
        JsonNode labels = one(documents, "Deployment").at("/spec/template/metadata/labels");
        List<JsonNode> selectors = List.of(
                one(documents, "Deployment").at("/spec/selector/matchLabels"),
                one(documents, "Service").at("/spec/selector"),
                one(documents, "PodDisruptionBudget").at("/spec/selector/matchLabels"),
                one(documents, "NetworkPolicy").at("/spec/podSelector/matchLabels"));
        assertThat(selectors).allSatisfy(selector -> {
            assertThat(selector.properties()).isNotEmpty();
            selector.properties().forEach(e -> assertThat(labels.get(e.getKey())).isEqualTo(e.getValue()));
        });
    }

    @Test
    void everyNameThatThePodUsesExists() {
        List<JsonNode> documents = render(REQUIRED);
        JsonNode pod = one(documents, "Deployment").at("/spec/template/spec");
        JsonNode container = container(documents);
        assertThat(texts(container.path("args"))).containsExactly(
                "serve", "--home", "/var/lib/longhaul", "--port", "8787");
        assertThat(container.at("/envFrom/0/configMapRef/name"))
                .isEqualTo(one(documents, "ConfigMap").at("/metadata/name"));
        assertThat(pod.path("serviceAccountName"))
                .isEqualTo(one(documents, "ServiceAccount").at("/metadata/name"))
                .isEqualTo(one(documents, "RoleBinding").at("/subjects/0/name"));
        assertThat(pod.at("/volumes/0/persistentVolumeClaim/claimName"))
                .isEqualTo(one(documents, "PersistentVolumeClaim").at("/metadata/name"));
        assertThat(one(documents, "RoleBinding").at("/roleRef/name"))
                .isEqualTo(one(documents, "Role").at("/metadata/name"));
        assertThat(one(documents, "Service").at("/spec/ports/0/targetPort"))
                .isEqualTo(container.at("/ports/0/name"));
        List<JsonNode> mounts = new ArrayList<>();
        container.path("volumeMounts").forEach(mount -> mounts.add(mount.path("name")));
        List<JsonNode> volumes = new ArrayList<>();
        pod.path("volumes").forEach(volume -> volumes.add(volume.path("name")));
        assertThat(mounts).containsExactlyElementsOf(volumes);
    }

    @ParameterizedTest
    @CsvSource({
            "startupProbe, /actuator/health/liveness",
            "livenessProbe, /actuator/health/liveness",
            "readinessProbe, /actuator/health/readiness"})
    void probesTheServicesHealth(String probe, String path) {
        JsonNode rendered = container(render(REQUIRED)).path(probe);
        assertThat(rendered.at("/httpGet/path").asString()).isEqualTo(path);
        assertThat(rendered.path("periodSeconds").asInt()).isPositive();
        assertThat(rendered.path("failureThreshold").asInt()).isPositive();
    }

    @Test
    void takesTheDatabasesPasswordFromASecretOnly() {
        List<JsonNode> documents = render(REQUIRED);
        JsonNode password = container(documents).at("/env/1");
        assertThat(password.path("name").asString()).isEqualTo("SPRING_DATASOURCE_PASSWORD");
        assertThat(password.at("/valueFrom/secretKeyRef/name").asString()).isEqualTo("longhaul-database");
        assertThat(password.at("/valueFrom/secretKeyRef/key").asString()).isEqualTo("password");
        assertThat(all(documents, "Secret")).isEmpty();
    }

    @Test
    void runsWithoutPrivileges() {
        List<JsonNode> documents = render(REQUIRED);
        JsonNode pod = one(documents, "Deployment").at("/spec/template/spec");
        assertThat(pod.at("/securityContext/runAsNonRoot").asBoolean()).isTrue();
        JsonNode security = container(documents).path("securityContext");
        assertThat(security.path("readOnlyRootFilesystem").asBoolean()).isTrue();
        assertThat(security.path("allowPrivilegeEscalation").asBoolean(true)).isFalse();
        assertThat(texts(security.at("/capabilities/drop"))).containsExactly("ALL");
    }

    @Test
    void theRoleReachesJobsAndPodsButReadsNoSecretAndOpensNoShell() {
        List<String> resources = new ArrayList<>();
        one(render(REQUIRED), "Role").path("rules").forEach(rule -> {
            resources.addAll(texts(rule.path("resources")));
            assertThat(texts(rule.path("verbs"))).doesNotContain("*");
            if (texts(rule.path("resources")).contains("secrets")) {
                assertThat(texts(rule.path("verbs"))).containsExactlyInAnyOrder("create", "patch", "delete");
            }
        });
        assertThat(resources)
                .containsExactlyInAnyOrder("jobs", "pods", "services", "configmaps", "secrets", "events");
        List<String> withJobSet = new ArrayList<>();
        one(render(REQUIRED, "rbac: {jobSet: true}"), "Role").path("rules")
                .forEach(rule -> withJobSet.addAll(texts(rule.path("resources"))));
        assertThat(withJobSet).contains("jobsets");
    }

    @Test
    void eachNamespaceOfWorkersHasItsRoleAndTheServiceKnowsIt() {
        assertThat(one(render(REQUIRED), "ConfigMap").at("/data/LONGHAUL_NAMESPACES").asString())
                .isEqualTo("ml");

        List<JsonNode> documents = render(REQUIRED, "workers: {namespaces: [gpu, tpu]}");
        for (String kind : List.of("Role", "RoleBinding")) {
            assertThat(all(documents, kind)).extracting(d -> d.at("/metadata/namespace").asString())
                    .containsExactly("gpu", "tpu");
        }
        assertThat(all(documents, "RoleBinding")).allSatisfy(
                binding -> assertThat(binding.at("/subjects/0/namespace").asString()).isEqualTo("ml"));
        assertThat(one(documents, "ConfigMap").at("/data/LONGHAUL_NAMESPACES").asString())
                .isEqualTo("gpu,tpu");
        List<String> workers = new ArrayList<>();
        one(documents, "NetworkPolicy").at("/spec/ingress/0/from")
                .forEach(
                        peer -> workers.add(
                                peer.at("/namespaceSelector/matchLabels")
                                        .path("kubernetes.io/metadata.name")
                                        .asString("")));
        assertThat(workers).containsExactly("gpu", "tpu", "");
    }

    @Test
    void anEmbeddedDatabaseNeedsNoAddressButAClaim() {
        String embedded = """
                image: {repository: longhaul}
                database: {mode: embedded}
                """;
        List<JsonNode> documents = render(embedded);
        assertThat(one(documents, "ConfigMap").path("data").has("LONGHAUL_DATABASE_URL")).isFalse();
        assertThat(container(documents).has("env")).isFalse();
        assertThat(one(documents, "NetworkPolicy").path("spec").path("egress")).hasSize(2);
        assertThatThrownBy(() -> render(embedded, "persistence: {enabled: false}"))
                .hasMessageContaining("persistence.enabled: ");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            database: {mode: cloudNativePG}              | database.mode: this cluster has no CloudNativePG
            monitoring: {serviceMonitor: {enabled: true}} | monitoring: this cluster has no Prometheus operator
            monitoring: {prometheusRule: {enabled: true}} | monitoring: this cluster has no Prometheus operator
            """)
    void saysWhatTheClusterLacks(String values, String message) {
        assertThatThrownBy(() -> render(REQUIRED, values)).hasMessageContaining(message);
    }

    /** People read values.yaml; a value without a word about it is a riddle. */
    @Test
    void everyValueIsExplainedOrBelongsToOneThatIs() throws IOException {
        List<String> lines = Files.readAllLines(CHART.resolve("values.yaml"));
        List<String> silent = new ArrayList<>();
        boolean spoken = false;
        int explained = -1;
        for (String line : lines) {
            int depth = line.length() - line.stripLeading().length();
            if (line.isBlank()) {
                explained = -1;
            } else if (line.stripLeading().startsWith("#")) {
                spoken = true;
            } else {
                if (spoken && (explained < 0 || depth < explained)) {
                    explained = depth;
                }
                if (!spoken && explained < 0 && !line.endsWith(":")) {
                    silent.add(line);
                }
                spoken = false;
            }
        }
        assertThat(silent).isEmpty();
    }

    @Test
    void optionalObjectsCanBeLeftOut() {
        List<JsonNode> documents = render(REQUIRED, """
                serviceAccount: {create: false, name: existing}
                rbac: {create: false}
                networkPolicy: {enabled: false}
                podDisruptionBudget: {enabled: false}
                persistence: {enabled: false}
                """);
        assertThat(documents).extracting(d -> d.path("kind").asString())
                .containsExactlyInAnyOrder("Deployment", "Service", "ConfigMap");
        JsonNode pod = one(documents, "Deployment").at("/spec/template/spec");
        assertThat(pod.path("serviceAccountName").asString()).isEqualTo("existing");
        assertThat(pod.path("automountServiceAccountToken").asBoolean(true)).isFalse();
        assertThat(pod.at("/volumes/0").has("emptyDir")).isTrue();
    }

    @Test
    void choicesArriveInThePod() {
        List<JsonNode> documents = render(REQUIRED, """
                image: {digest: "sha256:%s"}
                imagePullSecrets: [{name: pull}]
                config: {LOGGING_LEVEL_IO_LONGHAUL: debug}
                service: {port: 9000, annotations: {a: b}}
                persistence: {existingClaim: kept}
                podAnnotations: {c: d}
                nodeSelector: {pool: control}
                tolerations: [{key: control, operator: Exists}]
                affinity: {nodeAffinity: {}}
                priorityClassName: high
                networkPolicy:
                  clients: [{podSelector: {matchLabels: {app: gateway}}}]
                  database: [{ipBlock: {cidr: 10.0.0.0/8}}]
                """.formatted("0".repeat(64)));
        JsonNode pod = one(documents, "Deployment").at("/spec/template/spec");
        assertThat(pod.at("/containers/0/image").asString())
                .isEqualTo("registry.example.org/longhaul@sha256:" + "0".repeat(64));
        assertThat(pod.at("/containers/0/ports/0/containerPort").asInt()).isEqualTo(9000);
        assertThat(pod.at("/containers/0/args/4").asString()).isEqualTo("9000");
        assertThat(pod.at("/imagePullSecrets/0/name").asString()).isEqualTo("pull");
        assertThat(pod.at("/volumes/0/persistentVolumeClaim/claimName").asString()).isEqualTo("kept");
        assertThat(pod.at("/nodeSelector/pool").asString()).isEqualTo("control");
        assertThat(pod.at("/tolerations/0/key").asString()).isEqualTo("control");
        assertThat(pod.at("/affinity").has("nodeAffinity")).isTrue();
        assertThat(pod.at("/priorityClassName").asString()).isEqualTo("high");
        JsonNode data = one(documents, "ConfigMap").path("data");
        assertThat(data.path("LOGGING_LEVEL_IO_LONGHAUL").asString()).isEqualTo("debug");
        assertThat(data.path("LONGHAUL_URL").asString()).isEqualTo("http://train-longhaul.ml.svc:9000");
        assertThat(all(documents, "PersistentVolumeClaim")).isEmpty();
        JsonNode network = one(documents, "NetworkPolicy").path("spec");
        assertThat(network.at("/ingress/0/from/1/podSelector/matchLabels/app").asString())
                .isEqualTo("gateway");
        assertThat(network.at("/egress/1/to/0/ipBlock/cidr").asString()).isEqualTo("10.0.0.0/8");
    }

    @Test
    void aChangedSettingReplacesThePod() {
        String annotation = "checksum/config";
        JsonNode before = one(render(REQUIRED), "Deployment").at("/spec/template/metadata/annotations");
        JsonNode after = one(render(REQUIRED, "config: {A: b}"), "Deployment")
                .at("/spec/template/metadata/annotations");
        assertThat(before.get(annotation).asString()).isNotEqualTo(after.get(annotation).asString());
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "replicas: 0",
            "image: {repositry: x}",
            "image: {digest: latest}",
            "database: {url: 'postgres://x'}",
            "service: {port: 0}",
            "persistence: {size: big}",
            "podDisruptionBudget: {maxUnavailable: 2}",
            "config: {LONGHAUL_URL: x}",
            "config: {LONGHAUL_NAMESPACES: x}",
            "database: {mode: sqlite}",
            "database: {cloudNativePG: {instances: 0}}",
            "workers: {namespaces: [Upper]}",
            "workers: {namespaces: [a, a]}",
            "monitoring: {serviceMonitor: {interval: often}}",
            "monitoring: {dashboards: {enabled: maybe}}",
            "config: {lower: x}"})
    void refusesWrongValues(String values) {
        assertThatThrownBy(() -> render(REQUIRED, values)).hasMessageContaining("schema");
    }

    @ParameterizedTest
    @CsvSource({"image.repository", "database.url", "database.credentials.secretName"})
    void namesTheValueThatIsMissing(String value) {
        String[] path = value.split("\\.");
        String empty = path.length == 2
                ? "%s: {%s: ''}".formatted(path[0], path[1])
                : "%s: {%s: {%s: ''}}".formatted(path[0], path[1], path[2]);
        assertThatThrownBy(() -> render(REQUIRED, empty)).hasMessageContaining(value + ": ");
    }
}

package io.longhaul.orchestrator.launch.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;

import com.marcnuri.helm.Helm;
import io.longhaul.orchestrator.launch.AgentTokens;
import io.longhaul.orchestrator.launch.AttemptKey;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Helm installs, upgrades and removes the chart on a real API server, with everything optional switched on. */
@Tag("cluster")
final class ChartOnClusterTest {
    private static final Path CHART = Path.of("..", "helm", "longhaul").toAbsolutePath().normalize();
    private static final String NAMESPACE = "ops";
    private static final String WORKERS = "pods,jobs,configmaps,secrets,services";
    private static final String VALUES = """
            image: {repository: registry.example.org/longhaul}
            database: {mode: cloudNativePG}
            workers: {namespaces: [ml]}
            monitoring:
              serviceMonitor: {enabled: true}
              prometheusRule: {enabled: true}
              dashboards: {enabled: true}
            """;

    /** Objects of an operator are kept as they are; what they mean is the operator's business. */
    private static String definition(String group, String version, String kind) {
        String plural = kind.toLowerCase(java.util.Locale.ROOT) + "s";
        return """
                apiVersion: apiextensions.k8s.io/v1
                kind: CustomResourceDefinition
                metadata: {name: %s.%s}
                spec:
                  group: %s
                  scope: Namespaced
                  names: {kind: %s, plural: %s}
                  versions:
                    - name: %s
                      served: true
                      storage: true
                      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
                """.formatted(plural, group, group, kind, plural, version);
    }

    @Test
    void comesIsChangedAndGoesWhileRunsStay(@TempDir Path directory) throws Exception {
        try (TestCluster cluster = TestCluster.start("--nodes", "2")) {
            cluster.apply(definition("monitoring.coreos.com", "v1", "ServiceMonitor"));
            cluster.apply(definition("monitoring.coreos.com", "v1", "PrometheusRule"));
            cluster.apply(definition("postgresql.cnpg.io", "v1", "Cluster"));
            cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all");
            cluster.kubectl("create", "namespace", NAMESPACE);
            cluster.kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted");
            Path values = Files.writeString(directory.resolve("values.yaml"), VALUES);

            new Helm(CHART).install()
                    .withName("steady")
                    .withNamespace(NAMESPACE)
                    .withKubeConfig(cluster.administrator())
                    .withValuesFile(values)
                    .call();
            cluster.kubectl("wait", "--for=jsonpath={.status.conditions}", "--timeout=60s", "-n", NAMESPACE,
                    "deployment/steady-longhaul");
            assertThat(cluster.kubectl("get", "pods", "-n", NAMESPACE, "-o", "name"))
                    .as("admitted under restricted")
                    .contains("pod/steady-longhaul-");
            assertThat(cluster.kubectl("get", "servicemonitors,prometheusrules,clusters", "-n", NAMESPACE,
                    "-o", "name"))
                    .contains("servicemonitor", "prometheusrule",
                            "cluster.postgresql.cnpg.io/steady-longhaul-db");
            theServiceMayWorkAndNothingElse(cluster);

            try (KubernetesBackend backend = new KubernetesBackend(Optional.of(cluster.service()),
                    List.of(TestCluster.NAMESPACE), new AgentTokens("secret"), () -> "http://127.0.0.1:1",
                    Duration.ofSeconds(3), () -> true)) {
                assertThat(backend.awaitSynced(Duration.ofMinutes(1))).isTrue();
                backend.create(KubernetesBackendTest.launch(new AttemptKey(UUID.randomUUID(), 1),
                        KubernetesBackendTest.pods("longhaul/worker:1", java.util.Map.of("cpu", "100m"))));
                cluster.kubectl("wait", "--for=condition=Ready", "--timeout=60s", "pod", "--all", "-n",
                        TestCluster.NAMESPACE);
                assertThat(cluster.kubectl("get", "pods", "-n", TestCluster.NAMESPACE, "-o", "name", "-l",
                        "longhaul.io/managed=" + cluster.kubectl("get", "networkpolicy/steady-longhaul", "-n",
                                NAMESPACE,
                                "-o",
                                "jsonpath={.spec.ingress[0].from[0].podSelector.matchLabels.longhaul\\.io/managed}")))
                        .as("workers whom the network policy lets through")
                        .isNotEmpty();
                String running = workers(cluster);
                assertThat(running).contains("Pod ", "Job ", "ConfigMap ", "Secret ");

                new Helm(CHART).upgrade()
                        .withName("steady")
                        .withNamespace(NAMESPACE)
                        .withKubeConfig(cluster.administrator())
                        .withValuesFile(values)
                        .set("podAnnotations.changed", "yes")
                        .call();
                assertThat(workers(cluster)).isEqualTo(running);

                Helm.uninstall("steady")
                        .withNamespace(NAMESPACE)
                        .withKubeConfig(cluster.administrator())
                        .call();
                assertThat(workers(cluster)).isEqualTo(running);
                assertThat(cluster.kubectl("get", "deployments,roles,servicemonitors", "-A", "-l",
                        "app.kubernetes.io/instance=steady,app.kubernetes.io/managed-by=Helm", "-o", "name"))
                        .doesNotContain("ops");
                assertThat(cluster.kubectl("get", "clusters,pvc", "-n", NAMESPACE, "-o", "name"))
                        .as("history is kept")
                        .contains("steady-longhaul-db", "persistentvolumeclaim/steady-longhaul");
            }
        }
    }

    /** Names and unique ids: a replaced object would have another one. */
    private static String workers(TestCluster cluster) {
        return cluster.kubectl("get", WORKERS, "-n", TestCluster.NAMESPACE, "-l",
                "longhaul.io/managed=true", "-o",
                "jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.uid}{\"\\n\"}{end}");
    }

    private static void theServiceMayWorkAndNothingElse(TestCluster cluster) {
        String account = "system:serviceaccount:" + NAMESPACE + ":steady-longhaul";
        for (String may : List.of("create jobs", "watch pods", "patch configmaps", "create secrets",
                "list events")) {
            assertThat(can(cluster, account, may, TestCluster.NAMESPACE)).as(may).isEqualTo("yes");
            assertThat(can(cluster, account, may, "default")).as(may + " elsewhere").startsWith("no");
        }
        for (String never : List.of("get secrets", "list secrets", "create pods", "create pods/exec",
                "get nodes",
                "create roles", "delete services", "create serviceaccounts/token")) {
            assertThat(can(cluster, account, never, TestCluster.NAMESPACE)).as(never).startsWith("no");
        }
    }

    private static String can(TestCluster cluster, String account, String what, String namespace) {
        String[] words = what.split(" ");
        try {
            return cluster.kubectl("auth", "can-i", words[0], words[1], "-n", namespace, "--as", account)
                    .strip();
        } catch (IllegalStateException refused) {
            return "no";
        }
    }
}

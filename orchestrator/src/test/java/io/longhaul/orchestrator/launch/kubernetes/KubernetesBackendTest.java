package io.longhaul.orchestrator.launch.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import io.longhaul.orchestrator.launch.AgentTokens;
import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.launch.AttemptLaunch;
import io.longhaul.orchestrator.launch.BlockedException;
import io.longhaul.orchestrator.launch.NodeSet;
import io.longhaul.orchestrator.launch.PodTemplate;
import io.longhaul.orchestrator.launch.WorkloadBackend;
import io.longhaul.orchestrator.launch.WorkloadBackendContract;
import io.longhaul.orchestrator.launch.WorkloadObservation;
import io.longhaul.orchestrator.launch.WorkloadObservation.Presence;
import io.longhaul.orchestrator.launch.local.ProcessTable;
import io.longhaul.orchestrator.launch.local.ProcessTable.Identity;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** On a real control plane, with the rights that the chart gives. */
@Tag("cluster")
final class KubernetesBackendTest extends WorkloadBackendContract {
    private static final Path STAND_IN = Path.of("src/test/resources/agent-stand-in").toAbsolutePath();
    private static final int PROCESSES_PER_NODE = 3;
    private static TestCluster cluster;

    private final List<KubernetesBackend> open = new ArrayList<>();

    @BeforeAll
    static void startCluster() throws IOException {
        cluster = TestCluster.start("--nodes", "4",
                "--flag", "kube-controller-manager:--node-monitor-grace-period=4s",
                "--flag", "kube-controller-manager:--node-monitor-period=1s",
                "--flag", "kube-apiserver:--default-unreachable-toleration-seconds=1",
                "--flag", "kube-apiserver:--default-not-ready-toleration-seconds=1");
    }

    @AfterAll
    static void endCluster() throws IOException {
        cluster.close();
    }

    @AfterEach
    void close() {
        open.forEach(KubernetesBackend::close);
        cluster.kubectl("delete", "resourcequota", "--all", "-n", TestCluster.NAMESPACE);
    }

    @Override
    protected KubernetesBackend backend() {
        return backend(List.of(TestCluster.NAMESPACE));
    }

    private KubernetesBackend backend(List<String> namespaces) {
        KubernetesBackend backend = new KubernetesBackend(Optional.of(cluster.service()), namespaces,
                new AgentTokens("secret"), () -> "http://127.0.0.1:1", Duration.ofSeconds(3),
                () -> true);
        open.add(backend);
        try {
            assertThat(backend.awaitSynced(Duration.ofMinutes(1))).isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        return backend;
    }

    static PodTemplate pods(String image, Map<String, String> resources) {
        return new PodTemplate(TestCluster.NAMESPACE, image, "/usr/bin/python3", Optional.empty(),
                "/checkpoints",
                resources, Optional.empty(), Map.of("PYTHONPATH", STAND_IN.toString()), List.of(), Map.of(),
                List.of(), List.of(), 10_001, Optional.empty(), Optional.empty());
    }

    static AttemptLaunch launch(AttemptKey key, PodTemplate pods) {
        return new AttemptLaunch(key, 1, NODES, 2, List.of("train"), Map.of(), 0, Optional.of(pods));
    }

    @Override
    protected AttemptLaunch launch(AttemptKey key) {
        return launch(key, pods("longhaul/worker:1", Map.of("cpu", "100m")));
    }

    @Override
    protected List<String> running(AttemptKey key, int agents) {
        while (true) {
            List<String> alive = of(key).stream().map(Identity::toString).sorted().toList();
            if (alive.size() >= agents * PROCESSES_PER_NODE) {
                return alive;
            }
            pause();
        }
    }

    private static List<Identity> of(AttemptKey key) {
        Set<Identity> run = Set.copyOf(ProcessTable.withVariable("LONGHAUL_RUN", key.run().toString()));
        return ProcessTable.withVariable("LONGHAUL_ATTEMPT", Integer.toString(key.attempt()))
                .stream()
                .filter(run::contains)
                .toList();
    }

    @Override
    protected void kill(AttemptKey key, int node) {
        List<Identity> processes = of(key).stream()
                .filter(ProcessTable.withVariable("LONGHAUL_INDEX", Integer.toString(node))::contains)
                .toList();
        processes.forEach(p -> ProcessHandle.of(p.pid()).ifPresent(ProcessHandle::destroyForcibly));
        while (processes.stream().anyMatch(ProcessTable::alive)) {
            pause();
        }
    }

    @Override
    protected void refuse() {
        quota("count/jobs.batch");
    }

    private static void quota(String resource) {
        try {
            cluster.apply("""
                    apiVersion: v1
                    kind: ResourceQuota
                    metadata: {name: small, namespace: ml}
                    spec: {hard: {%s: "0"}}
                    """.formatted(resource));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        while (!cluster.kubectl("get", "quota", "small", "-n", "ml", "-o", "jsonpath={.status.hard}")
                .contains("0")) {
            pause();
        }
    }

    /** What the first node of the attempt waits for, once it waits for something. */
    private String cause(WorkloadBackend backend) {
        while (true) {
            Optional<String> cause = backend.observe()
                    .stream()
                    .filter(o -> o.key().equals(attempt) && o.presence() == Presence.PENDING)
                    .map(WorkloadObservation::detail)
                    .filter(detail -> !detail.isEmpty())
                    .findFirst();
            if (cause.isPresent()) {
                return cause.get();
            }
            pause();
        }
    }

    @Test
    void aRefusalNamesTheQuotaAndTheWayOut() {
        refuse();
        assertThatThrownBy(() -> backend().create(launch(attempt)))
                .isInstanceOf(BlockedException.class)
                .hasMessageContaining("exceeded quota: small")
                .hasMessageContaining("raise it");
    }

    @Test
    void aQuotaOnPodsIsTheCauseWhyNoneIsThere() {
        quota("pods");
        KubernetesBackend backend = backend();
        backend.create(launch(attempt));
        assertThat(cause(backend)).contains("exceeded quota: small").contains("raise it");
    }

    @Test
    void anImageThatCannotBePulledIsNamed() {
        cluster.fault("image-refused", "nowhere/*");
        KubernetesBackend backend = backend();
        backend.create(launch(attempt, pods("nowhere/worker:1", Map.of())));
        assertThat(cause(backend)).startsWith("the image nowhere/worker:1 cannot be pulled; check its name");
    }

    @Test
    void podsThatNoNodeTakesAreNamedWithWhatIsMissing() {
        KubernetesBackend backend = backend();
        backend.create(launch(attempt, pods("longhaul/worker:1", Map.of("nvidia.com/gpu", "9"))));
        assertThat(cause(backend)).contains("Insufficient nvidia.com/gpu").contains("free or add nodes");
    }

    @Test
    void aNamespaceWithoutRightsIsNamedWithTheRemedy() {
        KubernetesBackend backend = new KubernetesBackend(Optional.of(cluster.service()), List.of("default"),
                new AgentTokens("secret"), () -> "http://127.0.0.1:1", Duration.ofSeconds(3),
                () -> true);
        open.add(backend);
        UnaryOperator<PodTemplate> elsewhere = pods -> new PodTemplate("default", pods.image(), pods.python(),
                pods.ranks(), pods.checkpoints(), pods.resources(), pods.sharedMemory(), pods.environment(),
                pods.volumes(), pods.nodeSelector(), pods.tolerations(), pods.imagePullSecrets(), pods.user(),
                pods.queue(), pods.priorityClass());
        assertThatThrownBy(() -> backend.create(launch(attempt, elsewhere.apply(pods("worker", Map.of())))))
                .isInstanceOf(BlockedException.class)
                .hasMessageContaining("namespace default")
                .hasMessageContaining("bind the chart's Role");
    }

    @ParameterizedTest
    @CsvSource({"get,secrets", "list,secrets", "create,pods", "create,pods/exec", "get,pods/log",
            "delete,services",
            "update,configmaps", "deletecollection,jobs", "deletecollection,pods", "list,nodes",
            "list,namespaces", "create,roles"})
    void theServiceMayDoNothingElse(String verb, String resource) {
        assertThat(cluster.mayTheService(verb, resource)).isFalse();
    }

    @Test
    void aDeletedPodIsGoneAndTheOtherGoesOn() {
        KubernetesBackend backend = backend();
        backend.create(launch(attempt));
        running(attempt, NODES);
        cluster.kubectl("delete", "pod", "-n", "ml", "--grace-period=1", "-l",
                Names.selector(attempt) + "," + Names.INDEX + "=1");
        presence(backend, Presence.RUNNING, Presence.GONE);
        assertThat(running(attempt, 1)).hasSize(PROCESSES_PER_NODE);
    }

    /** A lost node is no failure; a pod on it is given up by the fence only when the node was silent for long. */
    @Test
    void aLostNodeIsUnknownThenLostAndTheFenceWaitsForIt() {
        KubernetesBackend backend = backend();
        backend.create(launch(attempt));
        running(attempt, NODES);
        presence(backend, Presence.RUNNING, Presence.RUNNING);
        String node = cluster.kubectl("get", "pod", "-n", "ml", "-l",
                Names.selector(attempt) + "," + Names.INDEX + "=1", "-o",
                "jsonpath={.items[0].spec.nodeName}");
        cluster.fault("node-lost", node);
        try {
            presence(backend, Presence.RUNNING, Presence.LOST);
            backend.fence(attempt);
            assertThat(cluster.kubectl("get", "pod", "-n", "ml", "-l", Names.selector(attempt), "-o", "name"))
                    .isBlank();
            assertThat(of(attempt)).as("nobody reaches them").hasSize(PROCESSES_PER_NODE);
        } finally {
            cluster.fault("node-back", node);
        }
        while (!of(attempt).isEmpty()) {
            pause();
        }
    }

    @Test
    void aQueueInAClusterWithoutKueueIsNamed() {
        PodTemplate plain = pods("longhaul/worker:1", Map.of());
        PodTemplate queued = new PodTemplate(plain.namespace(), plain.image(), plain.python(), plain.ranks(),
                plain.checkpoints(), plain.resources(), plain.sharedMemory(), plain.environment(),
                plain.volumes(),
                plain.nodeSelector(), plain.tolerations(), plain.imagePullSecrets(), plain.user(),
                Optional.of("training"), plain.priorityClass());
        assertThatThrownBy(() -> backend().create(launch(attempt, queued)))
                .isInstanceOf(BlockedException.class)
                .hasMessageContaining("no Kueue")
                .hasMessageContaining("submit without kubernetes.queue");
    }

    @Test
    void whatTheClusterLacksIsSaid() {
        assertThat(backend().capabilities()).filteredOn(c -> !c.found())
                .extracting(io.longhaul.orchestrator.launch.Capability::name)
                .as("its user may not read nodes")
                .containsExactly("nodes", "kueue", "jobset", "pod-group");
    }

    @Test
    void somePodsEndForGoodAndTheNextAttemptMakesOnlyThose() {
        KubernetesBackend backend = backend();
        AttemptLaunch first = launch(attempt);
        backend.create(first);
        running(attempt, NODES);
        backend.endNodes(attempt, NodeSet.parse("0"));
        assertThat(backend.observe(attempt.run()))
                .extracting(WorkloadObservation::node, WorkloadObservation::presence)
                .contains(tuple(0, Presence.GONE), tuple(1, Presence.RUNNING));
        AttemptKey second = new AttemptKey(attempt.run(), 2);
        backend.create(new AttemptLaunch(second, 1, NODES, 2, first.command(), first.environment(), 0,
                first.pods(),
                List.of(), new TreeMap<>(Map.of(1, NodeSet.first(NODES).without(NodeSet.parse("0"))))));
        running(second, 1);
        assertThat(backend.machines(second)).containsOnlyKeys(0);
        assertThat(backend.machines(attempt)).containsKey(1);
        backend.fence(attempt);
        backend.fence(second);
        backend.delete(attempt);
        backend.delete(second);
    }

    @Test
    void podsKeepOffTheNodesToAvoid() {
        KubernetesBackend backend = backend();
        List<String> all = cluster.kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name}")
                .lines()
                .flatMap(line -> java.util.Arrays.stream(line.split(" ")))
                .toList();
        List<String> avoid = all.subList(0, all.size() - 1);
        AttemptLaunch anywhere = launch(attempt);
        backend.create(new AttemptLaunch(attempt, 1, NODES, 2, anywhere.command(), anywhere.environment(), 0,
                anywhere.pods(), avoid, Collections.emptySortedMap()));
        running(attempt, NODES);
        assertThat(backend.observe()).filteredOn(seen -> seen.key().equals(attempt))
                .hasSize(NODES)
                .allSatisfy(seen -> assertThat(seen.detail()).contains("runs on node " + all.getLast()));
    }

    private void presence(WorkloadBackend backend, Presence... wanted) {
        while (!backend.observe()
                .stream()
                .filter(o -> o.key().equals(attempt))
                .sorted(java.util.Comparator.comparingInt(WorkloadObservation::node))
                .map(WorkloadObservation::presence)
                .toList()
                .equals(List.of(wanted))) {
            pause();
        }
    }
}

package io.longhaul.orchestrator.launch.kubernetes;

import com.marcnuri.helm.Helm;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

/**
 * A cluster of the test bench for one test class: a real control plane, pods as processes of this machine. The service's
 * user may do what the chart's Role says, and nothing else.
 */
final class TestCluster implements AutoCloseable {
    static final String NAMESPACE = "ml";
    private static final YAMLMapper YAML = new YAMLMapper();

    private final Path directory;
    private final Process process;

    private TestCluster(Path directory, Process process) {
        this.directory = directory;
        this.process = process;
    }

    /** @param options of {@code longhaul cluster up} */
    static TestCluster start(String... options) throws IOException {
        Path binaries = Path.of(Optional.ofNullable(System.getenv("LONGHAUL_CONTROLPLANE_BIN"))
                .orElseThrow(() -> new IllegalStateException(
                        "LONGHAUL_CONTROLPLANE_BIN is not set: run these tests with ./longhaul test")));
        Path directory = Files.createTempDirectory("longhaul-cluster");
        List<String> command = new ArrayList<>(
                List.of(binaries.resolve("bench").toString(), "up", "--foreground",
                        "--dir", directory.toString(), "--lease-every", "1s"));
        command.addAll(List.of(options));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        BufferedReader output = process.inputReader();
        List<String> said = new ArrayList<>();
        String line;
        do {
            line = output.readLine();
            if (line == null) {
                throw new IllegalStateException("the cluster did not start: " + said);
            }
            said.add(line);
        } while (!line.startsWith("ready after"));
        Thread.ofVirtual().start(() -> output.lines().forEach(rest -> {
        }));
        TestCluster cluster = new TestCluster(directory, process);
        cluster.allowTheService();
        return cluster;
    }

    private void allowTheService() throws IOException {
        kubectl("create", "namespace", NAMESPACE);
        kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted");
        Path values = Files.writeString(directory.resolve("values.yaml"), """
                image: {repository: longhaul}
                database: {url: "jdbc:postgresql://db/longhaul", credentials: {secretName: db}}
                workers: {namespaces: [ml]}
                """);
        String chart = new Helm(Path.of("..", "helm", "longhaul").toAbsolutePath().normalize()).template()
                .withName("train")
                .withNamespace(NAMESPACE)
                .withKubeVersion("1.36.0")
                .withValuesFile(values)
                .call();
        for (String document : chart.split("(?m)^---$")) {
            JsonNode object = YAML.readTree(document);
            if (object.path("kind").asString("").startsWith("Role")) {
                if (object.path("subjects").path(0) instanceof ObjectNode subject) {
                    subject.removeAll();
                    subject.put("kind", "User").put("name", "nobody");
                }
                apply(YAML.writeValueAsString(object));
            }
        }
    }

    Path service() {
        return directory.resolve("nobody.kubeconfig");
    }

    Path administrator() {
        return directory.resolve("admin.kubeconfig");
    }

    void apply(String yaml) throws IOException {
        Path file = Files.writeString(Files.createTempFile(directory, "object", ".yaml"), yaml);
        kubectl("apply", "-f", file.toString());
    }

    /** Runs kubectl as the administrator; returns what it printed. */
    String kubectl(String... arguments) {
        return run(Stream.concat(
                Stream.of("kubectl", "--kubeconfig", administrator().toString()), Stream.of(arguments))
                .toList());
    }

    /** Whether the API server lets the service's user do this in its namespace. */
    boolean mayTheService(String verb, String resource) {
        try {
            Process process = new ProcessBuilder("kubectl", "--kubeconfig", service().toString(), "auth",
                    "can-i", verb,
                    resource, "-n", NAMESPACE, "-q").start();
            return process.waitFor() == 0;
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    void fault(String... arguments) {
        List<String> command = new ArrayList<>(
                List.of(System.getenv("LONGHAUL_CONTROLPLANE_BIN") + "/bench", "fault"));
        command.addAll(List.of(arguments));
        command.addAll(List.of("--dir", directory.toString()));
        run(command);
    }

    private static String run(List<String> command) {
        try {
            Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
            String output = new String(process.getInputStream().readAllBytes());
            if (process.waitFor() != 0) {
                throw new IllegalStateException(command + ": " + output);
            }
            return output;
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() throws IOException {
        process.destroy();
        try {
            process.waitFor();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        try (Stream<Path> files = Files.walk(directory)) {
            files.sorted(java.util.Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
        }
    }
}

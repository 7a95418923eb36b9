package io.longhaul.orchestrator.launch.local;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.orchestrator.launch.AgentTokens;
import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.launch.AttemptLaunch;
import io.longhaul.orchestrator.launch.WorkloadBackend;
import io.longhaul.orchestrator.launch.WorkloadBackendContract;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class LocalBackendTest extends WorkloadBackendContract {
    private static final Path STAND_IN = Path.of("src/test/resources/agent-stand-in").toAbsolutePath();
    private static final int PROCESSES_PER_NODE = 3;

    @TempDir
    Path runs;

    @Override
    protected LocalBackend backend() {
        return backend("/usr/bin/python3");
    }

    private LocalBackend backend(String python) {
        return new LocalBackend(runs, STAND_IN, python, new AgentTokens("secret"),
                () -> "http://127.0.0.1:1");
    }

    private Path node(AttemptKey key, int node) {
        return runs.resolve(key.run().toString()).resolve("attempt-" + key.attempt()).resolve("node-" + node);
    }

    @Override
    protected List<String> running(AttemptKey key, int agents) {
        while (true) {
            List<String> alive = new ArrayList<>();
            for (int node = 0; node < NODES; node++) {
                started(key, node).stream()
                        .filter(pid -> ProcessTable.started(Long.parseLong(pid)).isPresent())
                        .forEach(alive::add);
            }
            if (alive.size() >= agents * PROCESSES_PER_NODE) {
                return alive;
            }
            Thread.onSpinWait();
        }
    }

    /** Processes that the stand-in of a node has started. */
    private List<String> started(AttemptKey key, int node) {
        try {
            Path file = node(key, node).resolve("started");
            return Files.exists(file) ? Files.readAllLines(file) : List.of();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    protected void kill(AttemptKey key, int node) {
        for (String pid : started(key, node)) {
            ProcessHandle.of(Long.parseLong(pid)).ifPresent(ProcessHandle::destroyForcibly);
            while (ProcessTable.started(Long.parseLong(pid)).isPresent()) {
                Thread.onSpinWait();
            }
        }
    }

    @Override
    protected void refuse() {
        try {
            Files.createDirectories(node(attempt, 1).getParent());
            Files.writeString(node(attempt, 1), "in the way");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The service dies between starting the agents and writing that down. */
    @Test
    void agentsThatWereNotWrittenDownAreFoundInTheProcessTable() throws IOException {
        backend().create(launch(attempt));
        List<String> first = running(attempt, NODES);
        for (int node = 0; node < NODES; node++) {
            Files.delete(node(attempt, node).resolve("launched"));
        }
        WorkloadBackend next = backend();
        next.create(launch(attempt));
        assertThat(running(attempt, NODES)).isEqualTo(first);
        assertThat(next.observe()).hasSize(NODES);
    }

    @Test
    void anAgentThatCannotRunIsGoneWithItsLastWords() {
        LocalBackend broken = backend("/no/such/python");
        broken.create(new AttemptLaunch(attempt, 1, 1, 1, List.of("train"), Map.of(), 0));
        while (broken.observe()
                .getFirst()
                .presence() == io.longhaul.orchestrator.launch.WorkloadObservation.Presence.RUNNING) {
            Thread.onSpinWait();
        }
        assertThat(broken.observe().getFirst().detail()).contains("/no/such/python");
    }
}

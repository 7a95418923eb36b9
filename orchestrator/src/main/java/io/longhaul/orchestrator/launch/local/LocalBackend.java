package io.longhaul.orchestrator.launch.local;

import io.longhaul.orchestrator.launch.AgentTokens;
import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.launch.AttemptLaunch;
import io.longhaul.orchestrator.launch.LaunchException;
import io.longhaul.orchestrator.launch.WorkloadBackend;
import io.longhaul.orchestrator.launch.WorkloadObservation;
import io.longhaul.orchestrator.launch.WorkloadObservation.Presence;
import io.longhaul.orchestrator.launch.local.ProcessTable.Identity;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * Agents as processes of this machine. Who belongs to an attempt is read from the kernel's process table (the
 * agents' directory stands in the environment of agent and ranks), so that nothing is started twice or forgotten
 * when the service dies between starting a process and writing that down.
 */
public final class LocalBackend implements WorkloadBackend {
    private static final String DIRECTORY_VARIABLE = "LONGHAUL_STATE_DIR";
    private static final String MARKER = "launched";
    private static final String LOG = "agent.out";

    private final Path runs;
    private final Path worker;
    private final String python;
    private final AgentTokens tokens;
    private final Supplier<String> serviceUrl;
    private final Map<NodeKey, Optional<Identity>> agents = new TreeMap<>(
            Comparator.comparing(NodeKey::toString));

    private record NodeKey(AttemptKey attempt, int node) {}

    /**
     * @param runs directory of the runs' own files
     * @param worker directory that holds the Python packages {@code longhaul_agent} and {@code longhaul_trainer}
     * @param python interpreter for agents and ranks
     * @param serviceUrl where agents reach the service
     */
    public LocalBackend(
            Path runs,
            Path worker,
            String python,
            AgentTokens tokens,
            Supplier<String> serviceUrl) {
        this.runs = runs;
        this.worker = worker;
        this.python = python;
        this.tokens = tokens;
        this.serviceUrl = serviceUrl;
        launchedEarlier().forEach(node -> agents.put(node, agentOf(node)));
    }

    @Override
    public synchronized void create(AttemptLaunch launch) {
        Path attempt = directory(launch.key());
        try {
            for (int node = 0; node < launch.nodes(); node++) {
                NodeKey key = new NodeKey(launch.key(), node);
                Path directory = directory(key);
                Files.createDirectories(directory);
                Optional<Identity> agent = agentOf(key);
                if (agent.isEmpty()) {
                    if (Files.exists(directory.resolve(MARKER))) {
                        continue;
                    }
                    agent = start(key, launch.epoch(), directory);
                }
                markLaunched(directory);
                agents.put(key, agent);
            }
        } catch (IOException e) {
            fence(launch.key());
            delete(launch.key());
            throw new LaunchException(
                    "cannot start agents under " + attempt + ": " + e.getMessage()
                            + "; is the disk full, or " + python + " missing?",
                    e);
        }
    }

    /** The new process, by its number: for a moment it does not have the agent's environment yet. */
    private Optional<Identity> start(NodeKey key, long epoch, Path directory) throws IOException {
        Path log = directory.resolve(LOG);
        ProcessBuilder builder = new ProcessBuilder("setsid", python, "-m", "longhaul_agent")
                .directory(directory.toFile())
                .redirectInput(ProcessBuilder.Redirect.from(new java.io.File("/dev/null")))
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
        Map<String, String> environment = builder.environment();
        environment.put("LONGHAUL_SERVICE_URL", serviceUrl.get());
        environment.put("LONGHAUL_AGENT_TOKEN", tokens.token(key.attempt(), key.node()));
        environment.put("LONGHAUL_RUN", key.attempt().run().toString());
        environment.put("LONGHAUL_ATTEMPT", Integer.toString(key.attempt().attempt()));
        environment.put("LONGHAUL_NODE", Integer.toString(key.node()));
        environment.put("LONGHAUL_EPOCH", Long.toString(epoch));
        environment.put(DIRECTORY_VARIABLE, directory.toString());
        environment.put("PYTHONPATH", worker.toString());
        environment.put("PYTHONUNBUFFERED", "1");
        return ProcessTable.of(builder.start().pid());
    }

    /** An agent that was started and is no longer there is gone, not to be started again: the marker says so. */
    private static void markLaunched(Path directory) throws IOException {
        Path draft = directory.resolve(MARKER + ".new");
        Files.writeString(draft, "");
        Files.move(draft, directory.resolve(MARKER), StandardCopyOption.ATOMIC_MOVE);
    }

    @Override
    public synchronized List<WorkloadObservation> observe() {
        List<WorkloadObservation> seen = new ArrayList<>();
        agents.forEach((key, agent) -> {
            boolean alive = agent.isPresent() && ProcessTable.alive(agent.get());
            String which = agent.map(a -> "agent process " + a.pid()).orElse("the agent process");
            seen.add(
                    alive
                            ? new WorkloadObservation(key.attempt(), key.node(), Presence.RUNNING,
                                    which + " runs")
                            : new WorkloadObservation(key.attempt(), key.node(), Presence.GONE,
                                    which + " has ended" + lastWords(directory(key))));
        });
        return seen;
    }

    private static String lastWords(Path directory) {
        try (Stream<String> lines = Files.lines(directory.resolve(LOG), StandardCharsets.ISO_8859_1)) {
            return lines.filter(line -> !line.isBlank())
                    .reduce((earlier, later) -> later)
                    .map(line -> ": " + line)
                    .orElse("");
        } catch (IOException | UncheckedIOException unreadable) {
            return "";
        }
    }

    @Override
    public synchronized void fence(AttemptKey attempt) {
        for (Path directory : nodeDirectories(directory(attempt))) {
            List<Identity> alive = processesOf(directory);
            while (!alive.isEmpty()) {
                alive.forEach(
                        process -> ProcessHandle.of(process.pid()).ifPresent(ProcessHandle::destroyForcibly));
                awaitDeath(alive);
                alive = processesOf(directory);
            }
        }
    }

    private static void awaitDeath(List<Identity> processes) {
        try {
            for (Identity process : processes) {
                while (ProcessTable.alive(process)) {
                    Thread.sleep(5);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while processes were dying; fencing is repeated", e);
        }
    }

    @Override
    public synchronized void delete(AttemptKey attempt) {
        agents.keySet().removeIf(key -> key.attempt().equals(attempt));
        try {
            for (Path directory : nodeDirectories(directory(attempt))) {
                Files.deleteIfExists(directory.resolve(MARKER));
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot clear " + directory(attempt), e);
        }
    }

    private Path directory(AttemptKey attempt) {
        return runs.resolve(attempt.run().toString()).resolve("attempt-" + attempt.attempt());
    }

    private Path directory(NodeKey key) {
        return directory(key.attempt()).resolve("node-" + key.node());
    }

    private Optional<Identity> agentOf(NodeKey key) {
        // A rank that is being started looks like its agent for a moment, but began later.
        return processesOf(directory(key))
                .stream()
                .filter(LocalBackend::isAgent)
                .min(Comparator.comparingLong(Identity::started));
    }

    private static boolean isAgent(Identity process) {
        return ProcessTable.commandLine(process.pid()).contains("longhaul_agent");
    }

    private static List<Identity> processesOf(Path directory) {
        return ProcessTable.withVariable(DIRECTORY_VARIABLE, directory.toString());
    }

    private List<NodeKey> launchedEarlier() {
        List<NodeKey> found = new ArrayList<>();
        for (Path run : entries(runs, "*-*-*-*-*")) {
            for (Path attempt : entries(run, "attempt-*")) {
                for (Path node : nodeDirectories(attempt)) {
                    if (Files.exists(node.resolve(MARKER))) {
                        found.add(new NodeKey(
                                new AttemptKey(UUID.fromString(run.getFileName().toString()),
                                        numberOf(attempt)),
                                numberOf(node)));
                    }
                }
            }
        }
        return found;
    }

    private static int numberOf(Path directory) {
        String name = directory.getFileName().toString();
        return Integer.parseInt(name.substring(name.indexOf('-') + 1));
    }

    private static List<Path> nodeDirectories(Path attempt) {
        return entries(attempt, "node-*").stream().filter(Files::isDirectory).toList();
    }

    private static List<Path> entries(Path directory, String glob) {
        if (!Files.isDirectory(directory)) {
            return List.of();
        }
        List<Path> found = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory, glob)) {
            stream.forEach(found::add);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list " + directory, e);
        }
        return found;
    }
}

package io.longhaul.orchestrator.cli.demo;

import io.longhaul.orchestrator.service.ServiceHome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** The service of a home as a process of its own, so that it can stay when the demonstration ends. */
final class ServiceProcess {
    private static final long START_SECONDS = 120;
    private static final long STOP_SECONDS = 60;

    private final Path home;
    private final ProcessHandle process;
    private final boolean startedHere;

    private ServiceProcess(Path home, ProcessHandle process, boolean startedHere) {
        this.home = home;
        this.process = process;
        this.startedHere = startedHere;
    }

    /**
     * The service that holds {@code home}, or a new one, which is not {@linkplain #awaitUp up} yet.
     *
     * @param environment variables that only a new one has
     */
    static ServiceProcess of(Path home, int port, Map<String, String> environment) {
        return ServiceHome.holder(home)
                .map(process -> {
                    if (!environment.isEmpty()) {
                        throw new DemoException("a service that knows nothing of this cluster holds " + home
                                + " (process " + process.pid() + "): stop it, or choose another --home");
                    }
                    return new ServiceProcess(home, process, false);
                })
                .orElseGet(() -> start(home, port, environment));
    }

    private static ServiceProcess start(Path home, int port, Map<String, String> environment) {
        try {
            Files.createDirectories(home);
            ProcessBuilder builder = new ProcessBuilder(command(home, port))
                    .redirectErrorStream(true)
                    .redirectInput(ProcessBuilder.Redirect.from(new java.io.File("/dev/null")))
                    .redirectOutput(ProcessBuilder.Redirect.appendTo(log(home).toFile()));
            builder.environment().putAll(environment);
            return new ServiceProcess(home, builder.start().toHandle(), true);
        } catch (IOException e) {
            throw new DemoException("cannot start the service under " + home + ": " + e.getMessage(), e);
        }
    }

    private static Path log(Path home) {
        return home.resolve("service.log");
    }

    /**
     * Waits until the service answers.
     *
     * @throws DemoException if it ends instead, with its last words
     */
    void awaitUp() {
        try {
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_SECONDS);
            while (ServiceHome.holder(home).filter(process::equals).isEmpty()) {
                if (!process.isAlive() || System.nanoTime() > deadline) {
                    stop();
                    throw new DemoException(
                            "the service did not start, its last words (" + log(home) + "):\n" + tail());
                }
                TimeUnit.MILLISECONDS.sleep(100);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DemoException("interrupted while the service was starting", e);
        }
    }

    /** In a session of its own, so that a Ctrl-C in the terminal reaches the demonstration alone. */
    private static List<String> command(Path home, int port) {
        List<String> command = new ArrayList<>(List.of("setsid"));
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-XX:+UseSerialGC", "-Xmx512m", "--enable-native-access=ALL-UNNAMED"));
        command.addAll(List.of("-cp", System.getProperty("java.class.path")));
        command.add("io.longhaul.orchestrator.cli.LonghaulCli");
        command.addAll(List.of("serve", "--home", home.toString(), "--port", Integer.toString(port)));
        return command;
    }

    private String tail() {
        try {
            List<String> lines = Files.readAllLines(log(home));
            return String.join("\n", lines.subList(Math.max(0, lines.size() - 15), lines.size()));
        } catch (IOException e) {
            return "none, the log cannot be read: " + e.getMessage();
        }
    }

    String url() {
        try {
            return Files.readString(home.resolve("service.url")).strip();
        } catch (IOException e) {
            throw new DemoException("the service under " + home + " has ended", e);
        }
    }

    boolean alive() {
        return process.isAlive();
    }

    /** Whether this demonstration started it, so that it may end it. */
    boolean startedHere() {
        return startedHere;
    }

    /** SIGTERM, and SIGKILL when it takes too long. */
    void stop() {
        process.destroy();
        try {
            process.onExit().get(STOP_SECONDS, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            process.destroyForcibly();
        } catch (ExecutionException e) {
            throw new DemoException("cannot wait for the service to end", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            process.destroyForcibly();
        }
    }
}

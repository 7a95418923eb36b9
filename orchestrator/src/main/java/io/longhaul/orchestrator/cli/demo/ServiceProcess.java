package io.longhaul.orchestrator.cli.demo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** The service of a home as a process of its own, so that it can stay when the demonstration ends. */
final class ServiceProcess {
    private static final long START_SECONDS = 120;
    private static final long STOP_SECONDS = 30;

    private final String url;
    private final ProcessHandle process;
    private final boolean startedHere;

    private ServiceProcess(String url, ProcessHandle process, boolean startedHere) {
        this.url = url;
        this.process = process;
        this.startedHere = startedHere;
    }

    /** The service that holds {@code home}, started if there is none. */
    static ServiceProcess of(Path home, int port) {
        Optional<ServiceProcess> running = running(home, false);
        return running.orElseGet(() -> start(home, port));
    }

    private static Optional<ServiceProcess> running(Path home, boolean startedHere) {
        try {
            Path url = home.resolve("service.url");
            Path pid = home.resolve("service.pid");
            if (!Files.exists(url) || !Files.exists(pid)) {
                return Optional.empty();
            }
            String address = Files.readString(url).strip();
            return ProcessHandle.of(Long.parseLong(Files.readString(pid).strip()))
                    .map(process -> new ServiceProcess(address, process, startedHere));
        } catch (IOException | NumberFormatException e) {
            return Optional.empty();
        }
    }

    private static ServiceProcess start(Path home, int port) {
        Path log = home.resolve("service.log");
        try {
            Files.createDirectories(home);
            Files.deleteIfExists(home.resolve("service.url"));
            Process child = new ProcessBuilder(command(home, port))
                    .redirectErrorStream(true)
                    .redirectInput(ProcessBuilder.Redirect.from(new java.io.File("/dev/null")))
                    .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                    .start();
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_SECONDS);
            while (child.isAlive() && System.nanoTime() < deadline) {
                Optional<ServiceProcess> up = running(home, true).filter(s -> s.process.pid() == child.pid());
                if (up.isPresent()) {
                    return up.get();
                }
                TimeUnit.MILLISECONDS.sleep(100);
            }
            child.destroy();
            throw new DemoException("the service did not start, its last words (" + log + "):\n" + tail(log));
        } catch (IOException e) {
            throw new DemoException("cannot start the service under " + home + ": " + e.getMessage(), e);
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

    private static String tail(Path log) throws IOException {
        List<String> lines = Files.readAllLines(log);
        return String.join("\n", lines.subList(Math.max(0, lines.size() - 15), lines.size()));
    }

    String url() {
        return url;
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

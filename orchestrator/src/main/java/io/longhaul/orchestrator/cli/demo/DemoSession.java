package io.longhaul.orchestrator.cli.demo;

import io.longhaul.orchestrator.cli.ApiClient;
import io.longhaul.orchestrator.cli.ApiException;
import io.longhaul.orchestrator.cli.Homes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** One demonstration from the start of the service to its end; {@link #close} leaves no process behind. */
final class DemoSession implements AutoCloseable {
    private static final List<String> ENDED = List.of("completed", "failed", "stopped", "waiting");
    private static final long POLL_MILLIS = 400;
    private static final long LIMIT_SECONDS = 900;
    /** Longer than a stopped run may take to write its last checkpoint. */
    private static final long STOP_SECONDS = 90;

    private final Path home;
    private final int port;
    private final boolean keep;
    private final boolean inPods;
    private volatile @Nullable DemoCluster cluster;
    private final Thread onInterrupt = new Thread(this::abandon, "interrupted");
    private volatile @Nullable ServiceProcess service;
    private volatile @Nullable String runningId;
    private volatile @Nullable FaultInjector injector;
    private final CountDownLatch interrupted = new CountDownLatch(1);

    /** @param inPods whether the ranks run in the pods of a test cluster */
    DemoSession(Path home, int port, boolean keep, boolean inPods) {
        this.home = home;
        this.port = port;
        this.keep = keep;
        this.inPods = inPods;
    }

    DemoSummary run() {
        long from = System.nanoTime();
        Runtime.getRuntime().addShutdownHook(onInterrupt);
        Path worker = Path.of(Homes.setting("LONGHAUL_WORKER", "worker")).toAbsolutePath();
        Path corpus = home.resolve("demo/corpus");
        say("preparing a corpus in which shard " + DemoCorpus.NOISE_SHARD + " is noise");
        String python = Homes.setting("LONGHAUL_PYTHON", "/usr/bin/python3");
        DemoCorpus.build(corpus, worker, python);
        String spec = inPods ? startCluster().spec(spec(), worker, python) : localSpec(corpus);
        say("starting the service");
        ServiceProcess running = unlessAbandoned(() -> ServiceProcess.of(home, port, environment()),
                s -> service = s);
        running.awaitUp();
        ApiClient api = new ApiClient(running.url());
        int earlier = api.runs().path("runs").size();
        if (earlier > 0) {
            say(earlier + " earlier " + (earlier == 1 ? "run" : "runs") + " in this home, see "
                    + running.url());
        }
        say("measuring this machine and planning");
        String id = unlessAbandoned(() -> api.submit(spec).path("id").asString(),
                submitted -> runningId = submitted);
        say("watch it: " + running.url() + "/runs/" + id);
        JsonNode ended = follow(api, id);
        runningId = null;
        return new DemoSummary(ended, running.url() + "/runs/" + id, (System.nanoTime() - from) / 1e9);
    }

    /** Starts something that {@link #abandon} has to end again, and notes it before that can begin. */
    private synchronized <T> T unlessAbandoned(Supplier<T> start, Consumer<T> note) {
        if (interrupted.getCount() == 0) {
            throw new DemoException("interrupted");
        }
        T started = start.get();
        note.accept(started);
        return started;
    }

    private DemoCluster startCluster() {
        say("starting a Kubernetes cluster on this machine");
        DemoCluster starting = unlessAbandoned(
                () -> DemoCluster.start(root(), home.resolve("demo/cluster")), c -> cluster = c);
        starting.awaitUp(home.resolve("demo"));
        return starting;
    }

    private Map<String, String> environment() {
        DemoCluster running = cluster;
        return running == null ? Map.of() : Map.of("LONGHAUL_KUBECONFIG", running.kubeconfig().toString());
    }

    private static Path root() {
        return Path.of(Homes.setting("LONGHAUL_ROOT", ".")).toAbsolutePath();
    }

    private static String localSpec(Path corpus) {
        return spec().replaceFirst("(?m)^training:$", "training:\n  data: '" + corpus + "'");
    }

    private static String spec() {
        Path file = root().resolve("examples/demo.yaml");
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new DemoException("cannot read " + file + ": " + e.getMessage(), e);
        }
    }

    private JsonNode follow(ApiClient api, String id) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        int incidents = 0;
        long shown = -1;
        String phase = "";
        while (System.nanoTime() < deadline) {
            JsonNode run = api.run(id);
            if (injector == null && run.path("totalSteps").asLong() > 0) {
                injector = new FaultInjector(id, run.path("totalSteps").asLong());
            }
            long step = run.path("step").asLong();
            String now = run.path("phase").asString("");
            if (!now.equals(phase) || step >= shown + 50) {
                phase = now;
                shown = step;
                say(progress(run));
            }
            for (; incidents < run.path("incidents").size(); incidents++) {
                JsonNode incident = run.path("incidents").get(incidents);
                say("! " + incident.path("summary").asString("") + " -> "
                        + incident.path("action").asString(""));
            }
            if (ENDED.contains(now)) {
                return run;
            }
            if (injector != null && now.equals("training")) {
                String done = injector.progress(run.path("attempts").size(), step);
                if (!done.isEmpty()) {
                    say("* " + done);
                }
            }
            pause();
        }
        throw new DemoException(
                "the run did not end within " + LIMIT_SECONDS + " s; see " + home + "/runs/" + id);
    }

    private static String progress(JsonNode run) {
        JsonNode loss = run.path("loss");
        return String.format(
                Locale.ROOT, "%-10s step %4d of %d%s%s", run.path("phase").asString(""),
                run.path("step").asLong(),
                run.path("totalSteps").asLong(),
                loss.isNumber() ? String.format(Locale.ROOT, ", loss %.3f", loss.asDouble()) : "",
                run.path("attempts").size() > 0 ? ", attempt " + run.path("attempts").size() : "");
    }

    private static void pause() {
        try {
            TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DemoException("interrupted", e);
        }
    }

    private static void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(onInterrupt);
        } catch (IllegalStateException alreadyEnding) {
            return;
        }
        abandonRun();
        if (service != null && service.startedHere() && !keep) {
            service.stop();
        } else if (service != null && service.alive()) {
            say("the service stays up: " + service.url());
        }
        if (cluster != null) {
            cluster.close();
        }
    }

    /** Ctrl-C: no process stays, whatever {@code --keep} says, except a service that was there before. */
    private void abandon() {
        interrupted.countDown();
        say("interrupted: ending what was started");
        synchronized (this) {
            // A start that is under way is noted by now, and none begins any more.
        }
        abandonRun();
        if (service != null && service.startedHere()) {
            service.stop();
        }
        ProcessHandle.current().children().forEach(ProcessHandle::destroyForcibly);
    }

    /**
     * Whether the user has had enough: errors of calls that were under way mean nothing. Ctrl-C also reaches a process
     * that is just being started, and its failure may be known before the interrupt is.
     */
    boolean abandoned() {
        try {
            return interrupted.await(500, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return true;
        }
    }

    private void abandonRun() {
        if (injector != null) {
            injector.close();
        }
        String id = runningId;
        if (id == null || service == null || !service.alive()) {
            return;
        }
        runningId = null;
        try {
            ApiClient api = new ApiClient(service.url());
            api.stop(id);
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(STOP_SECONDS);
            while (!ENDED.contains(api.run(id).path("phase").asString(""))
                    && System.nanoTime() < deadline) {
                pause();
            }
        } catch (ApiException | DemoException e) {
            say("the run could not be stopped: " + e.getMessage());
        }
    }
}

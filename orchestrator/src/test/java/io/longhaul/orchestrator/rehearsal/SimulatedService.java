package io.longhaul.orchestrator.rehearsal;

import io.longhaul.orchestrator.adapt.AdaptPort;
import io.longhaul.orchestrator.launch.AgentCommand;
import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.launch.AttemptLaunch;
import io.longhaul.orchestrator.launch.NodeSet;
import io.longhaul.orchestrator.launch.WorkloadBackend;
import io.longhaul.orchestrator.launch.WorkloadObservation;
import io.longhaul.orchestrator.plan.PlanPort;
import io.longhaul.orchestrator.run.LaunchFactory;
import io.longhaul.orchestrator.run.LiveRun;
import io.longhaul.orchestrator.run.RunDecider;
import io.longhaul.orchestrator.run.RunEngine;
import io.longhaul.orchestrator.run.RunEvent;
import io.longhaul.orchestrator.run.RunSpec;
import io.longhaul.orchestrator.run.RunStore;
import io.longhaul.orchestrator.run.Runs;
import io.longhaul.orchestrator.telemetry.AgentRecord;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;

/**
 * The service around the real {@link RunEngine}: driven by a tick and by what arrives, as RunSupervisor drives it, and
 * dying at any call of store or backend, before or after it took effect.
 */
final class SimulatedService {
    private static final double TICK_SECONDS = 1;

    /** Who looks on. */
    interface Watch {
        /** Events were stored. */
        void committed(List<RunEvent> events);

        /** The run went as far as it could. */
        void stepped(LiveRun run);
    }

    /** The process dies here. No RuntimeException, so that nothing catches it. */
    private static final class Crash extends Error {
        private static final long serialVersionUID = 1;

        Crash() {
            super("crash", null, false, false);
        }
    }

    private final SimulatedCluster cluster;
    private final RunStore store;
    private final PlanPort plans;
    private final AdaptPort adapt;
    private final LaunchFactory launches;
    private final UUID run;
    private final Watch watch;
    private RunEngine engine;
    private boolean up;
    private boolean inControl;
    private int life;
    private int callsUntilCrash = Integer.MAX_VALUE;
    private double downSeconds;
    private int crashes;
    private int fenced;

    SimulatedService(SimulatedCluster cluster, RunStore store, PlanPort plans, AdaptPort adapt,
            LaunchFactory launches, UUID run, Watch watch) {
        this.cluster = cluster;
        this.store = store;
        this.plans = plans;
        this.adapt = adapt;
        this.launches = launches;
        this.run = run;
        this.watch = watch;
        cluster.connect(this, this::mayCrash);
    }

    void create(RunSpec spec) {
        start();
        engine.create(spec, run, Optional.of("key"), cluster.now());
    }

    private void start() {
        WorkloadBackend crashing = new CrashingBackend();
        callsUntilCrash = Integer.MAX_VALUE;
        RunStore guarded = new CrashingStore();
        engine = new RunEngine(guarded, kind -> crashing, plans, adapt, launches, Runs.takeOver(store),
                cluster.now());
        up = true;
        int of = ++life;
        cluster.in(TICK_SECONDS, () -> tick(of));
    }

    private void tick(int of) {
        if (up && of == life) {
            step();
            cluster.in(TICK_SECONDS, () -> tick(of));
        }
    }

    /** Dies after so many more calls to store and backend, and comes back later. */
    void crashIn(int calls, double seconds) {
        callsUntilCrash = calls;
        downSeconds = seconds;
    }

    int crashes() {
        return crashes;
    }

    /** The process is frozen and another takes its place; later it thaws, and goes on without knowing. */
    void freeze(double takeOverSeconds, double thawSeconds) {
        if (!up) {
            return;
        }
        RunEngine frozen = engine;
        up = false;
        cluster.in(takeOverSeconds, this::start);
        cluster.in(takeOverSeconds + thawSeconds, () -> {
            inControl = false;
            try {
                frozen.step(run, cluster.now());
            } catch (RunStore.FencedException expected) {
                fenced++;
            }
        });
    }

    int fenced() {
        return fenced;
    }

    private void mayCrash() {
        if (inControl && --callsUntilCrash == 0) {
            throw new Crash();
        }
    }

    void step() {
        act(() -> engine.step(run, cluster.now()));
    }

    /** A person acts through the API. */
    void act(Runnable call) {
        if (!up) {
            return;
        }
        inControl = true;
        try {
            call.run();
            engine.run(run).ifPresent(watch::stepped);
        } catch (Crash crash) {
            crashes++;
            up = false;
            cluster.in(downSeconds, this::start);
        }
    }

    RunEngine engine() {
        return engine;
    }

    boolean up() {
        return up;
    }

    Optional<RunStore.Answer> receive(AttemptKey attempt, int node, List<String> done,
            List<AgentRecord> records,
            Instant until) {
        if (!up) {
            return Optional.empty();
        }
        RunStore.Answer answer = store.receive(attempt, node, done, records, cluster.now());
        if (answer instanceof RunStore.Answer.Accepted) {
            engine.heard(attempt, node, cluster.now(), Optional.of(until));
            if (!records.isEmpty()) {
                step();
            }
        }
        return up ? Optional.of(answer) : Optional.empty();
    }

    private final class CrashingStore implements RunStore {
        @Override
        public OptionalLong takeOver(String holder, Duration lease) {
            return store.takeOver(holder, lease);
        }

        @Override
        public boolean renew(long epoch, Duration lease) {
            return store.renew(epoch, lease);
        }

        @Override
        public void release(long epoch) {
            store.release(epoch);
        }

        @Override
        public UUID create(UUID id, RunEvent.Created created, Optional<String> key, long epoch) {
            return store.create(id, created, key, epoch);
        }

        @Override
        public List<UUID> runs() {
            return store.runs();
        }

        @Override
        public Optional<Stored> load(UUID id) {
            return store.load(id);
        }

        @Override
        public List<Numbered> events(UUID id, long after, int limit) {
            return store.events(id, after, limit);
        }

        @Override
        public void commit(UUID id, long epoch, long after, List<RunEvent> events, long cursor,
                List<RunDecider.Command> commands) {
            mayCrash();
            store.commit(id, epoch, after, events, cursor, commands);
            watch.committed(events);
            mayCrash();
        }

        @Override
        public List<Received> records(UUID id, long after, int limit) {
            return store.records(id, after, limit);
        }

        @Override
        public List<Answer> receive(UUID run, List<Sent> sent, Instant now) {
            return store.receive(run, sent, now);
        }
    }

    private final class CrashingBackend implements WorkloadBackend {
        @Override
        public void create(AttemptLaunch launch) {
            mayCrash();
            cluster.create(launch);
            mayCrash();
        }

        @Override
        public List<WorkloadObservation> observe() {
            return cluster.observe();
        }

        @Override
        public boolean keepsAgents() {
            return cluster.keepsAgents();
        }

        @Override
        public void endNodes(AttemptKey key, NodeSet nodes) {
            mayCrash();
            cluster.endNodes(key, nodes);
            mayCrash();
        }

        @Override
        public void fence(AttemptKey key) {
            mayCrash();
            cluster.fence(key);
            mayCrash();
        }

        @Override
        public void delete(AttemptKey key) {
            mayCrash();
            cluster.delete(key);
            mayCrash();
        }
    }
}

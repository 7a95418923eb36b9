package io.longhaul.orchestrator.service;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.orchestrator.adapt.AdaptOutcome;
import io.longhaul.orchestrator.adapt.AdaptPort;
import io.longhaul.orchestrator.adapt.AdaptRequest;
import io.longhaul.orchestrator.adapt.CurvePoint;
import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.launch.AttemptLaunch;
import io.longhaul.orchestrator.launch.WorkloadBackend;
import io.longhaul.orchestrator.launch.WorkloadObservation;
import io.longhaul.orchestrator.plan.LaunchContext;
import io.longhaul.orchestrator.plan.PlanPort;
import io.longhaul.orchestrator.plan.PlannedRun;
import io.longhaul.orchestrator.run.Attempt;
import io.longhaul.orchestrator.run.InMemoryRunStore;
import io.longhaul.orchestrator.run.RecipeChange;
import io.longhaul.orchestrator.run.RunEngine;
import io.longhaul.orchestrator.run.RunSpec;
import io.longhaul.orchestrator.run.Runs;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 30, unit = TimeUnit.SECONDS)
final class RunSupervisorTest {
    private final InMemoryRunStore store = new InMemoryRunStore();
    private final Map<UUID, Throwable> troubles = new ConcurrentHashMap<>();
    private final Map<UUID, CountDownLatch> tries = new ConcurrentHashMap<>();
    private final WorkloadBackend workers = new Workers();
    private final RunEngine engine = new RunEngine(store, kind -> workers, new Unused(), new Unused(),
            Runs.LAUNCHES,
            Runs.takeOver(store), Runs.AT);

    private final class Workers implements WorkloadBackend {
        @Override
        public void create(AttemptLaunch launch) {
            UUID run = launch.key().run();
            tries.get(run).countDown();
            switch (troubles.get(run)) {
                case RuntimeException e -> throw e;
                case Error e -> throw e;
                case null, default -> {
                }
            }
        }

        @Override
        public List<WorkloadObservation> observe() {
            return List.of();
        }

        @Override
        public void fence(AttemptKey key) {}

        @Override
        public void delete(AttemptKey key) {}
    }

    private static final class Unused implements PlanPort, AdaptPort {
        @Override
        public PlannedRun plan(RunSpec spec) {
            return Runs.PLAN;
        }

        @Override
        public RankProcess rankProcess(RunSpec spec, PlannedRun plan, LaunchContext context) {
            throw new UnsupportedOperationException();
        }

        @Override
        public AdaptOutcome adapt(AdaptRequest request) {
            throw new UnsupportedOperationException();
        }

        @Override
        public RecipeChange score(UUID run, RecipeChange change, long totalSteps, List<CurvePoint> curve) {
            throw new UnsupportedOperationException();
        }
    }

    private UUID run(Optional<Throwable> trouble) {
        UUID id = engine.create(Runs.spec(), UUID.randomUUID(), Optional.empty(), Runs.AT);
        tries.put(id, new CountDownLatch(2));
        trouble.ifPresent(t -> {
            t.setStackTrace(new StackTraceElement[0]);
            troubles.put(id, t);
        });
        return id;
    }

    private void awaitRegistering(UUID run) {
        while (engine.run(run)
                .orElseThrow()
                .state()
                .lastAttempt()
                .map(Attempt::stage)
                .filter(stage -> stage == Attempt.Stage.REGISTERING)
                .isEmpty()) {
            Thread.onSpinWait();
        }
    }

    @Test
    void aRunsTroubleIsItsOwnAndIsTriedAgain() throws InterruptedException {
        UUID broken = run(Optional.of(new IllegalStateException("for the test")));
        UUID worse = run(Optional.of(new StackOverflowError("for the test")));
        UUID healthy = run(Optional.empty());
        try (RunSupervisor supervisor = new RunSupervisor(engine, Clock.systemUTC(), () -> true)) {
            supervisor.start(store);
            awaitRegistering(healthy);
            tries.get(broken).await();
            tries.get(worse).await();
            troubles.clear();
            awaitRegistering(broken);
            awaitRegistering(worse);
            assertThat(store.events(worse, 0, 10)).hasSize(4);
        }
    }

    @Test
    void aListenerHearsOfAChange() throws InterruptedException {
        UUID id = run(Optional.empty());
        CountDownLatch heard = new CountDownLatch(1);
        try (RunSupervisor supervisor = new RunSupervisor(engine, Clock.systemUTC(), () -> true)) {
            supervisor.onChange(changed -> {
                if (changed.equals(id)) {
                    heard.countDown();
                }
            });
            supervisor.drive(id);
            heard.await();
        }
        assertThat(engine.run(id).orElseThrow().state().plan()).isPresent();
    }
}

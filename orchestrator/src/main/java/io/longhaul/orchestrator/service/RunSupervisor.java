package io.longhaul.orchestrator.service;

import io.longhaul.orchestrator.run.RunEngine;
import io.longhaul.orchestrator.run.RunStore;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One thread per run that has not ended: steps it when something arrived and at a steady tick. A run's trouble is
 * its own: the others go on.
 */
public final class RunSupervisor implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(RunSupervisor.class);
    private static final long TICK_MILLIS = 200;
    private static final long BACK_OFF_MILLIS = 1000;

    private final RunEngine engine;
    private final Clock clock;
    private final BooleanSupplier leads;
    private final Map<UUID, Driver> drivers = new ConcurrentHashMap<>();
    private final List<Consumer<UUID>> listeners = new CopyOnWriteArrayList<>();
    private final List<Consumer<Duration>> watches = new CopyOnWriteArrayList<>();
    private volatile boolean closed;

    private record Driver(Semaphore wake, Thread thread) {}

    /** @param leads whether this service may act now */
    public RunSupervisor(RunEngine engine, Clock clock, BooleanSupplier leads) {
        this.engine = engine;
        this.clock = clock;
        this.leads = leads;
    }

    /** Starts to drive every run of the store. */
    public void start(RunStore store) {
        store.runs().forEach(this::drive);
    }

    /** Drives a run until it ends; a run that is driven already is left alone. */
    public void drive(UUID run) {
        drivers.computeIfAbsent(run, id -> {
            Semaphore wake = new Semaphore(0);
            return new Driver(wake, Thread.ofVirtual().name("run-" + id).start(() -> loop(id, wake)));
        });
    }

    /** Something arrived for the run. */
    public void wake(UUID run) {
        Driver driver = drivers.get(run);
        if (driver != null) {
            driver.wake().release();
        }
    }

    /** Calls the listener whenever a run may have changed; it must not block. */
    public void onChange(Consumer<UUID> listener) {
        listeners.add(listener);
    }

    /** Calls the listener with the time that a step of a run took; it must not block. */
    public void onStep(Consumer<Duration> listener) {
        watches.add(listener);
    }

    private void loop(UUID run, Semaphore wake) {
        while (!closed) {
            long pause = TICK_MILLIS;
            try {
                if (leads.getAsBoolean() && step(run)) {
                    listeners.forEach(listener -> listener.accept(run));
                }
                if (engine.run(run).orElseThrow().state().phase().ended()) {
                    drivers.remove(run);
                    return;
                }
            } catch (RuntimeException | Error e) {
                // Also errors: a thread that dies silently would leave its run standing for ever.
                if (closed) {
                    return;
                }
                LOG.warn("run {} could not go on, trying again: {}", run, e.toString(), e);
                pause = BACK_OFF_MILLIS;
            }
            try {
                if (wake.tryAcquire(pause, TimeUnit.MILLISECONDS)) {
                    wake.drainPermits();
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    private boolean step(UUID run) {
        long from = System.nanoTime();
        boolean changed = engine.step(run, clock.instant());
        Duration took = Duration.ofNanos(System.nanoTime() - from);
        watches.forEach(watch -> watch.accept(took));
        return changed;
    }

    /** Lets no run go further; workers keep running. */
    @Override
    public void close() {
        closed = true;
        drivers.values().forEach(driver -> driver.wake().release());
        for (Driver driver : drivers.values()) {
            try {
                driver.thread().join(Duration.ofSeconds(5));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }
}

package io.longhaul.orchestrator.service;

import io.longhaul.orchestrator.run.RunStore;
import java.time.Duration;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The lease that lets one of several services lead the runs. Its holder renews it and stops acting by its own monotonic
 * clock when that did not succeed in time, so that it is quiet before another may take over, also after a freeze.
 * Writes of a former leader are refused by the store in any case: the epoch of the lease is in each of them.
 */
public final class Leadership implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Leadership.class);
    private static final Duration ASK_EVERY = Duration.ofSeconds(1);
    /** Renewals in the time of a lease. */
    private static final int RENEWALS = 5;

    private final RunStore store;
    private final String holder;
    private final Duration lease;
    private final Runnable onLoss;
    private final Thread thread = new Thread(this::keep, "lease");
    private volatile boolean closed;
    private volatile boolean lost;
    private volatile long epoch;
    private volatile long heldUntilNanos;

    /**
     * @param holder name of this service that no other has and that it keeps over its restarts
     * @param lease how long the others wait for a holder that says nothing
     * @param onLoss called once when another service has taken over
     */
    public Leadership(RunStore store, String holder, Duration lease, Runnable onLoss) {
        this.store = store;
        this.holder = holder;
        this.lease = lease;
        this.onLoss = onLoss;
        thread.setDaemon(true);
    }

    /** Takes the lease if nobody else holds it, and keeps it from then on. */
    public boolean tryLead() {
        long asked = System.nanoTime();
        OptionalLong taken = store.takeOver(holder, lease);
        if (taken.isEmpty()) {
            return false;
        }
        epoch = taken.getAsLong();
        heldUntilNanos = asked + lease.toNanos();
        thread.start();
        return true;
    }

    /**
     * Waits until this service leads.
     *
     * @throws ServiceStartException if the process is told to end before that
     */
    public void lead() {
        AtomicBoolean ending = new AtomicBoolean();
        Thread hook = new Thread(() -> ending.set(true), "end-of-standby");
        Runtime.getRuntime().addShutdownHook(hook);
        LOG.info("another service leads the runs: standing by");
        try {
            while (!tryLead()) {
                Thread.sleep(ASK_EVERY);
                if (ending.get()) {
                    throw new ServiceStartException("told to end while another service leads the runs");
                }
            }
            LOG.info("leading the runs, epoch {}", epoch);
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ServiceStartException("interrupted while another service leads the runs", e);
        }
    }

    /** Number of this leadership, above those of all former ones. */
    public long epoch() {
        return epoch;
    }

    /** Whether nobody else can lead at this moment. */
    public boolean holds() {
        return !lost && System.nanoTime() - heldUntilNanos < 0;
    }

    private void keep() {
        String trouble = "";
        while (!closed) {
            try {
                Thread.sleep(lease.dividedBy(RENEWALS));
                long asked = System.nanoTime();
                if (!store.renew(epoch, lease)) {
                    lost = true;
                    LOG.error("another service leads the runs now: this one ends");
                    onLoss.run();
                    return;
                }
                heldUntilNanos = asked + lease.toNanos();
                trouble = "";
            } catch (InterruptedException e) {
                return;
            } catch (RuntimeException e) {
                if (!trouble.equals(String.valueOf(e.getMessage()))) {
                    trouble = String.valueOf(e.getMessage());
                    LOG.warn("the lease cannot be renewed, trying again: {}", trouble);
                }
            }
        }
    }

    /** Lets another service lead at once. */
    @Override
    public void close() {
        closed = true;
        thread.interrupt();
        try {
            thread.join();
            store.release(epoch);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException e) {
            LOG.warn("the lease could not be given back, it ends by itself: {}", e.getMessage());
        }
    }
}

package io.longhaul.orchestrator.launch.kubernetes;

import java.time.Duration;

/** Waits for what a cluster does in its own time. */
final class Waiting {
    private static final long POLL_MILLIS = 100;

    private Waiting() {}

    interface Condition {
        boolean met();
    }

    /**
     * Polls the condition until it is met; false if that takes longer than the patience.
     *
     * @throws IllegalStateException if the thread is interrupted; its flag stays set
     */
    static boolean until(Condition condition, Duration patience) {
        long deadline = System.nanoTime() + patience.toNanos();
        try {
            while (!condition.met()) {
                if (System.nanoTime() > deadline) {
                    return false;
                }
                Thread.sleep(POLL_MILLIS);
            }
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while waiting for the cluster; it is repeated", e);
        }
    }
}

package io.longhaul.orchestrator.rehearsal;

import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.PriorityQueue;

/** A clock that jumps to the next thing that is due; actions due at one moment run in the order they were asked for. */
final class VirtualTime {
    private record Due(Instant at, long order, Runnable action) {}

    private final PriorityQueue<Due> queue = new PriorityQueue<>(
            Comparator.comparing(Due::at).thenComparingLong(Due::order));
    private Instant now;
    private long order;

    VirtualTime(Instant start) {
        this.now = start;
    }

    Instant now() {
        return now;
    }

    void in(double seconds, Runnable action) {
        queue.add(new Due(now.plus(Duration.ofMillis((long) (1000 * seconds))), order++, action));
    }

    /** Runs the next action; false if none is due up to the limit. */
    boolean advance(Instant limit) {
        Due due = queue.peek();
        if (due == null || due.at().isAfter(limit)) {
            return false;
        }
        queue.remove();
        now = due.at();
        due.action().run();
        return true;
    }
}

package io.longhaul.monitor;

import io.longhaul.monitor.series.SortedWindow;
import java.time.Duration;
import java.time.Instant;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * Knows when the next step is overdue.
 *
 * <p>The timeout grows with the run's own pace, to five times its median step, so that a run whose steps take
 * longer than the configured timeout is not killed for being large.
 */
final class ProgressWatch {
    /** @param waited since the start, or since the last step */
    record Overdue(OptionalLong lastStep, Duration waited, Duration limit) {}

    private static final int PACE = 21;
    private static final double STEPS = 5;

    private final Duration stallTimeout;
    private final Duration startTimeout;
    private final SortedWindow stepSeconds = new SortedWindow(PACE);
    private @Nullable Instant since;
    private long lastStep = Long.MIN_VALUE;
    private boolean reported;

    ProgressWatch(Duration startTimeout, Duration stallTimeout) {
        this.stallTimeout = stallTimeout;
        this.startTimeout = startTimeout;
    }

    /** The ranks run from here on; later calls change nothing. */
    void begun(Instant at) {
        if (since == null) {
            since = at;
        }
    }

    void onStep(Instant at, long step) {
        if (step <= lastStep) {
            return;
        }
        if (lastStep != Long.MIN_VALUE && since != null) {
            Duration between = Duration.between(since, at);
            stepSeconds.add((between.getSeconds() + between.getNano() / 1e9) / (step - lastStep));
        }
        lastStep = step;
        reported = false;
        // The clocks of two nodes may disagree; time must not run backwards in here.
        since = since == null || at.isAfter(since) ? at : since;
    }

    /** The stall, once, as soon as it is one. */
    @Nullable
    Overdue onTime(Instant now) {
        if (since == null || reported) {
            return null;
        }
        boolean started = lastStep != Long.MIN_VALUE;
        Duration limit = started ? stallLimit() : startTimeout;
        Duration waited = Duration.between(since, now);
        if (waited.compareTo(limit) < 0) {
            return null;
        }
        reported = true;
        return new Overdue(started ? OptionalLong.of(lastStep) : OptionalLong.empty(), waited, limit);
    }

    private Duration stallLimit() {
        if (stepSeconds.size() == 0) {
            return stallTimeout;
        }
        Duration pace = Duration.ofMillis((long) (1000 * STEPS * stepSeconds.median()));
        return pace.compareTo(stallTimeout) > 0 ? pace : stallTimeout;
    }
}

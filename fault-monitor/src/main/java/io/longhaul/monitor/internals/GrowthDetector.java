package io.longhaul.monitor.internals;

import io.longhaul.monitor.series.SortedWindow;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * Warns when a quantity grows by factors, before the loss tells of it.
 *
 * <p>Medians of {@value #POINTS} points are compared, in logarithms: single large values move none. Growth is what rises
 * from each of {@value #BLOCKS} medians to the next and multiplies in all by what is out of the ordinary for the quantity; or a
 * median that is so many times the one before and {@value #SIGMAS} of their spreads above it. Told once, until it has stopped
 * growing for two medians. The first {@value #WARM_UP} points are learned from.
 */
public final class GrowthDetector {
    private static final int POINTS = 16;
    private static final int BLOCKS = 6;
    private static final int WARM_UP = 100;
    private static final double SIGMAS = 8;

    private final Internal what;
    private final SortedWindow block = new SortedWindow(POINTS);
    private final double[] medians = new double[BLOCKS];
    private final long[] starts = new long[BLOCKS];
    private long lastStep = Long.MIN_VALUE;
    private long blockStart;
    private double spread = Double.NaN;
    private int points;
    private int known;
    private int still;
    private boolean growing;
    private boolean beyond;

    public GrowthDetector(Internal what) {
        this.what = what;
    }

    /**
     * The growth that this point shows, usually none. Points whose step is not above the last one, and values that are not
     * positive and finite, are passed over.
     */
    public @Nullable InternalEvent onValue(long step, double value) {
        if (step <= lastStep || !(value > 0) || !Double.isFinite(value)) {
            return null;
        }
        lastStep = step;
        if (block.size() == 0) {
            blockStart = step;
        }
        block.add(Math.log(value));
        if (++points < WARM_UP || !block.full()) {
            if (block.full()) {
                block.clear();
            }
            return null;
        }
        double median = block.median();
        double now = block.quartileSigma();
        block.clear();
        InternalEvent event = onMedian(step, median);
        spread = now;
        return event;
    }

    private @Nullable InternalEvent onMedian(long step, double median) {
        double before = known == 0 ? median : medians[(known - 1) % BLOCKS];
        boolean high = median >= Math.log(what.limit());
        boolean newlyBeyond = high && !beyond;
        beyond = high;
        still = median > before ? 0 : still + 1;
        growing &= still < 2;
        int first = firstOfRise(median);
        double low = first < 0 ? median : medians[first % BLOCKS];
        long since = first < 0 ? blockStart : starts[first % BLOCKS];
        boolean jumped = median - before > Math.max(Math.log(what.growth()), SIGMAS * spread);
        boolean grows = median - low > Math.log(what.growth()) || jumped;
        medians[known % BLOCKS] = median;
        starts[known % BLOCKS] = blockStart;
        known++;
        if (newlyBeyond) {
            growing = true;
            return event(step, median, before, step, true);
        }
        if (!grows || growing || median < Math.log(Math.max(what.from(), Double.MIN_VALUE))) {
            return null;
        }
        growing = true;
        return jumped
                ? event(step, median, before, blockStart, false)
                : event(step, median, low, since, false);
    }

    /** Number of the oldest median that is kept if all since then and this one rise, else -1. */
    private int firstOfRise(double median) {
        if (known < BLOCKS) {
            return -1;
        }
        for (int at = known - BLOCKS + 1; at < known; at++) {
            if (medians[at % BLOCKS] <= medians[(at - 1) % BLOCKS]) {
                return -1;
            }
        }
        return median > medians[(known - 1) % BLOCKS] ? known - BLOCKS : -1;
    }

    private InternalEvent event(long step, double median, double before, long onset, boolean beyondLimit) {
        double pace = (median - before) / Math.max(1, step - onset);
        double left = (Math.log(what.limit()) - median) / pace;
        return new InternalEvent(what, onset, step, Math.exp(median), Math.exp(before), beyondLimit,
                left > 0 && left < 1e9 ? OptionalLong.of(step + (long) left) : OptionalLong.empty());
    }
}

package io.longhaul.monitor.loss;

import io.longhaul.monitor.loss.LossEvent.Grade;
import io.longhaul.monitor.loss.LossEvent.Kind;
import io.longhaul.monitor.series.SortedWindow;
import org.jspecify.annotations.Nullable;

/**
 * Says that the loss no longer falls: the medians of {@value #BLOCKS} blocks of {@value #POINTS} points in a row are
 * not below the one before by two standard errors. Told once, until it falls again.
 */
final class PlateauDetector {
    private static final int POINTS = 200;
    private static final int BLOCKS = 5;
    /** Standard error of a median over that of a mean. */
    private static final double MEDIAN_ERROR = 1.2533;

    private final SortedWindow block = new SortedWindow(POINTS);
    private double best = Double.POSITIVE_INFINITY;
    private long blockStart;
    private long since;
    private int flat;

    @Nullable
    LossEvent onLoss(long step, double loss) {
        if (block.size() == 0) {
            blockStart = step;
        }
        block.add(loss);
        if (!block.full()) {
            return null;
        }
        double median = block.median();
        double error = MEDIAN_ERROR * block.quartileSigma() / Math.sqrt(POINTS);
        block.clear();
        if (median < best - 2 * error) {
            best = median;
            flat = 0;
            return null;
        }
        if (flat++ == 0) {
            since = blockStart;
        }
        return flat == BLOCKS
                ? new LossEvent(Kind.PLATEAU, Grade.BENIGN, since, step, median, best, Double.NaN)
                : null;
    }
}

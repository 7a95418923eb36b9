package io.longhaul.monitor.loss;

import io.longhaul.monitor.loss.LossEvent.Grade;
import io.longhaul.monitor.loss.LossEvent.Kind;
import io.longhaul.monitor.series.SortedWindow;
import org.jspecify.annotations.Nullable;

/**
 * Warns when the gradient norm grows out of its noise, which it often does some steps before the loss.
 *
 * <p>In logarithms, since norms vary by factors. Either the norm doubles three times in a row, or two points in a
 * row are {@value #SIGMAS} standard deviations above the median of the last nine.
 */
final class GradientDetector {
    private static final double SIGMAS = 10;
    private static final int DOUBLINGS = 3;

    private final SortedWindow recent = new SortedWindow(ExcursionDetector.BASELINE);
    private final SortedWindow changes = new SortedWindow(ExcursionDetector.NOISE);
    private double last = Double.NaN;
    private double before = Double.NaN;
    private int doublings;
    private int hits;
    private long onset;
    private boolean reported;

    @Nullable
    LossEvent onNorm(long step, double norm) {
        if (!(norm > 0) || !Double.isFinite(norm)) {
            return null;
        }
        double log = Math.log(norm);
        if (log - last >= Math.log(2)) {
            if (doublings++ == 0) {
                before = last;
                onset = step;
            }
        } else {
            doublings = 0;
        }
        double median = recent.size() == 0 ? log : recent.median();
        double sigma = changes.size() < ExcursionDetector.NOISE / 2
                ? Double.NaN
                : Math.max(0.01, SortedWindow.NORMAL * changes.median() / Math.sqrt(2));
        boolean high = log - median > SIGMAS * sigma && log - median > Math.log(2);
        if (high && hits++ == 0 && doublings <= 1) {
            onset = step;
        }
        if (!high) {
            hits = 0;
            learn(log);
        }
        last = log;
        boolean warn = doublings >= DOUBLINGS || hits >= 2;
        if (!warn) {
            reported &= high || doublings > 0;
            return null;
        }
        if (reported) {
            return null;
        }
        reported = true;
        double base = doublings >= DOUBLINGS ? before : median;
        return new LossEvent(
                Kind.EARLY_WARNING, Grade.BENIGN, onset, step, norm, Math.exp(base), (log - base) / sigma);
    }

    private void learn(double log) {
        if (!Double.isNaN(last)) {
            changes.add(Math.abs(log - last));
        }
        recent.add(log);
    }
}

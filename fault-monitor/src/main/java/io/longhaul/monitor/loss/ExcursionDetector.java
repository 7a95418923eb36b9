package io.longhaul.monitor.loss;

import io.longhaul.monitor.loss.LossEvent.Grade;
import io.longhaul.monitor.loss.LossEvent.Kind;
import io.longhaul.monitor.series.SortedWindow;
import org.jspecify.annotations.Nullable;

/**
 * Finds losses that jump out of the noise, at the first point.
 *
 * <p>Baseline: the median of the last {@value #BASELINE} losses. Noise: the median of the last {@value #NOISE}
 * distances between neighbours, which neither a falling trend nor earlier spikes inflate. A high loss must also be
 * far above what the run's batches have reached before: some data has two kinds of batches, whose distance is no
 * noise between neighbours and no fault either. Excursions of more than a point are left out of everything that is
 * learned.
 *
 * <p>A downward jump needs three points of four, since a single easy batch is common.
 */
final class ExcursionDetector {
    static final int BASELINE = 9;
    static final int NOISE = 64;
    /** Limits are higher by this factor while little is known of the run. */
    private static final double EARLY = 1.2;
    private static final int FALL = 4;
    private static final double FALL_SIGMAS = 7;
    /** Deviations under which an excursion is back; it is over after {@value #CALM} such points in a row. */
    private static final double BACK = 3;
    private static final int CALM = 3;
    /** A loss that stays out for so many points is the new level. */
    private static final int NEW_LEVEL = 200;
    /** So many points this high, with at most one lower among them, do not come back by themselves. */
    private static final int STAYS = 4;
    /** From so many nats on, or {@value #GRAVE_SIGMAS} deviations, one point is more than an outlier. */
    private static final double GRAVE_NATS = 0.25;
    private static final double GRAVE_SIGMAS = 12;

    private final LossSettings settings;
    private final SortedWindow recent = new SortedWindow(BASELINE);
    private final SortedWindow longer = new SortedWindow(NOISE);
    private final SortedWindow changes = new SortedWindow(NOISE);
    private final SortedWindow residuals;
    private double last = Double.NaN;
    private int lowPoints;
    private boolean fallen;

    private boolean out;
    private Grade grade = Grade.MINOR;
    private long onset;
    private double baseline;
    private double sigma;
    private double peak;
    private int points;
    private int high;
    private int farUp;
    private int calm;

    ExcursionDetector(LossSettings settings) {
        this.settings = settings;
        residuals = new SortedWindow(settings.spreadPoints());
    }

    /** An excursion is open: what the loss does now says nothing about the run's usual course. */
    boolean open() {
        return out;
    }

    private double noise() {
        return SortedWindow.NORMAL * changes.median() / Math.sqrt(2);
    }

    /** @param loss finite, in nats per token */
    @Nullable
    LossEvent onLoss(long step, double loss) {
        if (out) {
            return follow(step, loss);
        }
        if (changes.size() < settings.warmUp() || recent.size() < BASELINE) {
            learn(loss);
            return null;
        }
        baseline = recent.median();
        // Rounded losses can repeat so often that no noise is left between them.
        sigma = Math.max(noise(), 1e-4 * Math.abs(baseline));
        boolean known = residuals.size() >= settings.spreadPoints() / 4;
        double reached = known ? settings.spreads() * residuals.quantile(0.95) : 0;
        double caution = residuals.full() ? 1 : EARLY;
        if (loss - baseline > caution * Math.max(settings.sigmas() * sigma, reached)) {
            return begin(step, loss);
        }
        double fell = known ? -settings.spreads() * residuals.quantile(0.05) : 0;
        LossEvent fall = fall(step, loss, Math.max(FALL_SIGMAS * sigma, fell));
        learn(loss);
        return fall;
    }

    private LossEvent begin(long step, double loss) {
        out = true;
        onset = step;
        points = 1;
        high = 1;
        farUp = loss - baseline >= farUpFrom() ? 1 : 0;
        peak = loss;
        calm = 0;
        boolean grave = loss - baseline >= GRAVE_NATS || loss - baseline >= GRAVE_SIGMAS * sigma;
        grade = grave ? Grade.MAJOR : Grade.MINOR;
        return event(Kind.SPIKE, step, loss);
    }

    private @Nullable LossEvent follow(long step, double loss) {
        points++;
        boolean back = loss - baseline < BACK * sigma;
        calm = back ? calm + 1 : 0;
        if (loss - baseline >= settings.sigmas() * sigma) {
            high++;
        }
        if (loss - baseline >= farUpFrom()) {
            farUp++;
        }
        if (calm >= CALM) {
            out = false;
            if (high == 1) {
                // Single points that come again and again are how the batches of this run are.
                residuals.add(peak - baseline);
            }
            boolean told = grade.compareTo(Grade.MAJOR) >= 0;
            grade = Grade.BENIGN;
            return told ? event(Kind.RECOVERED, step, loss) : null;
        }
        if (points >= NEW_LEVEL) {
            out = false;
            recent.clear();
            longer.clear();
            changes.clear();
            residuals.clear();
            last = Double.NaN;
            grade = Grade.CRITICAL;
            return event(Kind.DIVERGED, step, loss);
        }
        if (grade != Grade.CRITICAL && farUp == STAYS && points <= STAYS + 1) {
            grade = Grade.CRITICAL;
            return event(Kind.SPIKE, step, loss);
        }
        if (grade == Grade.MINOR && high >= 2) {
            grade = Grade.MAJOR;
            return event(Kind.SPIKE, step, loss);
        }
        return null;
    }

    private double farUpFrom() {
        return Math.max(GRAVE_NATS, settings.sigmas() * sigma);
    }

    private @Nullable LossEvent fall(long step, double loss, double limit) {
        // Where a few high batches came together, the median of nine is too high to fall from.
        boolean low = Math.min(baseline, longer.median()) - loss > limit;
        lowPoints = (lowPoints << 1 | (low ? 1 : 0)) & (1 << FALL) - 1;
        if (Integer.bitCount(lowPoints) < FALL - 1) {
            fallen &= lowPoints != 0;
            return null;
        }
        if (fallen) {
            return null;
        }
        fallen = true;
        grade = Grade.CRITICAL;
        onset = step;
        return event(Kind.DROPPED, step, loss);
    }

    private void learn(double loss) {
        if (!Double.isNaN(last)) {
            changes.add(Math.abs(loss - last));
        }
        if (recent.size() == BASELINE) {
            residuals.add(loss - recent.median());
        }
        recent.add(loss);
        longer.add(loss);
        last = loss;
    }

    private LossEvent event(Kind kind, long step, double loss) {
        return new LossEvent(kind, grade, onset, step, loss, baseline, (loss - baseline) / sigma);
    }
}

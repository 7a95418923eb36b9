package io.longhaul.monitor.loss;

import io.longhaul.monitor.loss.LossEvent.Grade;
import io.longhaul.monitor.loss.LossEvent.Kind;
import io.longhaul.monitor.series.SortedWindow;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Finds losses that step up to another level and stay there, by less than a single point could tell.
 *
 * <p>The median of the last {@value #NEWEST} points is compared with what the two halves of the {@value #BEFORE} before
 * them lead to expect: their level, or where it falls, the line through their medians. The distance is measured in
 * standard errors of that expectation, under the larger of two spreads: that of the points before around the line, and the
 * noise between neighbours. Nearly all of the newest points must be above the old level. The new level is then the
 * usual one. A steep fall that ends from one step to the next may look like a step. To ask that half of the rise be above
 * the lowest level reached before ended that, but also kept silent about a slow rise out of a falling curve, which
 * recorded runs have, while a kink was taken for a step in none of them.
 */
final class LevelDetector {
    private static final int NEWEST = 16;
    private static final int HALF = 32;
    private static final int BEFORE = 2 * HALF;
    /** Points between the middle of those before and that of the newest. */
    private static final double AHEAD = (BEFORE + NEWEST) / 2.0;
    /** Standard error of a median over that of a mean, times that of a line's end from the medians of two halves. */
    private static final double ERROR = 1.2533
            * Math.sqrt(1.0 / NEWEST + 1.0 / BEFORE + AHEAD * AHEAD / HALF / HALF * 2 / HALF);
    /** Share of the newest points that may be near the old level. */
    private static final double FEW = 0.15;
    /** Spreads below this share of the loss are rounding. */
    private static final double ROUNDING = 1e-4;

    private final double errors;
    private final SortedWindow newest = new SortedWindow(NEWEST);
    private final SortedWindow late = new SortedWindow(HALF);
    private final SortedWindow early = new SortedWindow(HALF);
    private final SortedWindow distances = new SortedWindow(BEFORE);
    private final double[] residuals = new double[BEFORE];
    private final long[] steps = new long[NEWEST];
    private int next;
    private double last = Double.NaN;

    /** @param errors standard errors by which the new level must be above the expected one */
    LevelDetector(double errors) {
        this.errors = errors;
    }

    /** What comes now is not to be compared with what was. */
    void newLevel() {
        newest.clear();
        late.clear();
        early.clear();
        last = Double.NaN;
    }

    @Nullable
    LossEvent onLoss(long step, double loss) {
        if (late.full()) {
            early.add(late.oldest());
        }
        if (newest.full()) {
            late.add(newest.oldest());
        }
        if (!Double.isNaN(last)) {
            distances.add(Math.abs(loss - last));
        }
        last = loss;
        newest.add(loss);
        long onset = steps[next];
        steps[next] = step;
        next = (next + 1) % NEWEST;
        if (!early.full()) {
            return null;
        }
        double slope = Math.min(0, (late.median() - early.median()) / HALF);
        double middle = (late.median() + early.median()) / 2;
        double expected = middle + slope * AHEAD;
        double noise = SortedWindow.NORMAL * distances.median() / Math.sqrt(2);
        double rise = newest.median() - expected;
        if (!(rise > errors * ERROR * Math.max(noise, ROUNDING * Math.abs(middle)))
                || newest.quantile(FEW) < expected + rise / 3
                // A curve that falls ever more slowly leaves its line, too, but goes down.
                || newest.median() < late.median() - noise) {
            return null;
        }
        double sigma = Math.max(noise, spread(middle, slope));
        // Where the fall has ended already, its line leads too low.
        double certain = rise - Math.max(0, flattened(slope)) * AHEAD - rounding();
        if (!(certain > errors * ERROR * sigma)) {
            return null;
        }
        double value = newest.median();
        newLevel();
        return new LossEvent(Kind.LEVEL, Grade.MINOR, onset, step, value, expected,
                certain / (ERROR * sigma));
    }

    /** How much less the newer half of the points before falls, per point, than the line through both, which is negative. */
    private double flattened(double slope) {
        for (int age = 0; age < HALF; age++) {
            residuals[age] = late.newest(age);
        }
        Arrays.sort(residuals, 0, HALF / 2);
        Arrays.sort(residuals, HALF / 2, HALF);
        double within = (residuals[HALF / 4] - residuals[HALF * 3 / 4]) / (HALF / 2);
        return Math.min(within, 0) - slope;
    }

    /** The smallest step between neighbours: medians of rounded losses are not more certain than that. */
    private double rounding() {
        double smallest = Double.POSITIVE_INFINITY;
        for (int age = 0; age < distances.size(); age++) {
            double distance = distances.newest(age);
            smallest = distance > 0 ? Math.min(smallest, distance) : smallest;
        }
        return smallest;
    }

    /** Standard deviation of the points before around the line, by their quartiles. */
    private double spread(double middle, double slope) {
        for (int age = 0; age < HALF; age++) {
            double line = slope * (HALF - 0.5 - age);
            residuals[age] = late.newest(age) - middle - line;
            residuals[HALF + age] = early.newest(age) - middle - line + slope * HALF;
        }
        Arrays.sort(residuals);
        return SortedWindow.NORMAL / 2 * (residuals[BEFORE * 3 / 4] - residuals[BEFORE / 4]);
    }
}

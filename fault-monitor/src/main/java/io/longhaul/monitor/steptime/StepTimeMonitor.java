package io.longhaul.monitor.steptime;

import io.longhaul.monitor.series.SortedWindow;
import io.longhaul.monitor.steptime.StepTimeEvent.Kind;
import java.util.ArrayList;
import java.util.List;

/**
 * Watches how long the steps of one run take.
 *
 * <p>The reference is the median of up to {@value #REFERENCE} steps that came before the newest
 * {@value #NEWEST}. If the median of the newest is above it by more than the noise allows, all steps are slow: a
 * few long steps never move a median, so a hiccup is no change. The fastest level so far shows what creeps too
 * slowly for that. While steps are slow the reference stays; a level that lasts is the new one.
 */
public final class StepTimeMonitor {
    static final int NEWEST = 11;
    private static final int REFERENCE = 200;
    private static final int LEVEL = 50;
    private static final int LEVELS = 20;
    private static final int RARE = 60;
    /** A step of so many times the reference is a stall. */
    private static final double STALL = 4;
    /** A step of so many times the reference is long. */
    private static final double LONG = 1.2;
    /** A level that lasts for so many points is the new one. */
    private static final int NEW_LEVEL = 1000;

    private final StepTimeSettings settings;
    private final SortedWindow newest = new SortedWindow(NEWEST);
    private final SortedWindow reference = new SortedWindow(REFERENCE);
    private final SortedWindow level = new SortedWindow(LEVEL);
    private final SortedWindow levels = new SortedWindow(LEVELS);
    private final SortedWindow longSteps = new SortedWindow(RARE);
    private final SortedWindow longBefore = new SortedWindow(10 * RARE);
    private double fastest = Double.POSITIVE_INFINITY;
    private long points;
    private boolean slow;
    private boolean often;
    private double slowReference;
    private long slowSince;

    public StepTimeMonitor(StepTimeSettings settings) {
        this.settings = settings;
    }

    /**
     * The changes that this step shows, usually none.
     *
     * @param seconds wall-clock time of the step; zero, negative and not finite ones are passed over
     */
    public List<StepTimeEvent> onStep(double seconds) {
        if (!(seconds > 0) || !Double.isFinite(seconds)) {
            return List.of();
        }
        points++;
        List<StepTimeEvent> events = new ArrayList<>(0);
        double logSeconds = Math.log(seconds);
        if (newest.full() && !slow) {
            reference.add(newest.oldest());
        }
        newest.add(logSeconds);
        if (!newest.full() || reference.size() < settings.warmUp()) {
            return events;
        }
        double usual = slow ? slowReference : reference.median();
        if (logSeconds - usual > Math.log(STALL)) {
            events.add(event(Kind.STALL, points, logSeconds, usual));
        }
        change(usual, events);
        if (!slow) {
            creep(logSeconds, events);
            intermittent(logSeconds, usual, events);
        }
        return events;
    }

    private void change(double usual, List<StepTimeEvent> events) {
        double above = newest.median() - usual;
        double sigma = reference.quartileSigma();
        double limit = Math.max(Math.log1p(settings.slow()), settings.sigmas() * sigma);
        if (!slow && above > limit && steady(usual + above / 3)) {
            slow = true;
            slowReference = usual;
            slowSince = points;
            level.clear();
            longSteps.clear();
            events.add(event(Kind.SLOW, points - NEWEST / 2, newest.median(), usual));
        } else if (slow && above < limit / 2) {
            slow = false;
            events.add(event(Kind.RECOVERED, points - NEWEST / 2, newest.median(), usual));
        } else if (slow && points - slowSince >= NEW_LEVEL) {
            slow = false;
            reference.clear();
            fastest = Double.POSITIVE_INFINITY;
            levels.clear();
        }
    }

    /** The newest steps are all above, not only every other one. */
    private boolean steady(double low) {
        for (int age = 0; age <= NEWEST / 2; age++) {
            if (newest.newest(age) < low) {
                return false;
            }
        }
        return true;
    }

    private void creep(double logSeconds, List<StepTimeEvent> events) {
        level.add(logSeconds);
        if (!level.full()) {
            return;
        }
        double median = level.median();
        levels.add(median);
        if (!levels.full()) {
            return;
        }
        // The fastest median that lasted, so that a few quick steps set no standard.
        fastest = Math.min(fastest, levels.median());
        double limit = Math.max(Math.log1p(settings.creep()), level.quartileSigma());
        if (median - fastest > limit && levels.quantile(0) - fastest > limit / 2) {
            events.add(event(Kind.CREEP, points - LEVEL, median, fastest));
            fastest = Double.POSITIVE_INFINITY;
            levels.clear();
        }
    }

    private void intermittent(double logSeconds, double usual, List<StepTimeEvent> events) {
        if (longSteps.full()) {
            longBefore.add(longSteps.oldest());
        }
        longSteps.add(logSeconds - usual > Math.log(LONG) ? 1 : 0);
        if (!longSteps.full() || longBefore.size() < RARE / 2) {
            return;
        }
        double now = share(longSteps);
        double before = share(longBefore);
        if (!often && now > before * 2 + settings.often()) {
            often = true;
            events.add(event(Kind.INTERMITTENT, points - RARE, newest.quantile(0.9), usual));
        } else if (often && now < before + settings.often() / 2) {
            often = false;
        }
    }

    private static double share(SortedWindow flags) {
        int count = 0;
        for (int i = 0; i < flags.size(); i++) {
            count += flags.newest(i) > 0 ? 1 : 0;
        }
        return (double) count / flags.size();
    }

    private StepTimeEvent event(Kind kind, long onset, double logSeconds, double usual) {
        return new StepTimeEvent(kind, onset, points, Math.exp(logSeconds - usual), Math.exp(usual));
    }
}

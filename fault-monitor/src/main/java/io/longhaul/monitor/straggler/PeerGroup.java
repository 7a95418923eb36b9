package io.longhaul.monitor.straggler;

import io.longhaul.monitor.series.SortedWindow;
import io.longhaul.monitor.straggler.PeerEvent.Kind;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Compares workers that do equal work: the data-parallel peers of one pipeline stage.
 *
 * <p>A worker's time is divided by the median of the others' in the same step, which takes out whatever slows all
 * of them. Two rules accuse, both on medians over some steps: the ratio has risen above the worker's own past
 * (which excuses who always had more to do), or it is high in itself and far outside of what the others differ
 * (which needs no past). No worker is accused for a single step, nor for less than its peers' own spread.
 *
 * <p>Keeps some thousand numbers per worker; allocates nothing while nobody is slow.
 */
public final class PeerGroup {
    private static final int PAST = 100;
    /** How many times the steps a smaller difference must last. */
    private static final int LONGER = 4;
    /** Times by which a slow worker must become slower to be reported again. */
    private static final double WORSE = 1.5;
    /** In smaller groups one slow worker makes all others look fast. */
    private static final int LEARN_ALWAYS = 5;

    private final PeerSettings settings;
    private final Worker[] workers;
    private final long[] steps;
    private final double[] sorted;
    private final double[] medians;
    private final double[] rises;

    /** @param size number of workers, at least 2 */
    public PeerGroup(int size, PeerSettings settings) {
        if (size < 2) {
            throw new IllegalArgumentException("a worker alone has no peers, got " + size);
        }
        this.settings = settings;
        workers = new Worker[size];
        for (int i = 0; i < size; i++) {
            workers[i] = new Worker(i);
        }
        steps = new long[settings.steps()];
        sorted = new double[size];
        medians = new double[size];
        rises = new double[size];
    }

    /**
     * One step of all workers.
     *
     * @param seconds by worker, compute time without waiting; what is not positive and finite is missing
     */
    public List<PeerEvent> onStep(long step, double[] seconds) {
        int present = 0;
        for (double value : seconds) {
            if (value > 0 && value < Double.POSITIVE_INFINITY) {
                sorted[present++] = value;
            }
        }
        if (present < 2) {
            return List.of();
        }
        Arrays.sort(sorted, 0, present);
        System.arraycopy(steps, 0, steps, 1, steps.length - 1);
        steps[0] = step;
        boolean learn = workers.length >= LEARN_ALWAYS || nobodyIsSlow();
        int known = 0;
        for (int i = 0; i < workers.length; i++) {
            double value = seconds[i];
            if (value > 0 && value < Double.POSITIVE_INFINITY) {
                workers[i].add(value / ofOthers(present, value), learn);
            }
            if (workers[i].newest.full()) {
                medians[known] = workers[i].newest.median();
                rises[known++] = workers[i].rise();
            }
        }
        if (known < 2) {
            return List.of();
        }
        double spread = spread(medians, known);
        double riseSpread = spread(rises, known);
        List<PeerEvent> events = List.of();
        for (Worker worker : workers) {
            if (worker.newest.full()) {
                PeerEvent event = worker.judge(step, spread, riseSpread);
                if (event != null) {
                    events = events.isEmpty() ? new ArrayList<>() : events;
                    events.add(event);
                }
            }
        }
        return events;
    }

    private boolean nobodyIsSlow() {
        for (Worker worker : workers) {
            if (worker.slow || worker.changed) {
                return false;
            }
        }
        return true;
    }

    /** Standard deviation of the first values, by those below the median: slow ones must not excuse each other. */
    private static double spread(double[] values, int count) {
        Arrays.sort(values, 0, count);
        return SortedWindow.NORMAL * (values[(count - 1) / 2] - values[(count - 1) / 4]);
    }

    /** Median of the first {@code present} sorted values without one of them. */
    private double ofOthers(int present, double left) {
        int at = Arrays.binarySearch(sorted, 0, present, left);
        int others = present - 1;
        double upper = sorted[others / 2 < at ? others / 2 : others / 2 + 1];
        if (others % 2 == 1) {
            return upper;
        }
        int below = others / 2 - 1;
        return (sorted[below < at ? below : below + 1] + upper) / 2;
    }

    private final class Worker {
        private final int number;
        private final SortedWindow newest = new SortedWindow(settings.steps());
        private final SortedWindow longer = new SortedWindow(LONGER * settings.steps());
        private final SortedWindow past = new SortedWindow(PAST);
        private boolean slow;
        private boolean changed;
        private double reported;

        Worker(int number) {
            this.number = number;
        }

        void add(double ratio, boolean learn) {
            if (newest.full() && !changed && learn) {
                past.add(newest.oldest());
            }
            newest.add(ratio);
            longer.add(ratio);
        }

        private boolean hasPast() {
            return past.size() >= 2 * settings.steps();
        }

        private double usual() {
            return hasPast() ? past.median() : 1;
        }

        double rise() {
            return newest.median() / usual() - 1;
        }

        @Nullable
        PeerEvent judge(long step, double spread, double riseSpread) {
            double ratio = newest.median();
            boolean wasSlow = slow || changed;
            compareWithPast(ratio, riseSpread);
            compareWithPeers(ratio, spread);
            if (wasSlow && !slow && !changed) {
                PeerEvent recovered = new PeerEvent(Kind.RECOVERED, number, step, since(false), ratio,
                        usual());
                reported = 0;
                return recovered;
            }
            boolean worse = wasSlow && ratio > WORSE * reported;
            if (!slow && !changed || wasSlow && !worse) {
                return null;
            }
            reported = ratio;
            Kind kind = changed || worse ? Kind.SLOWER_THAN_BEFORE : Kind.SLOWER_THAN_PEERS;
            return new PeerEvent(kind, number, step, since(true), ratio, usual());
        }

        /** Where two steps in a row were first on the side of the newest ones; one alone may be noise from before. */
        private long since(boolean high) {
            double middle = high ? (newest.median() + usual()) / 2 : (reported + usual()) / 2;
            for (int age = newest.size() - 1; age > 0; age--) {
                if (newest.newest(age) > middle == high && newest.newest(age - 1) > middle == high) {
                    return steps[age];
                }
            }
            return steps[0];
        }

        private void compareWithPast(double ratio, double riseSpread) {
            if (!hasPast()) {
                return;
            }
            double rise = rise();
            double limit = Math.max(
                    settings.ownRise(),
                    Math.max(settings.ownSigmas() * past.quartileSigma() / usual(),
                            settings.peerSigmas() * riseSpread));
            if (!changed) {
                changed = rise > limit && ratio > settings.leastRatio();
            } else {
                changed = rise >= limit / 2;
            }
        }

        private void compareWithPeers(double ratio, double spread) {
            if (slow) {
                slow = ratio - 1 >= (settings.lastingRatio() - 1) / 2;
                return;
            }
            boolean beyond = ratio - 1 > settings.peerSigmas() * spread;
            slow = ratio > settings.certain()
                    || beyond && ratio > settings.ratio()
                    || beyond && ratio > settings.lastingRatio() && longer.full()
                            && longer.median() > settings.lastingRatio();
        }
    }
}

package io.longhaul.laws;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The falling schedule of the steps that are left with the least final loss under a multi-power law, free of any
 * family's shape: a bound for what families reach. Levels of blocks of {@value RateHistory#BLOCK} steps are moved down
 * the analytic gradient by spectral projected steps (Birgin, Martinez and Raydan 2000), projected onto falling levels by
 * pooling adjacent violators. Started from the best schedules of the families, so that none of them is better.
 */
public final class ScheduleOptimum {
    private static final int ITERATIONS = 600;
    private static final int MEMORY = 8;
    private static final double SUFFICIENT = 1e-4;
    /** Gains of less do not matter to anybody, in nats. */
    private static final double CONVERGED = 1e-8;
    private static final double[] SHARES = {0.05, 0.1, 0.125, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1};
    private static final double[] LOWS = {1e-3, 1e-2, 0.1};
    private static final int STARTS = 3;

    private final MultiPowerLaw law;
    private final RateHistory past;
    private final int from;
    private final int total;
    private final double cap;
    private final double low;
    private final int blocks;

    private ScheduleOptimum(MultiPowerLaw law, RateHistory past, int from, int total, double cap,
            double low) {
        this.law = law;
        this.past = past;
        this.from = from;
        this.total = total;
        this.cap = cap;
        this.low = low;
        blocks = Math.ceilDiv(total - from, RateHistory.BLOCK);
    }

    /**
     * @param family the best of the shapes that trainers execute
     * @param rates the free optimum, at least as good
     */
    public record Found(
            Continuation.Decay family,
            double familyLoss,
            Continuation rates,
            double loss) {}

    /**
     * @param past rates up to {@code from} at least, warm-up included
     * @param from first step that may change, after the warm-up
     * @param cap highest rate allowed, at most the peak of the past
     * @param low lowest rate allowed, positive
     */
    public static Found find(MultiPowerLaw law, RateHistory past, int from, int total, double cap,
            double low) {
        if (!(low > 0) || !(low < cap) || cap > past.peak()) {
            throw new IllegalArgumentException(
                    "0 < low < cap <= peak of the past (" + past.peak() + ") is required, got low " + low
                            + ", cap "
                            + cap);
        }
        if (from < 1 || from > past.steps() || total - from < 2) {
            throw new IllegalArgumentException(
                    "from must lie in [1, " + past.steps() + "] and total two steps above it, got " + from
                            + " and "
                            + total);
        }
        return new ScheduleOptimum(law, past, from, total, cap, low).find();
    }

    private Found find() {
        record Start(Continuation.Decay decay, double loss) {}
        List<Start> family = new ArrayList<>();
        for (DecayStyle style : DecayStyle.values()) {
            for (double share : SHARES) {
                for (double end : LOWS) {
                    Continuation.Decay decay = new Continuation.Decay(
                            style, cap, total - (int) Math.round(share * (total - from)),
                            Math.max(low, end * cap));
                    family.add(new Start(decay, finalLoss(decay)));
                }
            }
        }
        family.sort((a, b) -> Double.compare(a.loss, b.loss));
        Continuation best = family.getFirst().decay;
        double least = family.getFirst().loss;
        for (Start start : family.subList(0, STARTS)) {
            Continuation descended = table(descend(levels(start.decay)));
            double loss = finalLoss(descended);
            if (loss < least) {
                best = descended;
                least = loss;
            }
        }
        return new Found(family.getFirst().decay, family.getFirst().loss, best, least);
    }

    private double finalLoss(Continuation continuation) {
        return law.loss(past.then(from, continuation, total), total - 1);
    }

    private int first(int block) {
        return from + block * RateHistory.BLOCK;
    }

    private int length(int block) {
        return Math.min(total, first(block) + RateHistory.BLOCK) - first(block);
    }

    private double[] levels(Continuation continuation) {
        double[] levels = new double[blocks];
        Arrays.setAll(levels, i -> continuation.rate(first(i) + length(i) / 2, from, total) / cap);
        return projected(levels);
    }

    private Continuation table(double[] levels) {
        List<Continuation.Table.Knot> knots = new ArrayList<>();
        for (int i = 0; i < blocks; i++) {
            knots.add(new Continuation.Table.Knot(first(i) + length(i) / 2, cap * levels[i]));
        }
        return new Continuation.Table(knots);
    }

    private double[] descend(double[] start) {
        double[] at = start;
        double[] gradient = new double[blocks];
        double loss = loss(at, gradient);
        double[] recent = new double[MEMORY];
        Arrays.fill(recent, loss);
        double[] best = at;
        double least = loss;
        double length = 1 / Math.max(1e-12, Arrays.stream(gradient).map(Math::abs).max().orElse(1));
        int since = 0;
        for (int iteration = 0; iteration < ITERATIONS && since < 60; iteration++) {
            double[] direction = new double[blocks];
            for (int i = 0; i < blocks; i++) {
                direction[i] = at[i] - length * gradient[i];
            }
            direction = projected(direction);
            double slope = 0;
            for (int i = 0; i < blocks; i++) {
                direction[i] -= at[i];
                slope += direction[i] * gradient[i];
            }
            if (slope > -1e-14) {
                break;
            }
            double bound = Arrays.stream(recent).max().orElseThrow();
            double share = 1;
            double[] next = moved(at, direction, share);
            double[] nextGradient = new double[blocks];
            double reached = loss(next, nextGradient);
            while (reached > bound + SUFFICIENT * share * slope && share > 1e-10) {
                share /= 3;
                next = moved(at, direction, share);
                reached = loss(next, nextGradient);
            }
            double ss = 0;
            double sy = 0;
            for (int i = 0; i < blocks; i++) {
                double step = next[i] - at[i];
                ss += step * step;
                sy += step * (nextGradient[i] - gradient[i]);
            }
            length = sy > 0 ? Math.clamp(ss / sy, 1e-6, 1e8) : 1e4;
            at = next;
            gradient = nextGradient;
            recent[iteration % MEMORY] = reached;
            since = reached < least - CONVERGED ? 0 : since + 1;
            if (reached < least) {
                least = reached;
                best = at;
            }
        }
        return best;
    }

    private static double[] moved(double[] at, double[] direction, double share) {
        double[] next = new double[at.length];
        Arrays.setAll(next, i -> at[i] + share * direction[i]);
        return next;
    }

    /** The nearest levels that never rise and stay within the bounds. */
    private double[] projected(double[] levels) {
        double[] means = new double[blocks];
        int[] counts = new int[blocks];
        int pools = 0;
        for (double level : levels) {
            means[pools] = level;
            counts[pools++] = 1;
            while (pools > 1 && means[pools - 2] < means[pools - 1]) {
                int together = counts[pools - 2] + counts[pools - 1];
                means[pools
                        - 2] = (means[pools - 2] * counts[pools - 2] + means[pools - 1] * counts[pools - 1])
                                / together;
                counts[pools - 2] = together;
                pools--;
            }
        }
        double[] falling = new double[blocks];
        int i = 0;
        for (int pool = 0; pool < pools; pool++) {
            Arrays.fill(falling, i, i + counts[pool], Math.clamp(means[pool], low / cap, 1));
            i += counts[pool];
        }
        return falling;
    }

    /** Final loss of levels, in shares of the cap, with its gradient by adjoints: one pass forth and one back. */
    private double loss(double[] levels, double[] gradient) {
        double before = past.sum(from - 1);
        double future = 0;
        for (int i = 0; i < blocks; i++) {
            future += cap * levels[i] * length(i);
        }
        double bySum = 0;
        double falls = 0;
        for (int j = 0; j < past.blocks() && past.first(j) < from; j++) {
            int until = Math.min(past.last(j), from - 1);
            double scale = law.c() * Math.exp(-law.gamma() * past.logRate(j, until));
            double response = scale * (before + future - past.sumBefore(j, until));
            double left = Math.pow(1 + response, -law.beta());
            double change = past.change(j, until) * law.faded(past.sumBefore(j, until), past.peak());
            falls += change * (1 - left);
            bySum += change * law.beta() * left / (1 + response) * scale;
        }
        double sum = before + future;
        double power = law.amplitude() * Math.pow(sum, -law.alpha());
        bySum = law.gain() * bySum - law.alpha() * power / sum;
        double[] byLeft = new double[blocks];
        double[] byDone = new double[blocks];
        double done = before;
        double last = past.rate(from - 1);
        Arrays.fill(gradient, 0);
        for (int i = 0; i < blocks; i++) {
            double rate = cap * levels[i];
            double remaining = sum - done;
            double middle = (rate + last) / 2;
            double scale = law.c() * Math.pow(middle, -law.gamma());
            double response = scale * remaining;
            double left = Math.pow(1 + response, -law.beta());
            double fade = law.faded(done, past.peak());
            double change = rate - last;
            double gained = law.gain() * fade * (1 - left);
            falls += change * fade * (1 - left);
            double byResponse = law.gain() * change * fade * law.beta() * left / (1 + response);
            double byMiddle = -byResponse * law.gamma() * response / middle / 2;
            gradient[i] += gained + byMiddle;
            if (i > 0) {
                gradient[i - 1] += byMiddle - gained;
            }
            byLeft[i] = byResponse * scale;
            byDone[i] = -law.gain() * change * (1 - left) * fade * law.fade()
                    / (MultiPowerLaw.FADING_STEPS * past.peak() + done);
            done += rate * length(i);
            last = rate;
        }
        double later = 0;
        for (int i = blocks - 1; i >= 0; i--) {
            gradient[i] += length(i) * later;
            later += byDone[i];
        }
        double earlier = bySum;
        for (int i = 0; i < blocks; i++) {
            earlier += byLeft[i];
            gradient[i] = cap * (gradient[i] + length(i) * earlier);
        }
        return law.floor() + power + law.gain() * falls;
    }
}

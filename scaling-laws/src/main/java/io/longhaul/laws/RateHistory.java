package io.longhaul.laws;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Learning rates of a run step by step, with their sums, and their changes merged into blocks. Consecutive changes of
 * one direction within {@value #BLOCK} steps count as one in their middle, which moves a multi-power law's losses by
 * less than 1e-4; a change that stands alone keeps its place.
 */
public final class RateHistory {
    static final int BLOCK = 64;
    /** A change so many times that of its neighbour is a jump. */
    private static final double JUMP = 8;
    /** Rates below this share of the peak are as good as it: a rate of zero has no power. */
    private static final double LEAST_SHARE = 1e-6;

    private final double[] rates;
    private final double[] sums;
    private final double peak;
    private final int[] from;
    private final int[] to;

    private RateHistory(double[] rates) {
        this.rates = rates;
        sums = new double[rates.length + 1];
        double highest = 0;
        for (int k = 0; k < rates.length; k++) {
            if (!(rates[k] >= 0) || !Double.isFinite(rates[k])) {
                throw new IllegalArgumentException(
                        "rate of step " + k + " must be >= 0 and finite, got " + rates[k]);
            }
            sums[k + 1] = sums[k] + rates[k];
            highest = Math.max(highest, rates[k]);
        }
        if (highest == 0) {
            throw new IllegalArgumentException("rates must hold a positive one");
        }
        peak = highest;
        List<int[]> blocks = new ArrayList<>();
        int start = -1;
        for (int k = 1; k < rates.length; k++) {
            double change = rates[k] - rates[k - 1];
            if (start >= 0 && (ends(change, rates[k - 1] - rates[k - 2]) || (k - 1) % BLOCK == 0)) {
                blocks.add(new int[]{start, k - 1});
                start = -1;
            }
            if (change != 0 && start < 0) {
                start = k;
            }
        }
        if (start >= 0) {
            blocks.add(new int[]{start, rates.length - 1});
        }
        from = blocks.stream().mapToInt(block -> block[0]).toArray();
        to = blocks.stream().mapToInt(block -> block[1]).toArray();
    }

    private static boolean ends(double change, double before) {
        return change * before <= 0 || Math.abs(change) > JUMP * Math.abs(before)
                || Math.abs(before) > JUMP * Math.abs(change);
    }

    /** @param rates of the steps from 0 */
    public static RateHistory of(double[] rates) {
        return new RateHistory(rates.clone());
    }

    /**
     * The first steps of this history and what follows them, to the same end, an earlier or a later one.
     *
     * @param from steps that are kept
     * @param total of the whole run, more than {@code from}
     */
    public RateHistory then(int from, Continuation continuation, int total) {
        if (from < 0 || from > rates.length || total <= from) {
            throw new IllegalArgumentException(
                    "from must lie in [0, " + rates.length + "] and total above it, got " + from + " and "
                            + total);
        }
        double[] all = Arrays.copyOf(rates, total);
        for (int step = from; step < total; step++) {
            all[step] = continuation.rate(step, from, total);
        }
        return new RateHistory(all);
    }

    /** The first steps alone. */
    public RateHistory until(int steps) {
        return new RateHistory(Arrays.copyOf(rates, steps));
    }

    public int steps() {
        return rates.length;
    }

    public double rate(int step) {
        return rates[step];
    }

    public double peak() {
        return peak;
    }

    /** Sum of the rates up to and with a step. */
    public double sum(int step) {
        return sums[step + 1];
    }

    int blocks() {
        return from.length;
    }

    int first(int block) {
        return from[block];
    }

    int last(int block) {
        return to[block];
    }

    /** What a block's changes up to and with a step amount to; negative for a fall. */
    double change(int block, int until) {
        return rates[until] - rates[from[block] - 1];
    }

    /** Logarithm of the rate in the middle of a block's part. */
    double logRate(int block, int until) {
        return Math.log(Math.max(rates[middle(block, until)], LEAST_SHARE * peak));
    }

    /** Sum of the rates before the middle of a block's part. */
    double sumBefore(int block, int until) {
        return sums[middle(block, until)];
    }

    private int middle(int block, int until) {
        return (from[block] + until + 1) / 2;
    }
}

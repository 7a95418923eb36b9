package io.longhaul.planner.place;

import io.longhaul.planner.layout.LayerSplit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * How many layers each pipeline stage gets, exactly. A stage of {@code n} layers takes its extra time (embedding, loss)
 * plus that of its layers, and holds no more layers than fit into its memory; stages may differ in speed.
 *
 * <p>The time of a stage never falls when it gets a layer more. That makes greedy filling exact for equal layers
 * ({@link #equalLayers}, {@link #fillAndSteady}) and lets the dynamic program for unequal ones ({@link #unequalLayers})
 * stop early.
 */
public final class StageSplit {
    private StageSplit() {}

    /**
     * Counts with the least time of the slowest stage, for layers that all cost the same on one stage. Of several such
     * counts, one.
     *
     * @param layers of the model, >= 0
     * @param layerSeconds of one layer on each stage, positive; its length is the number of stages
     * @param extraSeconds of each stage apart from its layers, >= 0
     * @param most layers that fit into the memory of each stage
     * @param least layers that every stage must have
     * @return layers of each stage; empty if the layers do not fit, or are too few
     */
    public static Optional<int[]> equalLayers(
            int layers, double[] layerSeconds, double[] extraSeconds, int[] most, int least) {
        requireSameLength(layerSeconds.length, extraSeconds.length, most.length);
        if (impossible(layers, most, least)) {
            return Optional.empty();
        }
        int stages = most.length;
        double speed = 0;
        double atOnce = layers;
        for (int s = 0; s < stages; s++) {
            speed += 1 / layerSeconds[s];
            atOnce += extraSeconds[s] / layerSeconds[s];
        }
        // No split of whole layers is faster than one of fractions, so that nobody starts with too many.
        double target = atOnce / speed;
        int[] counts = new int[stages];
        int left = layers;
        for (int s = 0; s < stages; s++) {
            double whole = Math.floor((target - extraSeconds[s]) / layerSeconds[s] - 1e-9);
            counts[s] = (int) Math.clamp(whole, least, most[s]);
            left -= counts[s];
        }
        for (; left > 0; left--) {
            counts[cheapestNext(counts, layerSeconds, extraSeconds, most)]++;
        }
        for (; left < 0; left++) {
            counts[dearest(counts, layerSeconds, extraSeconds, least)]--;
        }
        return Optional.of(counts);
    }

    /**
     * Counts with the least {@code sum of all stages + (microBatches - 1) * slowest stage}: the time of plain 1F1B. It
     * differs from {@link #equalLayers} where stages differ in speed, since then the sum depends on the split.
     *
     * @param microBatches of a step, >= 1
     * @see #equalLayers
     */
    public static Optional<int[]> fillAndSteady(
            int layers, double[] layerSeconds, double[] extraSeconds, int[] most, int least,
            int microBatches) {
        Optional<int[]> even = equalLayers(layers, layerSeconds, extraSeconds, most, least);
        if (even.isEmpty() || Arrays.stream(layerSeconds).distinct().count() == 1) {
            return even;
        }
        int[] best = even.get();
        double bestSeconds = seconds(best, layerSeconds, extraSeconds, microBatches);
        double fewest = Arrays.stream(extraSeconds).sum()
                + layerSum(filled(layers, Double.POSITIVE_INFINITY, layerSeconds, extraSeconds, most, least),
                        layerSeconds);
        double slowest = slowest(best, layerSeconds, extraSeconds);
        double hopeless = (bestSeconds - fewest) / (microBatches - 1);
        for (double limit : limits(layers, slowest, hopeless, layerSeconds, extraSeconds)) {
            int[] counts = filled(layers, limit, layerSeconds, extraSeconds, most, least);
            double seconds = seconds(counts, layerSeconds, extraSeconds, microBatches);
            if (seconds < bestSeconds) {
                bestSeconds = seconds;
                best = counts;
            }
        }
        return Optional.of(best);
    }

    /** Seconds of plain 1F1B with this split: all stages once, and the slowest for every other micro-batch. */
    public static double seconds(
            int[] counts, double[] layerSeconds, double[] extraSeconds, int microBatches) {
        return Arrays.stream(extraSeconds).sum() + layerSum(counts, layerSeconds)
                + (microBatches - 1) * slowest(counts, layerSeconds, extraSeconds);
    }

    /**
     * Counts with the least time of the slowest stage, for layers that differ. Exact, in at most
     * {@code stages * layers^2 / 2} steps.
     *
     * @param layerSeconds of each layer, first to last, >= 0
     * @param layerBytes of each layer, >= 0
     * @param slowness of each stage: what its layers' seconds are multiplied by; the number of stages is its length
     * @param extraSeconds of each stage apart from its layers, >= 0
     * @param freeBytes of each stage for its layers' bytes
     * @param least layers that every stage must have
     * @return layers of each stage; empty if they do not fit
     */
    public static Optional<int[]> unequalLayers(
            double[] layerSeconds, double[] layerBytes, double[] slowness, double[] extraSeconds,
            double[] freeBytes, int least) {
        requireSameLength(layerSeconds.length, layerBytes.length, layerSeconds.length);
        requireSameLength(slowness.length, extraSeconds.length, freeBytes.length);
        int layers = layerSeconds.length;
        int stages = slowness.length;
        double[] seconds = sums(layerSeconds);
        double[] bytes = sums(layerBytes);
        double[] before = new double[layers + 1];
        Arrays.fill(before, Double.POSITIVE_INFINITY);
        before[0] = 0;
        int[][] from = new int[stages][layers + 1];
        for (int s = 0; s < stages; s++) {
            double[] now = new double[layers + 1];
            Arrays.fill(now, Double.POSITIVE_INFINITY);
            for (int end = least; end <= layers; end++) {
                for (int start = end - least; start >= 0; start--) {
                    double own = extraSeconds[s] + slowness[s] * (seconds[end] - seconds[start]);
                    if (own >= now[end] || bytes[end] - bytes[start] > freeBytes[s]) {
                        break;
                    }
                    double worst = Math.max(before[start], own);
                    if (worst < now[end]) {
                        now[end] = worst;
                        from[s][end] = start;
                    }
                }
            }
            before = now;
        }
        if (before[layers] == Double.POSITIVE_INFINITY) {
            return Optional.empty();
        }
        int[] counts = new int[stages];
        for (int s = stages - 1, end = layers; s >= 0; s--) {
            counts[s] = end - from[s][end];
            end = from[s][end];
        }
        return Optional.of(counts);
    }

    /** The split of stages as one of model chunks: each stage's layers as evenly over its chunks as it goes. */
    public static LayerSplit chunked(int[] counts, int chunks, boolean vShaped) {
        int stages = counts.length;
        List<Integer> split = new ArrayList<>();
        for (int v = 0; v < chunks; v++) {
            for (int place = 0; place < stages; place++) {
                int stage = vShaped && v % 2 == 1 ? stages - 1 - place : place;
                split.add(counts[stage] / chunks + (v < counts[stage] % chunks ? 1 : 0));
            }
        }
        return new LayerSplit(split);
    }

    private static void requireSameLength(int a, int b, int c) {
        if (a != b || a != c) {
            throw new IllegalArgumentException(
                    "arrays must be of one length, got " + a + ", " + b + ", " + c);
        }
    }

    private static boolean impossible(int layers, int[] most, int least) {
        long room = 0;
        for (int m : most) {
            if (m < least) {
                return true;
            }
            room += m;
        }
        return room < layers || (long) least * most.length > layers;
    }

    private static int cheapestNext(int[] counts, double[] layerSeconds, double[] extraSeconds, int[] most) {
        int cheapest = -1;
        double least = Double.POSITIVE_INFINITY;
        for (int s = 0; s < counts.length; s++) {
            double seconds = extraSeconds[s] + (counts[s] + 1) * layerSeconds[s];
            if (counts[s] < most[s] && seconds < least) {
                least = seconds;
                cheapest = s;
            }
        }
        return cheapest;
    }

    private static int dearest(int[] counts, double[] layerSeconds, double[] extraSeconds, int least) {
        int dearest = -1;
        double most = Double.NEGATIVE_INFINITY;
        for (int s = 0; s < counts.length; s++) {
            double seconds = extraSeconds[s] + counts[s] * layerSeconds[s];
            if (counts[s] > least && seconds > most) {
                most = seconds;
                dearest = s;
            }
        }
        return dearest;
    }

    /** Fastest stages first, each up to the limit: the smallest sum under it. */
    private static int[] filled(
            int layers, double limit, double[] layerSeconds, double[] extraSeconds, int[] most, int least) {
        int stages = most.length;
        int[] counts = new int[stages];
        Arrays.fill(counts, least);
        int left = layers - least * stages;
        boolean[] full = new boolean[stages];
        while (left > 0) {
            int fastest = -1;
            for (int s = 0; s < stages; s++) {
                if (!full[s] && (fastest < 0 || layerSeconds[s] < layerSeconds[fastest])) {
                    fastest = s;
                }
            }
            full[fastest] = true;
            while (left > 0 && counts[fastest] < most[fastest]
                    && extraSeconds[fastest] + (counts[fastest] + 1) * layerSeconds[fastest] <= limit) {
                counts[fastest]++;
                left--;
            }
        }
        return counts;
    }

    /** The times that a slowest stage can have, from the least one to where no sum is small enough. */
    private static double[] limits(
            int layers, double from, double below, double[] layerSeconds, double[] extraSeconds) {
        double[] all = new double[layers * layerSeconds.length + 1];
        all[0] = from;
        int n = 1;
        for (int s = 0; s < layerSeconds.length; s++) {
            boolean seen = s > 0 && layerSeconds[s] == layerSeconds[s - 1]
                    && extraSeconds[s] == extraSeconds[s - 1];
            int first = (int) Math.max(1, Math.floor((from - extraSeconds[s]) / layerSeconds[s]));
            for (int k = first; k <= layers && !seen; k++) {
                double seconds = extraSeconds[s] + k * layerSeconds[s];
                if (seconds >= below) {
                    break;
                }
                if (seconds > from) {
                    all[n++] = seconds;
                }
            }
        }
        return Arrays.stream(all, 0, n).sorted().distinct().toArray();
    }

    private static double slowest(int[] counts, double[] layerSeconds, double[] extraSeconds) {
        double slowest = 0;
        for (int s = 0; s < counts.length; s++) {
            slowest = Math.max(slowest, extraSeconds[s] + counts[s] * layerSeconds[s]);
        }
        return slowest;
    }

    private static double layerSum(int[] counts, double[] layerSeconds) {
        double sum = 0;
        for (int s = 0; s < counts.length; s++) {
            sum += counts[s] * layerSeconds[s];
        }
        return sum;
    }

    private static double[] sums(double[] values) {
        double[] sums = new double[values.length + 1];
        for (int i = 0; i < values.length; i++) {
            sums[i + 1] = sums[i] + values[i];
        }
        return sums;
    }
}

package io.longhaul.monitor.node;

import io.longhaul.monitor.series.SortedWindow;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Judges the tests that ran on every rank before an attempt.
 *
 * <p>What computes, remembers or sends wrong is told whatever the others do. A rate is compared with the others': too low
 * is what lies below their median by a share of it, a larger one among few, and by so many of their spreads, where at least
 * three ranks can be compared. Tests that did not end speak against a node only if they ended on most ranks: a network or a program that is
 * broken everywhere is no node's fault.
 */
public final class Preflight {
    /**
     * @param share of the median by which a rate must be lower
     * @param sigmas and standard deviations of the ranks' rates, by their median distance from the median
     */
    public record Settings(double share, double sigmas) {
        public Settings {
            if (!(share > 0 && share < 1) || !(sigmas > 0)) {
                throw new IllegalArgumentException(
                        "needs share in (0, 1) and sigmas > 0, got " + share + " and " + sigmas);
            }
        }

        /** A device a fifth slower than its peers is a straggler; the spread of few dozen ranks may be half of the true one. */
        public static Settings usual() {
            return new Settings(0.2, 8);
        }
    }

    /**
     * What the tests of one rank found.
     *
     * @param node where it ran
     * @param values rates by name, the higher the better, but names that end in {@code Seconds}, which are not compared:
     *     what all do together takes all equally long
     * @param wrong what was computed, remembered or sent wrong; empty if nothing
     * @param problem why the tests did not end; empty if they did
     */
    public record Result(int node, int rank, Map<String, Double> values, String wrong, String problem) {
        public Result {
            values = new TreeMap<>(values);
        }

        private double rate(String name) {
            return values.getOrDefault(name, Double.NaN);
        }
    }

    /**
     * What speaks against a node.
     *
     * @param label {@code hw.preflight_wrong}, {@code hw.preflight_slow} or {@code hw.preflight_failed}
     * @param times how many times as slow as its peers, 1 where that says nothing
     */
    public record Verdict(int node, int rank, String label, String text, double times) {}

    /** In smaller groups the spread of the others is hardly known. */
    private static final int FEW = 5;
    private static final double SHARE_AMONG_FEW = 1 / 3.0;

    private Preflight() {}

    /** By rank; at most one verdict for each node, the gravest. */
    public static List<Verdict> judge(List<Result> results, Settings settings) {
        TreeMap<Integer, Verdict> byNode = new TreeMap<>();
        List<Result> failed = results.stream().filter(one -> !one.problem.isEmpty()).toList();
        for (Result one : results) {
            if (!one.wrong.isEmpty()) {
                byNode.putIfAbsent(one.node, new Verdict(one.node, one.rank, "hw.preflight_wrong",
                        "rank " + one.rank + ": " + one.wrong, 1));
            }
        }
        if (2 * failed.size() < results.size()) {
            failed.forEach(one -> byNode.putIfAbsent(one.node, new Verdict(one.node, one.rank,
                    "hw.preflight_failed", "rank " + one.rank + ": its tests " + one.problem, 1)));
        }
        TreeSet<String> names = new TreeSet<>();
        results.forEach(one -> names.addAll(one.values.keySet()));
        names.removeIf(name -> name.endsWith("Seconds"));
        List<Verdict> slow = new ArrayList<>();
        names.forEach(name -> slow(name, results, settings, slow));
        slow.sort((one, other) -> Double.compare(other.times, one.times));
        slow.forEach(one -> byNode.putIfAbsent(one.node, one));
        return List.copyOf(byNode.values());
    }

    private static void slow(String name, List<Result> results, Settings settings, List<Verdict> found) {
        List<Result> known = results.stream()
                .filter(one -> one.rate(name) > 0)
                .toList();
        double[] rates = known.stream().mapToDouble(one -> one.rate(name)).toArray();
        if (rates.length < 3) {
            return;
        }
        double median = median(rates);
        double share = rates.length < FEW ? Math.max(SHARE_AMONG_FEW, settings.share) : settings.share;
        double sigma = SortedWindow.NORMAL
                * median(Arrays.stream(rates).map(rate -> Math.abs(rate - median)).toArray());
        for (Result one : known) {
            double rate = one.rate(name);
            if (median - rate > Math.max(share * median, settings.sigmas * sigma)) {
                found.add(new Verdict(one.node, one.rank, "hw.preflight_slow",
                        String.format(Locale.ROOT, "rank %d: %s %.4g where the median of %d ranks is %.4g",
                                one.rank,
                                name, rate, rates.length, median),
                        median / rate));
            }
        }
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}

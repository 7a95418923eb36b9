package io.longhaul.monitor;

import io.longhaul.monitor.Finding.Kind;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.TreeMap;

/**
 * Slow ranks from their own compute times, waiting for others excluded: in synchronous training every rank's step
 * is as long as the slowest one's, so step times accuse nobody. A rank is slow if it takes longer than the others
 * and longer than it used to; the second condition spares pipeline stages that have more to do.
 */
final class SlowRankDetector {
    private static final int WINDOW = 12;
    private static final int WARM_UP = 10;
    private static final int BASELINE = 30;
    /** A slow rank has recovered when it is this close to the others again. */
    private static final double RECOVERED_RATIO = 1.2;

    private final int ranks;
    private final double slowRatio;
    private final int slowSteps;
    private final Map<Long, Map<Integer, Double>> incomplete = new TreeMap<>();
    private final List<Track> tracks = new ArrayList<>();

    private static final class Track {
        private final Deque<Double> recent = new ArrayDeque<>();
        private final List<Double> first = new ArrayList<>();
        private int seen;
        private int slowFor;
        private int fineFor;
        private boolean slow;

        void add(double seconds) {
            seen++;
            if (seen > WARM_UP && first.size() < BASELINE) {
                first.add(seconds);
            }
            recent.addLast(seconds);
            if (recent.size() > WINDOW) {
                recent.removeFirst();
            }
        }

        double now() {
            return Medians.of(recent.stream().mapToDouble(Double::doubleValue).toArray());
        }

        double baseline() {
            return Medians.of(first.stream().mapToDouble(Double::doubleValue).toArray());
        }
    }

    SlowRankDetector(int ranks, Thresholds thresholds) {
        this.ranks = ranks;
        this.slowRatio = thresholds.slowRatio();
        this.slowSteps = thresholds.slowSteps();
        for (int rank = 0; rank < ranks; rank++) {
            tracks.add(new Track());
        }
    }

    List<Finding> accept(Signal.RankStep step) {
        if (ranks < 2 || step.rank() < 0 || step.rank() >= ranks) {
            return List.of();
        }
        Map<Integer, Double> times = incomplete.computeIfAbsent(step.step(), s -> new TreeMap<>());
        times.put(step.rank(), step.computeSeconds());
        if (times.size() < ranks) {
            return List.of();
        }
        // Steps that some rank never reported (restart of a reporter) are forgotten with the first later complete one.
        incomplete.keySet().removeIf(earlier -> earlier <= step.step());
        times.forEach((rank, seconds) -> tracks.get(rank).add(seconds));
        return tracks.getFirst().first.size() < BASELINE ? List.of() : judge(step.at(), step.step());
    }

    private List<Finding> judge(Instant at, long step) {
        List<Finding> findings = new ArrayList<>();
        for (int rank = 0; rank < ranks; rank++) {
            Track track = tracks.get(rank);
            double others = others(rank);
            double ratio = track.now() / others;
            boolean slowNow = ratio > slowRatio && track.now() > slowRatio * track.baseline();
            track.slowFor = slowNow ? track.slowFor + 1 : 0;
            track.fineFor = ratio < RECOVERED_RATIO ? track.fineFor + 1 : 0;
            if (!track.slow && track.slowFor >= slowSteps) {
                track.slow = true;
                findings.add(slow(at, step, rank, track, others));
            } else if (track.slow && track.fineFor >= slowSteps) {
                track.slow = false;
                findings.add(
                        finding(Kind.RECOVERED, at, step, rank,
                                "rank " + rank + " is as fast as the others again",
                                evidence(track, others)));
            }
        }
        return findings;
    }

    private double others(int rank) {
        double[] times = new double[ranks - 1];
        int next = 0;
        for (int other = 0; other < ranks; other++) {
            if (other != rank) {
                times[next++] = tracks.get(other).now();
            }
        }
        return Medians.of(times);
    }

    private static Finding slow(Instant at, long step, int rank, Track track, double others) {
        String summary = String.format(
                Locale.ROOT,
                "rank %d computes %.1f times as long as the others and %.1f times as long as before", rank,
                track.now() / others, track.now() / track.baseline());
        return finding(Kind.SLOW_RANK, at, step, rank, summary, evidence(track, others));
    }

    private static Map<String, String> evidence(Track track, double others) {
        Map<String, String> evidence = new LinkedHashMap<>();
        evidence.put("compute time", millis(track.now()));
        evidence.put("other ranks", millis(others));
        evidence.put("the same rank earlier", millis(track.baseline()));
        return evidence;
    }

    private static Finding finding(
            Kind kind, Instant at, long step, int rank, String summary, Map<String, String> evidence) {
        return new Finding(kind, at, OptionalLong.of(step), OptionalInt.of(rank), summary, evidence);
    }

    private static String millis(double seconds) {
        return String.format(Locale.ROOT, "%.1f ms", 1e3 * seconds);
    }
}

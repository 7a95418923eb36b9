package io.longhaul.monitor;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;

/**
 * Finds the rank that keeps its peers waiting.
 *
 * <p>All ranks of a step end it together, so only compute time without waiting tells who is slow. A rank is
 * accused if, over the last steps, it took longer than its peers and longer than it used to. Comparing with peers
 * leaves out what slows all of them; comparing with the own past leaves out ranks whose share of the work is
 * larger. Where peers are known to do equal work, four times as many slow steps also accuse a rank that was slow
 * from the beginning.
 *
 * <p>It does not see slowdowns of all peers at once, nor short ones.
 */
final class SlowRankDetector {
    /**
     * @param step newest step looked at
     * @param since first slow step, or first step after recovery
     * @param ratio median over the steps of compute time / median of the peers
     * @param ownRatio median compute time / median of the rank's own past, 1 if there is none
     * @param lostSeconds compute time above the median of the peers since the rank was found slow
     */
    record Change(
            int rank,
            boolean slow,
            long step,
            long since,
            double ratio,
            double ownRatio,
            double computeSeconds,
            double peerSeconds,
            double lostSeconds) {}

    private static final int PAST = 200;
    /** Steps of which some ranks have not reported; older ones are given up. */
    private static final int PENDING = 64;

    private final Thresholds.Slow settings;
    private final boolean equalWork;
    private final List<Group> groups;
    private final int[] groupOf;
    private final int[] placeOf;

    SlowRankDetector(int ranks, List<List<Integer>> peers, boolean equalWork, Thresholds.Slow settings) {
        this.settings = settings;
        this.equalWork = equalWork;
        groupOf = new int[ranks];
        placeOf = new int[ranks];
        Arrays.fill(groupOf, -1);
        List<Group> built = new ArrayList<>();
        for (List<Integer> members : peers) {
            if (members.size() > 1) {
                for (int place = 0; place < members.size(); place++) {
                    groupOf[members.get(place)] = built.size();
                    placeOf[members.get(place)] = place;
                }
                built.add(new Group(members));
            }
        }
        groups = List.copyOf(built);
    }

    List<Change> onStep(int rank, long step, double computeSeconds) {
        if (rank < 0 || rank >= groupOf.length || groupOf[rank] < 0 || !(computeSeconds > 0)
                || !Double.isFinite(computeSeconds)) {
            return List.of();
        }
        return groups.get(groupOf[rank]).onStep(placeOf[rank], step, computeSeconds);
    }

    private final class Group {
        private final Rank[] ranks;
        private final TreeMap<Long, double[]> pending = new TreeMap<>();
        private long done = Long.MIN_VALUE;

        Group(List<Integer> members) {
            ranks = members.stream().map(Rank::new).toArray(Rank[]::new);
        }

        List<Change> onStep(int place, long step, double computeSeconds) {
            if (step <= done) {
                return List.of();
            }
            double[] seconds = pending.computeIfAbsent(step, s -> new double[ranks.length]);
            seconds[place] = computeSeconds;
            if (pending.size() > PENDING) {
                done = pending.pollFirstEntry().getKey();
            }
            for (double value : seconds) {
                if (value == 0) {
                    return List.of();
                }
            }
            done = Math.max(done, step);
            pending.headMap(step, true).clear();
            double[] sorted = seconds.clone();
            Arrays.sort(sorted);
            List<Change> changes = new ArrayList<>();
            for (int i = 0; i < ranks.length; i++) {
                ranks[i].onStep(step, seconds[i], Medians.ofOthers(sorted, seconds[i]), changes);
            }
            return List.copyOf(changes);
        }
    }

    private final class Rank {
        private final int rank;
        private final Window seconds = new Window(settings.steps());
        private final Window peers = new Window(settings.steps());
        private final Window ratios = new Window(settings.steps());
        private final Window longRatios = new Window(4 * settings.steps());
        private final Window steps = new Window(4 * settings.steps());
        private final Window past = new Window(PAST);
        private boolean slow;
        private double lostSeconds;

        Rank(int rank) {
            this.rank = rank;
        }

        void onStep(long step, double computeSeconds, double peerSeconds, List<Change> changes) {
            if (seconds.full() && !slow && ratios.newest(settings.steps())[0] < settings.slowdown()) {
                past.add(seconds.newest(settings.steps())[0]);
            }
            seconds.add(computeSeconds);
            peers.add(peerSeconds);
            ratios.add(computeSeconds / peerSeconds);
            longRatios.add(computeSeconds / peerSeconds);
            steps.add(step);
            if (slow) {
                lostSeconds += Math.max(0, computeSeconds - peerSeconds);
            }
            if (!seconds.full()) {
                return;
            }
            if (!slow) {
                boolean changed = sustained(ratios, true) && ownRatio() >= settings.ownSlowdown();
                boolean always = equalWork && longRatios.full() && sustained(longRatios, true);
                if (changed || always) {
                    slow = true;
                    lostSeconds = 0;
                    changes.add(
                            change(step, firstOfTwo(changed ? ratios : longRatios, true)));
                }
            } else if (sustained(ratios, false) && Medians.median(ratios.all()) <= settings.recovered()) {
                slow = false;
                longRatios.clear();
                changes.add(change(step, firstOfTwo(ratios, false)));
            }
        }

        private double ownRatio() {
            return past.size() < settings.steps()
                    ? 1
                    : Medians.median(seconds.all()) / Medians.median(past.all());
        }

        /** Whether four in five of the ratios are slow, or are not. */
        private boolean sustained(Window window, boolean high) {
            int count = 0;
            for (double ratio : window.all()) {
                count += ratio >= settings.slowdown() == high ? 1 : 0;
            }
            return 5 * count >= 4 * window.size();
        }

        /** Where the slowness began, or its end; one such step alone may be noise from before. */
        private long firstOfTwo(Window window, boolean high) {
            double[] values = window.all();
            long[] at = newestSteps(values.length);
            for (int i = 0; i + 1 < values.length; i++) {
                if (values[i] >= settings.slowdown() == high
                        && values[i + 1] >= settings.slowdown() == high) {
                    return at[i];
                }
            }
            return at[at.length - 1];
        }

        private long[] newestSteps(int count) {
            return Arrays.stream(steps.newest(count)).mapToLong(s -> (long) s).toArray();
        }

        private Change change(long step, long since) {
            return new Change(
                    rank, slow, step, since, Medians.median(ratios.all()), ownRatio(),
                    Medians.median(seconds.all()),
                    Medians.median(peers.all()), lostSeconds);
        }
    }
}

package io.longhaul.monitor.goodput;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * What share of a stretch of time a job would have trained on a cluster whose nodes fail and come back, outage by
 * outage, bursts and long repairs included.
 *
 * <p>When a node of the job fails, the work since the last save is lost, a spare takes its place and training goes on
 * after a restart; without a spare the job waits until a node is back. A job with coded gradients goes on without the
 * nodes that it tolerates to lose, and pays for that with as many times the work.
 */
public final class ClusterReplay {
    private ClusterReplay() {}

    /**
     * A node that is lost for a while.
     *
     * @param at seconds from the beginning
     * @param until seconds from the beginning, not before {@code at}
     */
    public record Outage(double at, int node, double until) {}

    /**
     * @param nodes nodes that train
     * @param spares nodes that wait for one of them to fail
     * @param tolerated nodes without which the gradient is still whole; each costs the work of all once more
     * @param saveSeconds pause of training for one save
     * @param restartSeconds from a failure, or a node that is back, to the first step
     */
    public record Job(int nodes, int spares, int tolerated, double saveSeconds, double restartSeconds) {
        public Job {
            if (nodes < 1 || spares < 0 || tolerated < 0 || tolerated >= nodes || !(saveSeconds > 0)
                    || !(restartSeconds >= 0)) {
                throw new IllegalArgumentException(
                        "needs nodes >= 1, spares >= 0, 0 <= tolerated < nodes, saveSeconds > 0 and restartSeconds >= 0,"
                                + " got " + nodes + ", " + spares + ", " + tolerated + ", " + saveSeconds
                                + " and "
                                + restartSeconds);
            }
        }

        /** The same without or with so many spare nodes. */
        public Job withSpares(int count) {
            return new Job(nodes, count, tolerated, saveSeconds, restartSeconds);
        }
    }

    /**
     * @param outages in any order; nodes are numbered from 0, those beyond the job and its spares are left out
     * @param totalSeconds length of the record, above 0
     * @param intervalSeconds training between two saves, above 0
     * @return effective training time ratio of the job, in [0, 1]
     */
    public static double share(List<Outage> outages, double totalSeconds, double intervalSeconds, Job job) {
        if (!(totalSeconds > 0) || !(intervalSeconds > 0)) {
            throw new IllegalArgumentException(
                    "needs totalSeconds > 0 and intervalSeconds > 0, got " + totalSeconds
                            + " and " + intervalSeconds);
        }
        return new Replay(job, intervalSeconds).run(outages, totalSeconds) / totalSeconds
                / (1 + job.tolerated);
    }

    /** The interval between saves with the highest share, to some percent, tried on a grid. */
    public static double bestInterval(List<Outage> outages, double totalSeconds, Job job) {
        double best = 0;
        double most = -1;
        for (double interval = job.saveSeconds; interval < totalSeconds / 4; interval *= 1.15) {
            double share = share(outages, totalSeconds, interval, job);
            if (share > most) {
                most = share;
                best = interval;
            }
        }
        return most < 0 ? job.saveSeconds : best;
    }

    private static final class Replay {
        private final Job job;
        private final double interval;
        private final int[] outages;
        private final boolean[] member;
        private boolean running = true;
        private double begin;
        private double kept;

        private record Change(double at, int node, int down) {}

        Replay(Job job, double interval) {
            this.job = job;
            this.interval = interval;
            outages = new int[job.nodes + job.spares];
            member = new boolean[outages.length];
            Arrays.fill(member, 0, job.nodes, true);
        }

        double run(List<Outage> records, double totalSeconds) {
            List<Change> changes = new ArrayList<>();
            for (Outage outage : records) {
                if (outage.node < outages.length && outage.at < totalSeconds) {
                    changes.add(new Change(outage.at, outage.node, 1));
                    changes.add(new Change(outage.until, outage.node, -1));
                }
            }
            // Of what happens at once a loss comes first, so that a record that closed at once counts as a failure.
            changes.sort(Comparator.comparingDouble(Change::at)
                    .thenComparing(Change::down, Comparator.reverseOrder()));
            for (Change change : changes) {
                if (change.at >= totalSeconds) {
                    break;
                }
                outages[change.node] += change.down;
                if (running && member[change.node] && change.down > 0 && missing() > job.tolerated) {
                    keepUpTo(change.at);
                    running = false;
                }
                if (!running) {
                    goOn(change.at);
                }
            }
            if (running) {
                keepUpTo(totalSeconds);
            }
            return kept;
        }

        private int missing() {
            int count = 0;
            for (int node = 0; node < member.length; node++) {
                count += member[node] && outages[node] > 0 ? 1 : 0;
            }
            return count;
        }

        private void goOn(double at) {
            int spare = 0;
            for (int node = 0; node < member.length; node++) {
                if (member[node] && outages[node] > 0) {
                    while (spare < member.length && (member[spare] || outages[spare] > 0)) {
                        spare++;
                    }
                    if (spare == member.length) {
                        break;
                    }
                    member[node] = false;
                    member[spare] = true;
                }
            }
            if (missing() <= job.tolerated) {
                running = true;
                begin = at + job.restartSeconds;
            }
        }

        private void keepUpTo(double end) {
            kept += interval * Math.floor(Math.max(0, end - begin) / (interval + job.saveSeconds));
        }
    }
}

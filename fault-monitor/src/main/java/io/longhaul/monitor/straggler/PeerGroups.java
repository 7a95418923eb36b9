package io.longhaul.monitor.straggler;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The ranks of a job, each compared with its own peers, from times that arrive rank by rank.
 *
 * <p>A step is judged when all of its group have reported, together with older ones of which some report never came; so
 * a rank that is silent makes nobody else unjudged.
 */
public final class PeerGroups {
    /** Steps that wait for reports; older ones are judged without them. */
    private static final int PENDING = 64;
    /** From so many on the others' median is more certain than the rank that it judges. */
    private static final int MANY = 8;

    /**
     * @param rank rank concerned
     * @param computeSeconds its time in the step that showed it
     * @param lostSeconds what its steps took longer than the peers' since it was found slow; 0 until it has recovered
     */
    public record Change(int rank, PeerEvent event, double computeSeconds, double lostSeconds) {}

    private final List<Group> groups = new ArrayList<>();
    private final int[] groupOf;
    private final int[] placeOf;
    private final double[] lost;

    /**
     * @param ranks size of the world; ranks are numbered from 0
     * @param peers ranks that work alike, as those of one pipeline stage do; ranks in no group, or alone in theirs,
     *     are never called slow
     * @param equalWork peers have equal shares of the work, so that one that always was slower is slow
     */
    public PeerGroups(int ranks, List<List<Integer>> peers, boolean equalWork) {
        groupOf = new int[ranks];
        placeOf = new int[ranks];
        lost = new double[ranks];
        Arrays.fill(groupOf, -1);
        for (List<Integer> members : peers) {
            if (members.size() > 1) {
                for (int place = 0; place < members.size(); place++) {
                    groupOf[members.get(place)] = groups.size();
                    placeOf[members.get(place)] = place;
                }
                groups.add(new Group(members, equalWork));
            }
        }
    }

    /**
     * One rank's time for one step, without waiting for others.
     *
     * @return ranks that became slow, slower, or well again with the steps that are complete now
     */
    public List<Change> onStep(int rank, long step, double computeSeconds) {
        if (rank < 0 || rank >= groupOf.length || groupOf[rank] < 0 || !(computeSeconds > 0)
                || !Double.isFinite(computeSeconds)) {
            return List.of();
        }
        return groups.get(groupOf[rank]).onStep(placeOf[rank], step, computeSeconds);
    }

    private static final class Row {
        private final double[] seconds;
        private long step;
        private int missing;

        Row(int size) {
            seconds = new double[size];
        }

        void begin(long at) {
            Arrays.fill(seconds, 0);
            step = at;
            missing = seconds.length;
        }

        void set(int place, double value) {
            missing -= seconds[place] == 0 ? 1 : 0;
            seconds[place] = value;
        }

        double median() {
            double[] known = Arrays.stream(seconds).filter(s -> s > 0).sorted().toArray();
            return known[known.length / 2];
        }
    }

    private final class Group {
        private final List<Integer> members;
        private final PeerGroup peers;
        /** Rows of the steps that wait, ascending, and behind them rows to be used again. */
        private final @Nullable Row[] rows = new Row[PENDING + 1];
        private int pending;
        private final Set<Integer> slow = new TreeSet<>();
        private long judged = Long.MIN_VALUE;

        Group(List<Integer> members, boolean equalWork) {
            this.members = List.copyOf(members);
            PeerSettings settings = members.size() >= MANY ? PeerSettings.usual() : PeerSettings.fewPeers();
            peers = new PeerGroup(members.size(), equalWork ? settings : settings.unequalWork());
        }

        List<Change> onStep(int place, long step, double computeSeconds) {
            if (step <= judged) {
                return List.of();
            }
            Row row = row(step);
            row.set(place, computeSeconds);
            if (row.missing > 0 && pending <= PENDING) {
                return List.of();
            }
            judged = row.missing == 0 ? step : waiting(0).step;
            List<Change> changes = new ArrayList<>(0);
            while (pending > 0 && waiting(0).step <= judged) {
                Row due = waiting(0);
                judge(due, changes);
                pending--;
                System.arraycopy(rows, 1, rows, 0, pending);
                rows[pending] = due;
            }
            return changes;
        }

        private Row waiting(int at) {
            return Objects.requireNonNull(rows[at]);
        }

        private Row row(long step) {
            int at = pending;
            while (at > 0 && waiting(at - 1).step > step) {
                at--;
            }
            if (at > 0 && waiting(at - 1).step == step) {
                return waiting(at - 1);
            }
            Row unused = rows[pending];
            Row row = unused == null ? new Row(members.size()) : unused;
            System.arraycopy(rows, at, rows, at + 1, pending - at);
            rows[at] = row;
            pending++;
            row.begin(step);
            return row;
        }

        private void judge(Row row, List<Change> changes) {
            if (!slow.isEmpty()) {
                double usual = row.median();
                slow.forEach(place -> lost[members.get(place)] += Math.max(0, row.seconds[place] - usual));
            }
            for (PeerEvent event : peers.onStep(row.step, row.seconds)) {
                int rank = members.get(event.worker());
                boolean recovered = event.kind() == PeerEvent.Kind.RECOVERED;
                changes.add(new Change(rank, event, row.seconds[event.worker()], recovered ? lost[rank] : 0));
                if (recovered) {
                    slow.remove(event.worker());
                    lost[rank] = 0;
                } else {
                    slow.add(event.worker());
                }
            }
        }
    }
}

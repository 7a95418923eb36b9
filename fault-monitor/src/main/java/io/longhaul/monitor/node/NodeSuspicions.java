package io.longhaul.monitor.node;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Remembers over all runs which nodes were blamed for something, and says which to avoid and until when.
 *
 * <p>Blame halves with time. A node whose blame reaches one is avoided until half of that is left. A repaired node is
 * on probation: in a record of 400 servers over 348 days 31 % failed again within a week of their repair, where 3 %
 * would have by chance; so the first blame within {@link Settings#probation} counts double.
 *
 * <p>No more than a share of all nodes is newly avoided within an hour, since something that hits so many is not
 * the nodes' fault; the others wait for a person.
 */
public final class NodeSuspicions {
    /**
     * @param halfLife time in which blame halves
     * @param probation time after a repair in which blame counts double
     * @param sharePerHour share of all nodes that may newly be avoided within an hour; one node always may
     */
    public record Settings(Duration halfLife, Duration probation, double sharePerHour) {
        public Settings {
            if (!halfLife.isPositive() || probation.isNegative() || !(sharePerHour >= 0)) {
                throw new IllegalArgumentException(
                        "needs halfLife > 0, probation >= 0 and sharePerHour >= 0, got " + halfLife + ", "
                                + probation
                                + " and " + sharePerHour);
            }
        }

        public static Settings usual() {
            return new Settings(Duration.ofDays(3), Duration.ofDays(7), 0.01);
        }
    }

    /**
     * A node to avoid.
     *
     * @param reason what it was blamed for last
     * @param until when it may be used again, if nothing is added
     */
    public record Avoided(String node, double blame, String reason, Instant until) {}

    private static final double LIMIT = 1;
    private static final double RELEASE = 0.5;
    private static final Duration HOUR = Duration.ofHours(1);

    private final Settings settings;
    private final int nodes;
    private final Map<String, Record> records = new HashMap<>();
    private final Deque<Instant> newlyAvoided = new ArrayDeque<>();

    private static final class Record {
        private double blame;
        private Instant at = Instant.EPOCH;
        private Instant repaired = Instant.MIN;
        private String reason = "";
        private boolean avoided;
        private Instant shunned = Instant.MIN;
    }

    /** @param nodes size of the cluster */
    public NodeSuspicions(int nodes, Settings settings) {
        this.nodes = nodes;
        this.settings = settings;
    }

    /**
     * Something went wrong, and the node may be why. Calls come in the order of time.
     *
     * @param weight 1 for a fault that condemns it, less for a hint
     * @return whether the node is to be avoided from now on and was not before
     */
    public boolean blame(String node, Instant at, double weight, String reason) {
        Record record = records.computeIfAbsent(node, n -> new Record());
        boolean probation = record.repaired.isAfter(Instant.MIN)
                && at.isBefore(record.repaired.plus(settings.probation()));
        double before = blameOf(record, at);
        record.blame = before + (probation ? 2 : 1) * weight;
        record.at = at;
        record.reason = reason;
        boolean was = record.avoided && before >= RELEASE;
        record.avoided = was || record.blame >= LIMIT && allowed(at);
        return record.avoided && !was;
    }

    private boolean allowed(Instant at) {
        while (!newlyAvoided.isEmpty() && !newlyAvoided.getFirst().isAfter(at.minus(HOUR))) {
            newlyAvoided.removeFirst();
        }
        if (newlyAvoided.size() >= Math.max(1, (int) (settings.sharePerHour() * nodes))) {
            return false;
        }
        newlyAvoided.addLast(at);
        return true;
    }

    /** A person wants the node avoided up to a time, whatever it was blamed for. */
    public void avoid(String node, Instant until, String reason) {
        Record record = records.computeIfAbsent(node, n -> new Record());
        record.shunned = until;
        record.reason = reason;
    }

    /** The node was repaired and may be used again, on probation. */
    public void repaired(String node, Instant at) {
        Record record = records.computeIfAbsent(node, n -> new Record());
        record.blame = 0;
        record.at = at;
        record.repaired = at;
        record.avoided = false;
        record.shunned = Instant.MIN;
    }

    /** Blame that is left; a node is avoided from 1 on. */
    public double blame(String node, Instant at) {
        Record record = records.get(node);
        return record == null ? 0 : blameOf(record, at);
    }

    private double blameOf(Record record, Instant at) {
        double halves = Math.max(0,
                (double) Duration.between(record.at, at).toMillis() / settings.halfLife().toMillis());
        return record.blame == 0 ? 0 : record.blame * Math.pow(0.5, halves);
    }

    /** Nodes to avoid, the most suspicious first. */
    public List<Avoided> avoided(Instant at) {
        Map<String, Avoided> found = new TreeMap<>();
        records.forEach((node, record) -> {
            double blame = blameOf(record, at);
            record.avoided &= blame >= RELEASE;
            if (record.avoided || record.shunned.isAfter(at)) {
                double halves = record.avoided ? Math.log(blame / RELEASE) / Math.log(2) : 0;
                Instant until = at.plusMillis((long) (halves * settings.halfLife().toMillis()));
                found.put(node, new Avoided(node, blame, record.reason,
                        record.shunned.isAfter(until) ? record.shunned : until));
            }
        });
        return found.values().stream().sorted(Comparator.comparingDouble(Avoided::blame).reversed()).toList();
    }
}

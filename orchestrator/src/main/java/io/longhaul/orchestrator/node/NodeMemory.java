package io.longhaul.orchestrator.node;

import io.longhaul.monitor.node.NodeSuspicions;
import io.longhaul.monitor.node.NodeSuspicions.Avoided;
import java.sql.Timestamp;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * What is remembered of machines over all runs (sql/V070__nodes.sql): runs write whom they blame together with the
 * event, people what they know; {@link NodeSuspicions} says what follows from the notes.
 */
public final class NodeMemory {
    /** Older notes count for nothing: twenty half-lives. */
    public static final Duration REMEMBERED = Duration.ofDays(60);

    private final JdbcClient sql;

    public NodeMemory(DataSource source) {
        this.sql = JdbcClient.create(source);
    }

    /**
     * @param seenAt when an attempt was placed on it last
     * @param blame what speaks against it, halved every three days; avoided from 1 on, until half of that is left
     * @param avoidedUntil until when no attempt is placed on it, if nothing is added
     * @param reason what was said of it last
     */
    public record Node(
            String name,
            Optional<Instant> seenAt,
            double blame,
            Optional<Instant> avoidedUntil,
            String reason) {}

    /** @param weight 1 condemns the machine */
    public record Blame(String node, Instant at, double weight, String reason) {}

    private record Note(
            String node,
            Instant at,
            String kind,
            double weight,
            @Nullable Instant until,
            String reason) {}

    /** Every machine that was used or spoken of, by name. */
    public List<Node> nodes(Instant now) {
        List<Note> notes = notes(now);
        NodeSuspicions suspicions = suspicions(notes);
        TreeMap<String, Node> nodes = new TreeMap<>();
        sql.sql("SELECT name, seen_at FROM node")
                .query((row, number) -> new Node(row.getString(1),
                        Optional.of(row.getTimestamp(2).toInstant()), 0, Optional.empty(), ""))
                .list()
                .forEach(node -> nodes.put(node.name(), node));
        for (Note note : notes) {
            Node node = nodes.get(note.node());
            nodes.put(note.node(), new Node(note.node(), node == null ? Optional.empty() : node.seenAt(),
                    suspicions.blame(note.node(), now), Optional.empty(), note.reason()));
        }
        for (Avoided avoided : suspicions.avoided(now)) {
            nodes.computeIfPresent(avoided.node(),
                    (name, node) -> new Node(name, node.seenAt(), avoided.blame(),
                            Optional.of(avoided.until()), avoided.reason()));
        }
        return List.copyOf(nodes.values());
    }

    /**
     * Names of the machines to avoid, the most suspicious first.
     *
     * @param more blame that is not stored yet
     */
    public List<String> avoided(Instant now, List<Blame> more) {
        NodeSuspicions suspicions = suspicions(notes(now));
        more.forEach(blame -> suspicions.blame(blame.node(), blame.at(), blame.weight(), blame.reason()));
        return suspicions.avoided(now).stream().map(Avoided::node).toList();
    }

    /** A person wants a machine avoided, known or not, for at most {@link #REMEMBERED}. */
    public void avoid(String node, Instant until, String reason, Instant now) {
        note(node, now, "avoided", Timestamp.from(until), reason);
    }

    /** A machine was repaired, or wrongly blamed: it may be used again, on probation. */
    public void forgive(String node, Instant now) {
        note(node, now, "forgiven", null, "forgiven by a person, on probation");
    }

    private void note(String node, Instant now, String kind, @Nullable Timestamp until, String reason) {
        sql.sql("INSERT INTO node_note (node, at, kind, until_at, reason) VALUES (?, ?, ?, ?, ?)")
                .param(node)
                .param(Timestamp.from(now))
                .param(kind)
                .param(until)
                .param(reason)
                .update();
    }

    private List<Note> notes(Instant now) {
        return sql.sql("SELECT node, at, kind, weight, until_at, reason FROM node_note WHERE at > ?"
                + " ORDER BY at, id").param(Timestamp.from(now.minus(REMEMBERED))).query((row, number) -> {
                    Timestamp until = row.getTimestamp(5);
                    return new Note(row.getString(1), row.getTimestamp(2).toInstant(), row.getString(3),
                            row.getDouble(4), until == null ? null : until.toInstant(), row.getString(6));
                }).list();
    }

    private NodeSuspicions suspicions(List<Note> notes) {
        int nodes = sql.sql("SELECT count(*) FROM node").query(Integer.class).single();
        NodeSuspicions suspicions = new NodeSuspicions(nodes, NodeSuspicions.Settings.usual());
        for (Note note : notes) {
            if (note.kind().equals("blamed")) {
                suspicions.blame(note.node(), note.at(), note.weight(), note.reason());
            } else if (note.until() != null) {
                suspicions.avoid(note.node(), note.until(), note.reason());
            } else {
                suspicions.repaired(note.node(), note.at());
            }
        }
        return suspicions;
    }
}

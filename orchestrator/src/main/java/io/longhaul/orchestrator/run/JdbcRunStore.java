package io.longhaul.orchestrator.run;

import io.longhaul.orchestrator.launch.AgentCommand;
import io.longhaul.orchestrator.launch.NodeSet;
import io.longhaul.orchestrator.telemetry.AgentJson;
import io.longhaul.orchestrator.telemetry.AgentRecord;
import java.sql.Timestamp;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

/** {@link RunStore} in PostgreSQL (sql/V001__runs.sql). Writers of a run take turns by the lock of its row. */
public final class JdbcRunStore implements RunStore {
    private static final Pattern ZERO_CHARACTER = Pattern.compile("(?<!\\\\)((?:\\\\\\\\)*)\\\\u0000");

    /** Rows of some agents; parameters are their attempts and, in the same order, their nodes. */
    private static final String AMONG = "(attempt, node) IN (SELECT * FROM unnest(?::int[], ?::int[]))";

    private final JdbcClient sql;
    private final JdbcTemplate template;
    private final TransactionTemplate transactions;

    public JdbcRunStore(DataSource source) {
        this.sql = JdbcClient.create(source);
        this.template = new JdbcTemplate(source);
        this.transactions = new TransactionTemplate(new JdbcTransactionManager(source));
    }

    private <T> T inTransaction(Supplier<T> work) {
        return Objects.requireNonNull(transactions.execute(status -> work.get()));
    }

    @Override
    public OptionalLong takeOver(String holder, Duration lease) {
        return sql.sql("UPDATE controller SET epoch = epoch + 1, holder = ?,"
                + " until = clock_timestamp() + make_interval(secs => ?)"
                + " WHERE until <= clock_timestamp() OR holder = ? RETURNING epoch")
                .params(holder, lease.toMillis() / 1e3, holder)
                .query(Long.class)
                .optional()
                .map(OptionalLong::of)
                .orElse(OptionalLong.empty());
    }

    @Override
    public boolean renew(long epoch, Duration lease) {
        return sql.sql("UPDATE controller SET until = clock_timestamp() + make_interval(secs => ?)"
                + " WHERE epoch = ?").params(lease.toMillis() / 1e3, epoch).update() == 1;
    }

    @Override
    public void release(long epoch) {
        sql.sql("UPDATE controller SET until = '-infinity' WHERE epoch = ?").param(epoch).update();
    }

    /** The shared lock lets controllers of one epoch write side by side and makes a take-over wait for them. */
    private void requireController(long epoch) {
        long newest = newestEpoch();
        if (newest != epoch) {
            throw new FencedException("epoch " + epoch + " was replaced by " + newest);
        }
    }

    private long newestEpoch() {
        return sql.sql("SELECT epoch FROM controller FOR SHARE").query(Long.class).single();
    }

    @Override
    public UUID create(UUID run, RunEvent.Created created, Optional<String> idempotencyKey, long epoch) {
        return inTransaction(() -> {
            requireController(epoch);
            int added = sql.sql(
                    "INSERT INTO run (id, created_at, idempotency_key, last_event) VALUES (?, ?, ?, 1)"
                            + " ON CONFLICT (idempotency_key) DO NOTHING")
                    .param(run)
                    .param(Timestamp.from(created.at()))
                    .param(idempotencyKey.orElse(null))
                    .update();
            if (added == 0) {
                return sql.sql("SELECT id FROM run WHERE idempotency_key = ?")
                        .param(idempotencyKey.orElseThrow())
                        .query(UUID.class)
                        .single();
            }
            insert(run, 1, List.of(created));
            return run;
        });
    }

    private void insert(UUID run, long first, List<? extends RunEvent> events) {
        List<Object[]> rows = new ArrayList<>();
        for (RunEvent event : events) {
            rows.add(new Object[]{run, first + rows.size(), Timestamp.from(event.at()), RunJson.text(event)});
        }
        template.batchUpdate("INSERT INTO run_event (run, sequence, at, body) VALUES (?, ?, ?, ?::json)",
                rows);
    }

    private void nobodyWaits(UUID run) {
        sql.sql("UPDATE run_attempt SET waiting = '' WHERE run = ? AND waiting <> ''").param(run).update();
    }

    private void seen(RunEvent.NodesPlaced event) {
        template.batchUpdate("INSERT INTO node (name, seen_at) VALUES (?, ?)"
                + " ON CONFLICT (name) DO UPDATE SET seen_at = greatest(node.seen_at, excluded.seen_at)",
                new TreeSet<>(event.machines().values()).stream()
                        .map(machine -> new Object[]{machine, Timestamp.from(event.at())})
                        .toList());
    }

    /** PostgreSQL's jsonb cannot hold a zero character; an escaped backslash before u0000 is none. */
    private static String storable(String json) {
        return ZERO_CHARACTER.matcher(json).replaceAll("$1\\\\ufffd");
    }

    @Override
    public List<UUID> runs() {
        return sql.sql("SELECT id FROM run ORDER BY created_at DESC, id")
                .query((row, number) -> row.getObject(1, UUID.class))
                .list();
    }

    @Override
    public Optional<Stored> load(UUID run) {
        return inTransaction(() -> {
            Optional<Long> cursor = sql.sql("SELECT cursor FROM run WHERE id = ? FOR SHARE")
                    .param(run)
                    .query(Long.class)
                    .optional();
            return cursor.map(
                    at -> new Stored(
                            events(run, 0, Integer.MAX_VALUE).stream().map(Numbered::event).toList(), at));
        });
    }

    @Override
    public List<Numbered> events(UUID run, long after, int limit) {
        return sql.sql(
                "SELECT sequence, body FROM run_event WHERE run = ? AND sequence > ? ORDER BY sequence LIMIT ?")
                .params(run, after, limit)
                .query((row, number) -> new Numbered(row.getLong(1), RunJson.event(row.getString(2))))
                .list();
    }

    @Override
    public void commit(
            UUID run, long epoch, long after, List<RunEvent> events, long cursor,
            List<RunDecider.Command> commands) {
        inTransaction(() -> {
            requireController(epoch);
            int moved = sql.sql(
                    "UPDATE run SET last_event = ?, cursor = greatest(cursor, ?) WHERE id = ? AND last_event = ?")
                    .params(after + events.size(), cursor, run, after)
                    .update();
            if (moved == 0) {
                throw new FencedException("run " + run + " has moved on from event " + after);
            }
            insert(run, after + 1, events);
            for (RunEvent event : events) {
                switch (event) {
                    case RunEvent.AttemptDecided e -> sql
                            .sql("INSERT INTO run_attempt (run, attempt, kept) VALUES (?, ?, ?)")
                            .params(run, e.launch().key().attempt(),
                                    NodeSet.first(e.launch().nodes()).without(e.launch().made()).toString())
                            .update();
                    case RunEvent.AttemptEnded e -> sql
                            .sql("UPDATE run_attempt SET ended = true, waiting = ? WHERE run = ? AND attempt = ?")
                            .params(e.kept().toString(), run, e.attempt())
                            .update();
                    case RunEvent.Waiting e -> nobodyWaits(run);
                    case RunEvent.Stopped e -> nobodyWaits(run);
                    case RunEvent.Failed e -> nobodyWaits(run);
                    case RunEvent.NodesPlaced e -> seen(e);
                    case RunEvent.MachineBlamed e -> sql
                            .sql("INSERT INTO node_note (node, at, kind, weight, reason, run)"
                                    + " VALUES (?, ?, 'blamed', ?, ?, ?)")
                            .params(e.machine(), Timestamp.from(e.at()), e.weight(), e.reason(), run)
                            .update();
                    default -> {
                    }
                }
            }
            template.batchUpdate(
                    "INSERT INTO agent_command (run, attempt, node, id, body) VALUES (?, ?, ?, ?, ?::jsonb)"
                            + " ON CONFLICT DO NOTHING",
                    commands.stream()
                            .map(
                                    c -> new Object[]{
                                            run, c.attempt(), c.node(), c.command().id(),
                                            AgentJson.text(c.command())})
                            .toList());
            return true;
        });
    }

    @Override
    public List<Received> records(UUID run, long after, int limit) {
        return sql.sql(
                "SELECT id, attempt, node, body FROM agent_record WHERE run = ? AND id > ? ORDER BY id LIMIT ?")
                .params(run, after, limit)
                .query(
                        (row, number) -> new Received(row.getLong(1), row.getInt(2), row.getInt(3),
                                AgentJson.parse(row.getString(4))))
                .list();
    }

    @Override
    public List<Answer> receive(UUID run, List<Sent> sent, Instant now) {
        return inTransaction(() -> {
            if (sent.stream().anyMatch(one -> !one.records().isEmpty())) {
                // Ids of records rise in the order in which they become visible. Who has nothing to say waits for nobody.
                sql.sql("SELECT id FROM run WHERE id = ? FOR UPDATE").param(run).query(UUID.class).optional();
            }
            SortedMap<Integer, AttemptRow> attempts = new TreeMap<>();
            sql.sql("SELECT attempt, ended, waiting, kept FROM run_attempt WHERE run = ?")
                    .param(run)
                    .query(row -> {
                        attempts.put(row.getInt(1), new AttemptRow(row.getBoolean(2),
                                NodeSet.parse(row.getString(3)), NodeSet.parse(row.getString(4))));
                    });
            List<Sent> living = sent.stream()
                    .filter(one -> attempts.containsKey(one.attempt())
                            && !attempts.get(one.attempt()).ended())
                    .toList();
            acknowledge(run, living);
            Map<Agent, Long> stored = append(run, living, now);
            long epoch = newestEpoch();
            Map<Agent, List<AgentCommand>> pending = pending(run, living, epoch);
            return sent.stream().<Answer>map(one -> {
                AttemptRow attempt = attempts.get(one.attempt());
                if (attempt == null) {
                    return new Answer.Unknown();
                }
                Agent agent = Agent.of(one);
                return attempt.ended()
                        ? over(one, attempt, Optional.ofNullable(attempts.get(one.attempt() + 1)), epoch)
                        : new Answer.Accepted(Objects.requireNonNull(stored.get(agent)), epoch,
                                pending.getOrDefault(agent, List.of()));
            }).toList();
        });
    }

    /** As in the table. */
    private record AttemptRow(boolean ended, NodeSet waiting, NodeSet kept) {}

    /** To an agent of an attempt that is over. */
    private static Answer over(Sent sent, AttemptRow attempt, Optional<AttemptRow> next, long epoch) {
        if (next.isPresent()) {
            return new Answer.Ended(next.get().kept().contains(sent.node())
                    ? OptionalInt.of(sent.attempt() + 1)
                    : OptionalInt.empty());
        }
        if (!attempt.waiting().contains(sent.node())) {
            return new Answer.Ended();
        }
        long heard = sent.records().isEmpty() ? 0 : sent.records().getLast().seq();
        return new Answer.Accepted(heard, epoch, List.of());
    }

    private record Agent(int attempt, int node) {
        static Agent of(Sent sent) {
            return new Agent(sent.attempt(), sent.node());
        }
    }

    private void acknowledge(UUID run, List<Sent> sent) {
        List<Object[]> rows = new ArrayList<>();
        for (Sent one : sent) {
            one.acknowledged().forEach(id -> rows.add(new Object[]{run, one.attempt(), one.node(), id}));
        }
        template.batchUpdate(
                "UPDATE agent_command SET acknowledged = true WHERE run = ? AND attempt = ? AND node = ? AND id = ?",
                rows);
    }

    /** @return last stored {@code seq} by agent */
    private Map<Agent, Long> append(UUID run, List<Sent> sent, Instant now) {
        Map<Agent, Long> last = new LinkedHashMap<>();
        sent.forEach(one -> last.put(Agent.of(one), 0L));
        sql.sql("SELECT attempt, node, last_seq FROM run_node WHERE run = ? AND " + AMONG)
                .params(run, attempts(last.keySet()), nodes(last.keySet()))
                .query(row -> {
                    last.put(new Agent(row.getInt(1), row.getInt(2)), row.getLong(3));
                });
        List<Object[]> rows = new ArrayList<>();
        for (Sent one : sent) {
            for (AgentRecord message : one.records()) {
                if (message.seq() == last.getOrDefault(Agent.of(one), 0L) + 1) {
                    last.put(Agent.of(one), message.seq());
                    rows.add(new Object[]{run, one.attempt(), one.node(), message.seq(),
                            storable(AgentJson.text(message))});
                }
            }
        }
        template.batchUpdate(
                "INSERT INTO agent_record (run, attempt, node, seq, body) VALUES (?, ?, ?, ?, ?::jsonb)",
                rows);
        // In one order everywhere, so that two batches never wait for each other.
        template.batchUpdate(
                "INSERT INTO run_node (run, attempt, node, last_seq, heard_at) VALUES (?, ?, ?, ?, ?)"
                        + " ON CONFLICT (run, attempt, node)"
                        + " DO UPDATE SET last_seq = GREATEST(run_node.last_seq, excluded.last_seq),"
                        + " heard_at = excluded.heard_at",
                last.entrySet()
                        .stream()
                        .sorted(Comparator.comparing(entry -> entry.getKey(),
                                Comparator.comparingInt(Agent::attempt).thenComparingInt(Agent::node)))
                        .map(entry -> new Object[]{run, entry.getKey().attempt(), entry.getKey().node(),
                                entry.getValue(), Timestamp.from(now)})
                        .toList());
        return last;
    }

    private Map<Agent, List<AgentCommand>> pending(UUID run, List<Sent> sent, long epoch) {
        Set<Agent> agents = sent.stream().map(Agent::of).collect(Collectors.toSet());
        Map<Agent, List<AgentCommand>> pending = new HashMap<>();
        sql.sql("SELECT attempt, node, body FROM agent_command WHERE run = ? AND NOT acknowledged AND "
                + AMONG
                + " ORDER BY number")
                .params(run, attempts(agents), nodes(agents))
                .query(row -> {
                    pending.computeIfAbsent(new Agent(row.getInt(1), row.getInt(2)),
                            agent -> new ArrayList<>())
                            .add(AgentJson.command(row.getString(3)).with(epoch));
                });
        return pending;
    }

    private static int[] attempts(Set<Agent> agents) {
        return agents.stream().mapToInt(Agent::attempt).toArray();
    }

    private static int[] nodes(Set<Agent> agents) {
        return agents.stream().mapToInt(Agent::node).toArray();
    }
}

package io.longhaul.orchestrator.run;

import io.longhaul.orchestrator.launch.AgentCommand;
import io.longhaul.orchestrator.launch.NodeSet;
import io.longhaul.orchestrator.telemetry.AgentRecord;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.UUID;

/** {@link RunStore} for simulations: it outlives the controllers that a test crashes, not the test. */
public final class InMemoryRunStore implements RunStore {
    private final Map<UUID, Stream> runs = new HashMap<>();
    private final Map<String, UUID> keys = new HashMap<>();
    private long epoch;
    private String holder = "";
    private long untilNanos = System.nanoTime();

    private record Agent(int attempt, int node) {}

    private static final class Stream {
        private final Instant createdAt;
        private final List<RunEvent> events = new ArrayList<>();
        private final List<Received> records = new ArrayList<>();
        private final Set<Integer> attempts = new HashSet<>();
        private final Set<Integer> ended = new HashSet<>();
        private final Map<Integer, NodeSet> kept = new HashMap<>();
        private NodeSet waiting = NodeSet.NONE;
        private final Map<Agent, Long> lastSeq = new HashMap<>();
        private final Map<Agent, Map<String, AgentCommand>> commands = new HashMap<>();
        private final Set<String> acknowledged = new HashSet<>();
        private long cursor;

        Stream(RunEvent.Created created) {
            this.createdAt = created.at();
            events.add(created);
        }

        Map<String, AgentCommand> commands(Agent agent) {
            return commands.computeIfAbsent(agent, key -> new LinkedHashMap<>());
        }
    }

    @Override
    public synchronized OptionalLong takeOver(String asking, Duration lease) {
        if (!asking.equals(holder) && System.nanoTime() - untilNanos < 0) {
            return OptionalLong.empty();
        }
        holder = asking;
        untilNanos = System.nanoTime() + lease.toNanos();
        return OptionalLong.of(++epoch);
    }

    @Override
    public synchronized boolean renew(long asking, Duration lease) {
        if (asking == epoch) {
            untilNanos = System.nanoTime() + lease.toNanos();
        }
        return asking == epoch;
    }

    @Override
    public synchronized void release(long asking) {
        renew(asking, Duration.ZERO);
    }

    private void requireController(long asking) {
        if (asking != epoch) {
            throw new FencedException("epoch " + asking + " was replaced by " + epoch);
        }
    }

    @Override
    public synchronized UUID create(
            UUID run, RunEvent.Created created, Optional<String> idempotencyKey, long asking) {
        requireController(asking);
        if (idempotencyKey.isPresent() && keys.containsKey(idempotencyKey.get())) {
            return keys.get(idempotencyKey.get());
        }
        if (runs.putIfAbsent(run, new Stream(created)) != null) {
            throw new IllegalStateException("run " + run + " exists");
        }
        idempotencyKey.ifPresent(key -> keys.put(key, run));
        return run;
    }

    @Override
    public synchronized List<UUID> runs() {
        return runs.entrySet()
                .stream()
                .sorted(Comparator.comparing((Map.Entry<UUID, Stream> run) -> run.getValue().createdAt)
                        .reversed())
                .map(Map.Entry::getKey)
                .toList();
    }

    @Override
    public synchronized Optional<Stored> load(UUID run) {
        return Optional.ofNullable(runs.get(run)).map(s -> new Stored(List.copyOf(s.events), s.cursor));
    }

    @Override
    public synchronized List<Numbered> events(UUID run, long after, int limit) {
        List<RunEvent> events = runs.containsKey(run) ? runs.get(run).events : List.of();
        List<Numbered> page = new ArrayList<>();
        for (long number = after + 1; number <= events.size() && page.size() < limit; number++) {
            page.add(new Numbered(number, events.get((int) number - 1)));
        }
        return page;
    }

    @Override
    public synchronized void commit(
            UUID run, long asking, long after, List<RunEvent> events, long cursor,
            List<RunDecider.Command> commands) {
        requireController(asking);
        Stream stream = runs.get(run);
        if (stream == null || stream.events.size() != after) {
            throw new FencedException("run " + run + " has moved on from event " + after);
        }
        stream.events.addAll(events);
        stream.cursor = Math.max(stream.cursor, cursor);
        for (RunEvent event : events) {
            if (event instanceof RunEvent.AttemptDecided e) {
                stream.attempts.add(e.launch().key().attempt());
                stream.kept.put(e.launch().key().attempt(),
                        NodeSet.first(e.launch().nodes()).without(e.launch().made()));
            } else if (event instanceof RunEvent.AttemptEnded e) {
                stream.ended.add(e.attempt());
                stream.waiting = e.kept();
            } else if (event instanceof RunEvent.Waiting || event instanceof RunEvent.Stopped
                    || event instanceof RunEvent.Failed) {
                stream.waiting = NodeSet.NONE;
            }
        }
        for (RunDecider.Command c : commands) {
            stream.commands(new Agent(c.attempt(), c.node())).putIfAbsent(c.command().id(), c.command());
        }
    }

    @Override
    public synchronized List<Received> records(UUID run, long after, int limit) {
        List<Received> all = runs.containsKey(run) ? runs.get(run).records : List.of();
        return List.copyOf(all.subList((int) after, (int) Math.min(after + limit, all.size())));
    }

    @Override
    public synchronized List<Answer> receive(UUID run, List<Sent> sent, Instant now) {
        return sent.stream().map(one -> receive(run, one)).toList();
    }

    private Answer receive(UUID run, Sent sent) {
        Stream stream = runs.get(run);
        if (stream == null || !stream.attempts.contains(sent.attempt())) {
            return new Answer.Unknown();
        }
        if (stream.ended.contains(sent.attempt())) {
            if (stream.attempts.contains(sent.attempt() + 1)) {
                return new Answer.Ended(stream.kept.get(sent.attempt() + 1).contains(sent.node())
                        ? OptionalInt.of(sent.attempt() + 1)
                        : OptionalInt.empty());
            }
            long heard = sent.records().isEmpty() ? 0 : sent.records().getLast().seq();
            return stream.waiting.contains(sent.node())
                    ? new Answer.Accepted(heard, epoch, List.of())
                    : new Answer.Ended();
        }
        Agent agent = new Agent(sent.attempt(), sent.node());
        sent.acknowledged().forEach(id -> stream.acknowledged.add(agent + id));
        long last = stream.lastSeq.getOrDefault(agent, 0L);
        for (AgentRecord message : sent.records()) {
            if (message.seq() == last + 1) {
                last++;
                stream.records
                        .add(new Received(stream.records.size() + 1, sent.attempt(), sent.node(), message));
            }
        }
        stream.lastSeq.put(agent, last);
        return new Answer.Accepted(
                last,
                epoch,
                stream.commands(agent)
                        .values()
                        .stream()
                        .filter(command -> !stream.acknowledged.contains(agent + command.id()))
                        .map(command -> command.with(epoch))
                        .toList());
    }
}

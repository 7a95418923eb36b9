package io.longhaul.orchestrator.service;

import io.longhaul.orchestrator.run.RunStore;
import io.longhaul.orchestrator.run.RunStore.Answer;
import io.longhaul.orchestrator.run.RunStore.Sent;
import java.time.Clock;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Stores what agents send, those that speak at the same time in one transaction: each takes the lock of the run's row
 * and a write to disk, which thousands of agents that stop at once would otherwise wait for one after the other. A single
 * agent waits for nobody: whoever finds no one writing writes at once, for all that have come meanwhile.
 */
public final class AgentIntake {
    /** Agents of a transaction; more make the first ones wait for the last ones' sake. */
    private static final int AT_ONCE = 256;

    private final RunStore store;
    private final Clock clock;
    /** Those that wait while another agent of their lane writes; a lane in which nobody writes has no queue. */
    private final Map<Lane, Queue<Waiting>> lanes = new ConcurrentHashMap<>();

    public AgentIntake(RunStore store, Clock clock) {
        this.store = store;
        this.clock = clock;
    }

    /** Agents that only ask are not kept by those that tell something. */
    private record Lane(UUID run, boolean tells) {}

    /** @param turn the answer, or none when it is the waiting agent's own turn to write */
    private record Waiting(Sent sent, CompletableFuture<Optional<Answer>> turn) {}

    /** As {@link RunStore#receive(UUID, List, java.time.Instant)} for one agent; blocks until it is stored. */
    public Answer receive(UUID run, Sent sent) {
        Lane lane = new Lane(run, !sent.records().isEmpty());
        Waiting self = new Waiting(sent, new CompletableFuture<>());
        lanes.compute(lane, (key, queue) -> {
            if (queue == null) {
                self.turn().complete(Optional.empty());
                return new ArrayDeque<>();
            }
            queue.add(self);
            return queue;
        });
        try {
            return self.turn().join().orElseGet(() -> write(lane, self));
        } catch (CompletionException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : e;
        }
    }

    private Answer write(Lane lane, Waiting self) {
        List<Waiting> batch = new ArrayList<>(List.of(self));
        try {
            lanes.computeIfPresent(lane, (key, queue) -> {
                while (batch.size() < AT_ONCE && !queue.isEmpty()) {
                    batch.add(queue.remove());
                }
                return queue;
            });
            List<Answer> answers = store.receive(lane.run(), batch.stream().map(Waiting::sent).toList(),
                    clock.instant());
            for (int i = 1; i < batch.size(); i++) {
                batch.get(i).turn().complete(Optional.of(answers.get(i)));
            }
            return answers.getFirst();
        } catch (RuntimeException | Error e) {
            batch.subList(1, batch.size()).forEach(waiting -> waiting.turn().completeExceptionally(e));
            throw e;
        } finally {
            lanes.computeIfPresent(lane, (key, queue) -> {
                Waiting next = queue.poll();
                if (next == null) {
                    return null;
                }
                next.turn().complete(Optional.empty());
                return queue;
            });
        }
    }
}

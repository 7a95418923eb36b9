package io.longhaul.orchestrator.run;

import io.longhaul.orchestrator.launch.AgentCommand;
import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.telemetry.AgentRecord;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.UUID;

/**
 * Durable memory of the runs. Every method is one transaction. All writes name the epoch of the controller that
 * asks for them, and one that is not the newest is refused, so that a controller which lost its place can do no
 * harm.
 */
public interface RunStore {
    /**
     * Makes the caller the controller unless another holder's lease runs. Times are the store's.
     *
     * @param holder whose own lease, from an earlier life, is no obstacle
     * @return an epoch above every earlier one; empty if another one leads
     */
    OptionalLong takeOver(String holder, Duration lease);

    /**
     * The lease runs anew from now on.
     *
     * @return false if another epoch has begun
     */
    boolean renew(long epoch, Duration lease);

    /** Ends the lease, if it is still this epoch's. */
    void release(long epoch);

    /**
     * Stores a new run with its first event.
     *
     * @param idempotencyKey of the request; a key seen before adds nothing
     * @return the run of this key
     */
    UUID create(UUID run, RunEvent.Created created, Optional<String> idempotencyKey, long epoch);

    /** Every run, newest first. */
    List<UUID> runs();

    /** A run as stored; empty if there is none. */
    Optional<Stored> load(UUID run);

    /** @param cursor id of the last record that the events take into account */
    record Stored(List<RunEvent> events, long cursor) {}

    /** Events with a sequence number above {@code after}, ascending; the first event has number 1. */
    List<Numbered> events(UUID run, long after, int limit);

    /** An event with its place in the run's history. */
    record Numbered(long sequence, RunEvent event) {}

    /**
     * Adds what one decision came to: events, the cursor and commands, together or not at all.
     *
     * @param after sequence number of the last event that the decision knew
     * @param cursor never goes back: a lower one than before changes nothing
     * @throws FencedException if {@code epoch} is not the newest or the run has moved on
     */
    void commit(
            UUID run, long epoch, long after, List<RunEvent> events, long cursor,
            List<RunDecider.Command> commands);

    /** Records with an id above {@code after}, ascending; a record seen is never preceded by one that comes later. */
    List<Received> records(UUID run, long after, int limit);

    /** @param id ascending within the run */
    record Received(long id, int attempt, int node, AgentRecord message) {}

    /**
     * What the agent of one node sends.
     *
     * @param acknowledged ids of commands that need not be sent again
     */
    record Sent(int attempt, int node, List<String> acknowledged, List<AgentRecord> records) {}

    /**
     * Stores what agents of a run send, all or nothing. Of each agent's records those up to its last stored {@code seq}
     * are dropped, as are those behind a gap. An agent that is kept for the next attempt is told that its last one is over
     * when the next one is decided on; what it says in between is dropped.
     *
     * @return one answer for each, in their order
     */
    List<Answer> receive(UUID run, List<Sent> sent, Instant now);

    /** Stores what a single agent sends. */
    default Answer receive(
            AttemptKey attempt, int node, List<String> acknowledged, List<AgentRecord> records, Instant now) {
        return receive(attempt.run(), List.of(new Sent(attempt.attempt(), node, acknowledged, records)), now)
                .getFirst();
    }

    /** Answer to an agent. */
    sealed interface Answer {
        /**
         * @param stored last stored {@code seq}, 0 for none
         * @param commands not acknowledged so far; the present controller stands in for those of former ones, so
         *     they carry its epoch
         */
        record Accepted(long stored, long epoch, List<AgentCommand> commands) implements Answer {}

        /**
         * The attempt is over: its ranks must not live.
         *
         * @param next number of the attempt that the agent goes on with; empty if it is to leave
         */
        record Ended(OptionalInt next) implements Answer {
            /** For an agent that is to leave. */
            public Ended() {
                this(OptionalInt.empty());
            }
        }

        /** No such attempt. */
        record Unknown() implements Answer {}
    }

    /** The caller is not the controller any more, or decided on an old state. */
    final class FencedException extends RuntimeException {
        public FencedException(String message) {
            super(message);
        }
    }
}

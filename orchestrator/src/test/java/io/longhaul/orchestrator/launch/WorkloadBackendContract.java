package io.longhaul.orchestrator.launch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.longhaul.orchestrator.launch.WorkloadObservation.Presence;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What every {@link WorkloadBackend} keeps to, shown on real workloads. */
public abstract class WorkloadBackendContract {
    protected static final int NODES = 2;

    protected final AttemptKey attempt = new AttemptKey(UUID.randomUUID(), 1);
    private final AttemptKey other = new AttemptKey(attempt.run(), 11);
    private WorkloadBackend backend;

    /** A backend of a service that has just started; what was created before goes on. */
    protected abstract WorkloadBackend backend();

    /** Names of what runs of an attempt, agents and ranks, seen past the backend; waits until they are up. */
    protected abstract List<String> running(AttemptKey key, int agents);

    /** Ends an agent and its ranks behind the backend's back. */
    protected abstract void kill(AttemptKey key, int node);

    /** Makes the world refuse {@link #attempt} when a part of it is made. */
    protected abstract void refuse();

    @BeforeEach
    void start() {
        backend = backend();
    }

    @AfterEach
    void clear() {
        for (AttemptKey key : List.of(attempt, other)) {
            backend.fence(key);
            backend.delete(key);
        }
    }

    protected AttemptLaunch launch(AttemptKey key) {
        return new AttemptLaunch(key, 1, NODES, 2, List.of("train"), Map.of(), 0);
    }

    protected static void pause() {
        try {
            Thread.sleep(20);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The backend may see what happened a little later; of nodes in this order. */
    private void awaitPresence(Presence... wanted) {
        List<Presence> seen;
        do {
            pause();
            seen = backend.observe()
                    .stream()
                    .filter(o -> o.key().equals(attempt))
                    .sorted(Comparator.comparingInt(WorkloadObservation::node))
                    .map(WorkloadObservation::presence)
                    .toList();
        } while (!seen.equals(List.of(wanted)));
    }

    @Test
    void anAttemptHasOneAgentPerNodeHoweverOftenItIsCreated() {
        backend.create(launch(attempt));
        List<String> first = running(attempt, NODES);
        assertThat(first).isNotEmpty();
        awaitPresence(Presence.RUNNING, Presence.RUNNING);
        backend.create(launch(attempt));
        assertThat(running(attempt, NODES)).isEqualTo(first);
    }

    @Test
    void aServiceThatComesBackFindsItsAgentsAndStartsNoneTwice() {
        backend.create(launch(attempt));
        List<String> first = running(attempt, NODES);
        backend = backend();
        assertThat(backend.observe()).extracting(WorkloadObservation::key).contains(attempt);
        backend.create(launch(attempt));
        assertThat(running(attempt, NODES)).isEqualTo(first);
        awaitPresence(Presence.RUNNING, Presence.RUNNING);
    }

    @Test
    void anAgentThatDiedIsGoneAndIsNotStartedAgain() {
        backend.create(launch(attempt));
        running(attempt, NODES);
        kill(attempt, 1);
        for (int life = 0; life < 2; life++) {
            awaitPresence(Presence.RUNNING, Presence.GONE);
            backend = backend();
            backend.create(launch(attempt));
        }
        assertThat(running(attempt, 1)).isNotEmpty();
    }

    @Test
    void fencingEndsEveryProcessOfTheAttemptAndOfNoOther() {
        backend.create(launch(attempt));
        backend.create(launch(other));
        running(attempt, NODES);
        List<String> others = running(other, NODES);
        backend.fence(attempt);
        assertThat(running(attempt, 0)).isEmpty();
        assertThat(running(other, NODES)).isEqualTo(others);
        awaitPresence(Presence.GONE, Presence.GONE);
        backend.fence(attempt);
        backend.create(launch(attempt));
        assertThat(running(attempt, 0)).as("what was fenced stays dead").isEmpty();
    }

    @Test
    void whatIsDeletedIsSeenNoMoreThenAndLater() {
        backend.create(launch(attempt));
        running(attempt, NODES);
        backend.fence(attempt);
        backend.delete(attempt);
        backend.delete(attempt);
        awaitPresence();
        assertThat(backend().observe()).extracting(WorkloadObservation::key).doesNotContain(attempt);
    }

    @Test
    void fencingAndDeletingWhatNeverWasDoesNothing() {
        backend.fence(attempt);
        backend.delete(attempt);
        assertThat(backend.observe()).extracting(WorkloadObservation::key).doesNotContain(attempt);
    }

    @Test
    void nothingHalfMadeIsLeftWhenTheWorldRefuses() {
        refuse();
        assertThatThrownBy(() -> backend.create(launch(attempt))).isInstanceOf(LaunchException.class);
        assertThat(running(attempt, 0)).isEmpty();
        assertThat(backend.observe()).extracting(WorkloadObservation::key).doesNotContain(attempt);
    }
}

package io.longhaul.orchestrator.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import io.longhaul.orchestrator.TestService;
import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.launch.AttemptLaunch;
import io.longhaul.orchestrator.node.NodeMemory;
import io.longhaul.orchestrator.run.RunStore.Answer;
import io.longhaul.orchestrator.telemetry.AgentRecord;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

final class JdbcRunStoreTest extends RunStoreContract {
    private static final DataSource DATABASE = TestService.freshDatabase("run_store");

    @Override
    RunStore store() {
        return new JdbcRunStore(DATABASE);
    }

    @Test
    void whatRunsSayOfMachinesIsRememberedWithTheEvent() {
        RunStore store = store();
        NodeMemory memory = new NodeMemory(DATABASE);
        Instant at = Instant.parse("2026-03-01T00:00:00Z");
        UUID run = UUID.randomUUID();
        long epoch = Runs.takeOver(store);
        store.create(run, new RunEvent.Created(at, Runs.spec()), Optional.empty(), epoch);
        store.commit(run, epoch, 1, List.of(
                new RunEvent.NodesPlaced(at, 1, new TreeMap<>(Map.of(0, "gpu-1", 1, "gpu-2", 2, "gpu-2"))),
                new RunEvent.MachineBlamed(at, 1, "gpu-2", 0.6, "rank 1 is slow")), 0, List.of());
        assertThat(memory.avoided(at, List.of())).isEmpty();
        assertThat(memory.avoided(at, List.of(new NodeMemory.Blame("gpu-2", at, 0.4, "a person says so"))))
                .as("with what is not stored yet")
                .containsExactly("gpu-2");
        assertThat(memory.avoided(at, List.of())).as("nothing is stored by asking").isEmpty();
        assertThatThrownBy(() -> store.commit(run, epoch - 1, 3,
                List.of(new RunEvent.MachineBlamed(at, 1, "gpu-1", 1, "a replaced controller says so")), 0,
                List.of())).isInstanceOf(RunStore.FencedException.class);
        Instant later = at.plus(Duration.ofHours(12));
        store.commit(run, epoch, 3,
                List.of(new RunEvent.MachineBlamed(later, 1, "gpu-2", 0.6, "rank 1 is slow again")), 0,
                List.of());
        assertThat(memory.avoided(later, List.of())).containsExactly("gpu-2");
        assertThat(memory.nodes(later)).extracting(NodeMemory.Node::name, NodeMemory.Node::reason)
                .containsExactly(tuple("gpu-1", ""), tuple("gpu-2", "rank 1 is slow again"));
        assertThat(memory.nodes(later).getFirst().seenAt()).contains(at);
        assertThat(memory.avoided(later.plus(Duration.ofDays(4)), List.of())).as("suspicion fades").isEmpty();
        memory.forgive("gpu-2", later);
        assertThat(memory.avoided(later, List.of())).isEmpty();
        memory.avoid("gpu-9", later.plus(Duration.ofDays(30)), "fan is loud", later);
        assertThat(memory.avoided(later.plus(Duration.ofDays(29)), List.of())).containsExactly("gpu-9");
    }

    /** Hundreds of agents that only ask would queue behind those that tell something, and hold up the run's decisions. */
    @Test
    void anAgentWithNothingToSayWaitsForNobody() throws Exception {
        RunStore store = store();
        Instant at = Instant.parse("2026-03-01T00:00:00Z");
        UUID run = UUID.randomUUID();
        AttemptKey attempt = new AttemptKey(run, 1);
        long epoch = Runs.takeOver(store);
        store.create(run, new RunEvent.Created(at, Runs.spec()), Optional.empty(), epoch);
        AttemptLaunch launch = new AttemptLaunch(attempt, epoch, 1, 1, List.of("train"), Map.of(), 0);
        store.commit(run, epoch, 1,
                List.of(new RunEvent.AttemptDecided(at, launch, Runs.spec().training().recipe(), List.of())),
                0, List.of());
        Answer first = store.receive(attempt, 0, List.of(), List.of(new AgentRecord.RankStarted(1, at, 0, 1)),
                at);
        try (Connection busy = DATABASE.getConnection(); Statement sql = busy.createStatement()) {
            busy.setAutoCommit(false);
            sql.execute("SELECT id FROM run WHERE id = '" + run + "' FOR UPDATE");
            Answer asked = CompletableFuture
                    .supplyAsync(() -> store.receive(attempt, 0, List.of(), List.of(), at))
                    .get(30, TimeUnit.SECONDS);
            assertThat(asked).isEqualTo(first);
            busy.rollback();
        }
    }
}

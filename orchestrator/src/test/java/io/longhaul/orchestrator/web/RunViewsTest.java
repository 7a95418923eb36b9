package io.longhaul.orchestrator.web;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.monitor.Finding;
import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.launch.AttemptLaunch;
import io.longhaul.orchestrator.plan.PlannedRun;
import io.longhaul.orchestrator.run.InMemoryRunStore;
import io.longhaul.orchestrator.run.Incident;
import io.longhaul.orchestrator.run.LiveRun;
import io.longhaul.orchestrator.run.RunEngine;
import io.longhaul.orchestrator.run.RunEvent;
import io.longhaul.orchestrator.run.RunSpec;
import io.longhaul.orchestrator.run.RunSpecReader;
import io.longhaul.orchestrator.run.Runs;
import io.longhaul.orchestrator.telemetry.AgentRecord;
import io.longhaul.planner.layout.ParallelLayout;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** What the page needs of a run beside what the API's own tests look at. */
class RunViewsTest {
    private static final Instant AT = Instant.parse("2026-11-24T10:00:00Z");
    private static final String STEP = " [2026-11-24 10:00:00] iteration        7/     600 | consumed samples:          56"
            + " | elapsed time per iteration (ms): 100.5 | learning rate: 1.000000E-03 | global batch size:     8"
            + " | lm loss: 3.912345E+00 | loss scale: 1.0 | grad norm: 1.234 | number of skipped iterations:   0"
            + " | number of nan iterations:   0 |";

    private final UUID id = new UUID(0, 1);
    private final InMemoryRunStore store = new InMemoryRunStore();
    private final long epoch = Runs.takeOver(store);
    private final RunSpec spec = RunSpecReader.read("""
            name: shown
            model: { layers: 2, hiddenSize: 32, attentionHeads: 2, vocabSize: 64, sequenceLength: 16 }
            training: { tokens: 76800, globalBatch: 8, learningRate: 0.001 }
            cluster: { ranks: 1 }
            policies: { stallTimeout: 45s, startTimeout: 2m }
            """);

    @Test
    void aRunThatHasNotBegunHasNoStepTimeAndNoIncident() {
        store.create(id, new RunEvent.Created(AT, spec), Optional.empty(), epoch);
        JsonNode line = RunViews.summary(load());
        assertThat(line.has("lastStepSeconds")).isFalse();
        assertThat(line.path("openIncidents").asInt(-1)).isZero();
    }

    @Test
    void theListShowsTheLastStepsTimeAndCountsIncidentsThatAreOpen() {
        store.create(id, new RunEvent.Created(AT, spec), Optional.empty(), epoch);
        AttemptKey attempt = new AttemptKey(id, 1);
        store.commit(id, epoch, 1, List.of(
                new RunEvent.Planned(AT,
                        new PlannedRun(ParallelLayout.of(1, 1, 1, 1, 1, 8), 1, 1, 1, 1, "{}")),
                new RunEvent.AttemptDecided(AT,
                        new AttemptLaunch(attempt, epoch, 1, 1, List.of("train"), Map.of(), 0),
                        spec.training().recipe(), List.of())),
                0, List.of());
        store.receive(attempt, 0, List.of(),
                List.of(new AgentRecord.LogLine(1, AT, 0, AgentRecord.Stream.STDOUT, STEP)), AT);
        store.commit(id, epoch, 3, List.of(
                new RunEvent.IncidentOpened(AT, slow(0)),
                new RunEvent.IncidentOpened(AT, slow(1)),
                new RunEvent.IncidentClosed(AT, slow(0).id(), Incident.Status.RECOVERED)), 1, List.of());
        JsonNode line = RunViews.summary(load());
        assertThat(line.path("lastStepSeconds").asDouble()).isEqualTo(0.1005);
        assertThat(line.path("openIncidents").asInt()).isEqualTo(1);
    }

    @Test
    void timeoutsReadAsTheyAreWrittenInASpec() {
        store.create(id, new RunEvent.Created(AT, spec), Optional.empty(), epoch);
        JsonNode policies = RunViews.full(load(), AT).path("spec").path("policies");
        assertThat(policies.path("stallTimeout").asString()).isEqualTo("45s");
        assertThat(policies.path("startTimeout").asString()).isEqualTo("120s");
    }

    /** A run is read from the store alone. */
    private LiveRun load() {
        return new RunEngine(store, null, null, null, null, epoch, AT).run(id).orElseThrow();
    }

    private static Incident slow(int rank) {
        return Runs.incident(
                new Finding(Finding.Kind.SLOW_RANK, AT, OptionalLong.of(5), OptionalInt.of(rank), "slow",
                        Map.of()));
    }
}

package io.longhaul.orchestrator.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.monitor.Finding;
import io.longhaul.orchestrator.Golden;
import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.launch.AttemptLaunch;
import io.longhaul.orchestrator.telemetry.AgentRecord.CheckpointState;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** What is stored once must be readable for good: the golden file is a database of today. */
final class RunJsonTest {
    private static final Instant AT = Instant.parse("2026-01-01T00:00:00.123456789Z");

    private static final String DESCRIBED = """
            name: moe
            model:
              { layers: 2, hiddenSize: 32, attentionHeads: 4, kvHeads: 2, vocabSize: 64, sequenceLength: 16,
                moe: { experts: 4, topK: 2, expertFfnHiddenSize: 64 } }
            training: { tokens: 6400, globalBatch: 4, learningRate: 0.001, data: /data }
            cluster: { kind: described, nodes: 2, devicesPerNode: 2, accelerator: H100-SXM-80GB }
            framework: megatron-lm
            layout: { tensor: 2, data: 2 }
            """;

    private static final String PODS = DESCRIBED + """
            backend: kubernetes
            kubernetes:
              namespace: ml
              image: registry.example.org/megatron:1
              checkpoints: /checkpoints
              resources: { cpu: 8, nvidia.com/gpu: 2 }
              sharedMemory: 8Gi
              volumes: [{ claim: checkpoints, mountPath: /checkpoints }]
              tolerations: [{ key: nvidia.com/gpu, operator: Exists }]
              queue: training
            """;

    private static List<RunEvent> one(RunState state) {
        Incident incident = Responses.respond(state, Runs.spikeInShard(1, 28, 26, 30), AT);
        return List.of(
                new RunEvent.Created(AT, Runs.spec()),
                new RunEvent.Created(AT, RunSpecReader.read(DESCRIBED)),
                new RunEvent.Created(AT, RunSpecReader.read(PODS)),
                new RunEvent.Planned(AT, Runs.PLAN),
                new RunEvent.AttemptDecided(AT,
                        new AttemptLaunch(new AttemptKey(Runs.ID, 2), 7, 2, 1, List.of("train", "--x"),
                                Map.of("A", "b"), 20),
                        Runs.change(2).to(), List.of(new StepRange(26, 30))),
                new RunEvent.AttemptCreated(AT, 2),
                new RunEvent.AttemptHeld(AT, 2, "the quota of the namespace is used up; raise it"),
                new RunEvent.NodeRegistered(AT, 2, 1, "host-1", 29_500),
                new RunEvent.NodesPlaced(AT, 2, new TreeMap<>(Map.of(0, "gpu-17", 1, "gpu-18"))),
                new RunEvent.MachineBlamed(AT, 2, "gpu-18", 0.6, "rank 1 is slow"),
                new RunEvent.WaitAnswered(AT, true, Optional.of("attempt-1-exited-1")),
                new RunEvent.AttemptStarted(AT, 2),
                new RunEvent.FirstStep(AT, 2, 21),
                new RunEvent.CheckpointChanged(AT,
                        new CheckpointEntry(2, 30, CheckpointState.FAILED, "/c", AT, 120, 0.25,
                                Optional.of("torn"))),
                new RunEvent.IncidentOpened(AT, incident),
                new RunEvent.IncidentOpened(AT,
                        Responses.respond(state, Runs.found(1, Finding.Kind.SLOW_RANK, 9), AT)),
                new RunEvent.IncidentChanged(AT, incident.became(incident)),
                new RunEvent.IncidentClosed(AT, incident.id(), Incident.Status.RECOVERED),
                new RunEvent.AttemptEnding(AT, 2, "stopped on request", Duration.ofMillis(60_500)),
                new RunEvent.NodeExited(AT, 2, 1, "drained"),
                new RunEvent.AttemptEnded(AT, 2, "failed", 31, Optional.of(AT)),
                new RunEvent.AdviceAbstained(AT, 2, "too little evidence"),
                new RunEvent.ChangeProposed(AT, Runs.change(2)),
                new RunEvent.ChangeDecided(AT, "before-attempt-2", RecipeChange.Status.APPROVED, "person"),
                new RunEvent.ChangeScored(AT, Runs.scored(2).change()),
                new RunEvent.ChangeNotScored(AT, "before-attempt-2", "the curve is short"),
                new RunEvent.StopRequested(AT),
                new RunEvent.Waiting(AT, "approval", "a change is proposed", "approve it"),
                new RunEvent.Completed(AT),
                new RunEvent.Failed(AT, "nothing fits"),
                new RunEvent.Stopped(AT));
    }

    private static List<RunEvent> events() {
        RunState state = Runs.created(Runs.spec()).apply(new RunEvent.Planned(AT, Runs.PLAN));
        AttemptLaunch launch = new AttemptLaunch(new AttemptKey(Runs.ID, 1), 7, 2, 1, List.of(), Map.of(), 0);
        return one(state.apply(new RunEvent.AttemptDecided(AT, launch, state.recipe(), List.of())));
    }

    @Test
    void everyKindOfEventIsKeptToTheNanosecond() {
        assertThat(events().stream().<Class<?>>map(Object::getClass).collect(Collectors.toSet()))
                .containsExactlyInAnyOrder(RunEvent.class.getPermittedSubclasses());
        Golden.check("run-events.jsonl",
                events().stream().map(RunJson::text).collect(Collectors.joining("\n", "", "\n")));
    }

    /** Events of versions that knew neither pods nor machines to avoid. */
    @Test
    void anAttemptThatWasStoredWithoutPodsHasNone() {
        String stored = RunJson.text(events().get(4)).replace(",\"pods\":null,\"avoid\":[]", "");
        assertThat(stored).doesNotContain("pods", "avoid");
        assertThat(RunJson.event(stored)).isEqualTo(events().get(4));
    }

    /** A run of a version whose specs said nothing about planning. */
    @Test
    void aSpecThatWasStoredWithoutPlanningHasTheUsual() {
        String stored = RunJson.text(events().getFirst()).replaceFirst("\"planning\":\\{[^}]*},", "");
        assertThat(stored).doesNotContain("planning");
        assertThat(RunJson.event(stored)).isEqualTo(events().getFirst());
    }

    /** A decision of a version that took every trainer for one that can leave data out. */
    @Test
    void aDecisionThatWasStoredBeforeTrainersDifferedIsRead() {
        RunEvent opened = events().stream()
                .filter(RunEvent.IncidentOpened.class::isInstance)
                .findFirst()
                .orElseThrow();
        String stored = RunJson.text(opened).replace("\"readsAgain\":false,", "");
        assertThat(stored).doesNotContain("readsAgain");
        assertThat(RunJson.event(stored)).isEqualTo(opened);
    }

    @Test
    void whatWasStoredIsRead() {
        assertThat(Golden.text("run-events.jsonl").lines().map(RunJson::event)).isEqualTo(events());
    }
}

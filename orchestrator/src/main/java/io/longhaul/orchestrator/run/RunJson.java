package io.longhaul.orchestrator.run;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.cfg.DateTimeFeature;
import tools.jackson.databind.json.JsonMapper;

/** The stored text form of events: components by name, {@code event} for the type. */
final class RunJson {
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .addMixIn(RunEvent.class, EventKinds.class)
            .addMixIn(RunSpec.Cluster.class, ClusterKinds.class)
            .disable(DateTimeFeature.WRITE_DATES_AS_TIMESTAMPS)
            .disable(DateTimeFeature.WRITE_DURATIONS_AS_TIMESTAMPS)
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            // What a version did not know yet is false or 0.
            .disable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .build();

    private RunJson() {}

    static String text(RunEvent event) {
        return MAPPER.writerFor(RunEvent.class).writeValueAsString(event);
    }

    static RunEvent event(String json) {
        return MAPPER.readValue(json, RunEvent.class);
    }

    @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "event")
    @JsonSubTypes({
            @JsonSubTypes.Type(value = RunEvent.Created.class, name = "created"),
            @JsonSubTypes.Type(value = RunEvent.Planned.class, name = "planned"),
            @JsonSubTypes.Type(value = RunEvent.AttemptDecided.class, name = "attempt-decided"),
            @JsonSubTypes.Type(value = RunEvent.AttemptCreated.class, name = "attempt-created"),
            @JsonSubTypes.Type(value = RunEvent.AttemptHeld.class, name = "attempt-held"),
            @JsonSubTypes.Type(value = RunEvent.NodeRegistered.class, name = "node-registered"),
            @JsonSubTypes.Type(value = RunEvent.NodesPlaced.class, name = "nodes-placed"),
            @JsonSubTypes.Type(value = RunEvent.MachineBlamed.class, name = "machine-blamed"),
            @JsonSubTypes.Type(value = RunEvent.AttemptStarted.class, name = "attempt-started"),
            @JsonSubTypes.Type(value = RunEvent.FirstStep.class, name = "first-step"),
            @JsonSubTypes.Type(value = RunEvent.CheckpointChanged.class, name = "checkpoint-changed"),
            @JsonSubTypes.Type(value = RunEvent.IncidentOpened.class, name = "incident-opened"),
            @JsonSubTypes.Type(value = RunEvent.IncidentChanged.class, name = "incident-changed"),
            @JsonSubTypes.Type(value = RunEvent.IncidentClosed.class, name = "incident-closed"),
            @JsonSubTypes.Type(value = RunEvent.AttemptEnding.class, name = "attempt-ending"),
            @JsonSubTypes.Type(value = RunEvent.NodeExited.class, name = "node-exited"),
            @JsonSubTypes.Type(value = RunEvent.AttemptEnded.class, name = "attempt-ended"),
            @JsonSubTypes.Type(value = RunEvent.AdviceAbstained.class, name = "advice-abstained"),
            @JsonSubTypes.Type(value = RunEvent.ChangeProposed.class, name = "change-proposed"),
            @JsonSubTypes.Type(value = RunEvent.ChangeDecided.class, name = "change-decided"),
            @JsonSubTypes.Type(value = RunEvent.ChangeScored.class, name = "change-scored"),
            @JsonSubTypes.Type(value = RunEvent.ChangeNotScored.class, name = "change-not-scored"),
            @JsonSubTypes.Type(value = RunEvent.StopRequested.class, name = "stop-requested"),
            @JsonSubTypes.Type(value = RunEvent.Waiting.class, name = "waiting"),
            @JsonSubTypes.Type(value = RunEvent.WaitAnswered.class, name = "wait-answered"),
            @JsonSubTypes.Type(value = RunEvent.Completed.class, name = "completed"),
            @JsonSubTypes.Type(value = RunEvent.Failed.class, name = "failed"),
            @JsonSubTypes.Type(value = RunEvent.Stopped.class, name = "stopped")})
    private interface EventKinds {}

    @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "kind")
    @JsonSubTypes({
            @JsonSubTypes.Type(value = RunSpec.Cluster.ThisMachine.class, name = "this-machine"),
            @JsonSubTypes.Type(value = RunSpec.Cluster.Described.class, name = "described")})
    private interface ClusterKinds {}
}

package io.longhaul.orchestrator.telemetry;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import io.longhaul.orchestrator.launch.AgentCommand;
import java.lang.reflect.RecordComponent;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.cfg.EnumFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * The text form of what agents and service tell each other (docs/worker-protocol.md): the records' components by
 * name, {@code kind} for the type, lower-case enums, ISO-8601 times. Unknown fields are ignored, so that a newer
 * agent may say more.
 */
public final class AgentJson {
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .addMixIn(AgentRecord.class, RecordKinds.class)
            .addMixIn(AgentCommand.class, CommandKinds.class)
            .enable(MapperFeature.ACCEPT_CASE_INSENSITIVE_ENUMS)
            .enable(EnumFeature.WRITE_ENUMS_TO_LOWERCASE)
            .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .changeDefaultPropertyInclusion(value -> value.withValueInclusion(JsonInclude.Include.NON_ABSENT))
            .build();

    private AgentJson() {}

    /**
     * What an agent sends.
     *
     * @param epoch newest epoch that the agent has seen
     * @param until all records up to this time of the agent's clock are in this message or were sent before
     * @param acknowledged ids of commands that it has carried out or refused
     * @param records in ascending order of {@code seq}
     */
    public record Sync(
            long epoch,
            Optional<Instant> until,
            List<String> acknowledged,
            List<AgentRecord> records) {
        public Sync {
            acknowledged = List.copyOf(acknowledged);
            records = List.copyOf(records);
        }
    }

    /** @param ack every record up to this {@code seq} is stored */
    public record SyncAnswer(long ack, long epoch, List<AgentCommand> commands) {}

    /** @throws IllegalArgumentException if the text is not a sync message, saying where */
    public static Sync sync(byte[] json) {
        Sync sync = read(json, Sync.class);
        sync.records().forEach(AgentJson::requireComplete);
        return sync;
    }

    public static byte[] answer(SyncAnswer answer) {
        return MAPPER.writeValueAsBytes(answer);
    }

    /** One record as JSON text. */
    public static String text(AgentRecord message) {
        return MAPPER.writerFor(AgentRecord.class).writeValueAsString(message);
    }

    /** One command as JSON text. */
    public static String text(AgentCommand command) {
        return MAPPER.writerFor(AgentCommand.class).writeValueAsString(command);
    }

    /** @throws IllegalArgumentException if the text is not a command */
    public static AgentCommand command(String json) {
        return read(json.getBytes(StandardCharsets.UTF_8), AgentCommand.class);
    }

    /** @throws IllegalArgumentException if the text is not a record */
    public static AgentRecord parse(String json) {
        return read(json.getBytes(StandardCharsets.UTF_8), AgentRecord.class);
    }

    private static <T> T read(byte[] json, Class<T> type) {
        try {
            T value = MAPPER.readValue(json, type);
            requireComplete(value);
            return value;
        } catch (JacksonException e) {
            throw new IllegalArgumentException(e.getOriginalMessage(), e);
        }
    }

    private static void requireComplete(Object message) {
        for (RecordComponent component : message.getClass().getRecordComponents()) {
            try {
                if (component.getAccessor().invoke(message) == null) {
                    throw new IllegalArgumentException(
                            message.getClass().getSimpleName() + " without " + component.getName());
                }
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException("accessors of public records are public", e);
            }
        }
    }

    @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "kind")
    @JsonSubTypes({
            @JsonSubTypes.Type(value = AgentRecord.Registered.class, name = "registered"),
            @JsonSubTypes.Type(value = AgentRecord.RankStarted.class, name = "rank-started"),
            @JsonSubTypes.Type(value = AgentRecord.RankExited.class, name = "rank-exited"),
            @JsonSubTypes.Type(value = AgentRecord.LogLine.class, name = "log-line"),
            @JsonSubTypes.Type(value = AgentRecord.RankStep.class, name = "rank-step"),
            @JsonSubTypes.Type(value = AgentRecord.Checkpoint.class, name = "checkpoint"),
            @JsonSubTypes.Type(value = AgentRecord.GpuHealth.class, name = "gpu-health"),
            @JsonSubTypes.Type(value = AgentRecord.Metrics.class, name = "metrics"),
            @JsonSubTypes.Type(value = AgentRecord.Collectives.class, name = "collectives"),
            @JsonSubTypes.Type(value = AgentRecord.Preflight.class, name = "preflight"),
            @JsonSubTypes.Type(value = AgentRecord.DataShard.class, name = "data-shard"),
            @JsonSubTypes.Type(value = AgentRecord.AllExited.class, name = "all-exited")})
    private interface RecordKinds {}

    @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "kind")
    @JsonSubTypes({
            @JsonSubTypes.Type(value = AgentCommand.Start.class, name = "start"),
            @JsonSubTypes.Type(value = AgentCommand.Drain.class, name = "drain"),
            @JsonSubTypes.Type(value = AgentCommand.Stop.class, name = "stop")})
    private interface CommandKinds {}
}

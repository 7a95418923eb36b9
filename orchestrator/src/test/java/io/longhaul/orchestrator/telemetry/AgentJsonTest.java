package io.longhaul.orchestrator.telemetry;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.longhaul.monitor.hang.RankState;
import io.longhaul.orchestrator.launch.AgentCommand;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class AgentJsonTest {
    private static final Instant AT = Instant.parse("2026-01-01T00:00:00.123Z");

    @Test
    void everyRecordSurvivesTheTextForm() {
        List<AgentRecord> records = List.of(
                new AgentRecord.Registered(1, AT, "host", 12, 29500),
                new AgentRecord.RankStarted(2, AT, 0, 13),
                new AgentRecord.RankExited(3, AT, 0, OptionalInt.of(143), OptionalInt.empty()),
                new AgentRecord.RankExited(4, AT, 1, OptionalInt.empty(), OptionalInt.of(9)),
                new AgentRecord.LogLine(5, AT, 1, AgentRecord.Stream.STDERR, "line \u2028 \"quoted\""),
                new AgentRecord.RankStep(6, AT, 1, 7, 0.1, 0.02, 0.13),
                new AgentRecord.Checkpoint(
                        7, AT, 0, 50, AgentRecord.CheckpointState.FAILED, "/c", 800, 0.5,
                        Optional.of("torn")),
                new AgentRecord.LogLine(9, AT, 0, AgentRecord.Stream.KERNEL, "NVRM: Xid 79"),
                new AgentRecord.GpuHealth(9, AT, "DCGM_FI_DEV_XID_ERRORS{gpu=\"1\"} 79\n"),
                new AgentRecord.Metrics(8, AT, 1, 50, Map.of("max_attention_logit", 12.5)),
                new AgentRecord.Preflight(8, AT, 1, Map.of("matmulFlops", 6e14), "", "did not end in time"),
                new AgentRecord.Collectives(8, AT, 1, RankState.Phase.COLLECTIVE,
                        List.of(new AgentRecord.Collectives.Group(0, 17, 16))),
                new AgentRecord.DataShard(8, AT, "shard-010", 2560, 2816),
                new AgentRecord.AllExited(9, AT, "drained", OptionalLong.of(50)));
        for (AgentRecord one : records) {
            assertThat(AgentJson.parse(AgentJson.text(one))).isEqualTo(one);
        }
        assertThat(AgentJson.text(records.get(3)))
                .isEqualTo(
                        "{\"kind\":\"rank-exited\",\"seq\":4,\"at\":\"2026-01-01T00:00:00.123Z\",\"rank\":1,\"signal\":9}");
    }

    @Test
    void answersNameTheKindOfEachCommand() {
        String text = new String(
                AgentJson.answer(
                        new AgentJson.SyncAnswer(
                                9,
                                3,
                                List.of(
                                        new AgentCommand.Start(
                                                "a", 3, List.of("true"), Map.of("A", "b"), 1, 0, 2,
                                                "127.0.0.1",
                                                29500, 0),
                                        new AgentCommand.Drain("b", 3, 30.0),
                                        new AgentCommand.Stop("c", 3)))),
                UTF_8);
        assertThat(text)
                .contains("\"ack\":9")
                .contains("\"kind\":\"start\"")
                .contains("\"masterPort\":29500")
                .contains("\"kind\":\"drain\"")
                .contains("\"graceSeconds\":30.0")
                .contains("\"kind\":\"stop\"");
    }

    @Test
    void aNewerAgentMaySayMore() {
        assertThat(
                AgentJson.sync(
                        "{\"epoch\":1,\"acknowledged\":[],\"records\":[{\"kind\":\"rank-started\",\"seq\":1,\"at\":\"2026-01-01T00:00:00Z\",\"rank\":0,\"pid\":5,\"core\":3}]}"
                                .getBytes(UTF_8))
                        .records())
                .hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "", "{}", "[]", "{\"epoch\":1,\"acknowledged\":[]}",
            "{\"epoch\":1,\"acknowledged\":[],\"records\":[{\"kind\":\"no-such\",\"seq\":1}]}",
            "{\"epoch\":1,\"acknowledged\":[],\"records\":[{\"kind\":\"rank-started\",\"seq\":1,\"rank\":0,\"pid\":5}]}",
            "{\"epoch\":1,\"acknowledged\":[],\"records\":[{\"kind\":\"rank-started\",\"at\":\"2026-01-01T00:00:00Z\",\"rank\":0,\"pid\":5}]}",
            "{\"epoch\":1,\"acknowledged\":[],\"records\":[{\"kind\":\"log-line\",\"seq\":1,\"at\":\"2026-01-01T00:00:00Z\",\"rank\":0,\"stream\":\"tape\",\"line\":\"\"}]}"})
    void refusesWhatIsNotASyncMessage(String text) {
        assertThatThrownBy(() -> AgentJson.sync(text.getBytes(UTF_8)))
                .isInstanceOf(IllegalArgumentException.class);
    }
}

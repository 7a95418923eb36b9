package io.longhaul.orchestrator.launch.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.orchestrator.Golden;
import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.launch.AttemptLaunch;
import io.longhaul.orchestrator.launch.NodeSet;
import io.longhaul.orchestrator.launch.PodTemplate;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.yaml.YAMLMapper;
import tools.jackson.dataformat.yaml.YAMLWriteFeature;

final class DesiredObjectsTest {
    private static final YAMLMapper YAML = YAMLMapper.builder()
            .enable(YAMLWriteFeature.MINIMIZE_QUOTES, YAMLWriteFeature.ALWAYS_QUOTE_NUMBERS_AS_STRINGS)
            .disable(YAMLWriteFeature.WRITE_DOC_START_MARKER)
            .build();
    private static final AttemptKey KEY = new AttemptKey(
            UUID.fromString("01234567-89ab-cdef-0123-456789abcdef"), 2);

    private static PodTemplate small() {
        return new PodTemplate("ml", "registry.example.org/worker:1", "python3", Optional.empty(),
                "/checkpoints",
                Map.of("cpu", "2"), Optional.empty(), Map.of(),
                List.of(new PodTemplate.Volume("checkpoints", "/checkpoints", false)), Map.of(), List.of(),
                List.of(),
                10_001, Optional.empty(), Optional.empty());
    }

    private static PodTemplate large() {
        Map<String, String> resources = new LinkedHashMap<>();
        resources.put("cpu", "64");
        resources.put("memory", "900Gi");
        resources.put("nvidia.com/gpu", "8");
        resources.put("rdma/hca", "1");
        return new PodTemplate("ml", "registry.example.org/megatron@sha256:0123", "python3", Optional.empty(),
                "/checkpoints", resources, Optional.of("64Gi"),
                new TreeMap<>(Map.of("NCCL_DEBUG", "WARN", "SHOWN", "$(HOME)")),
                List.of(new PodTemplate.Volume("checkpoints", "/checkpoints", false),
                        new PodTemplate.Volume("corpus", "/corpus", true)),
                Map.of("node.kubernetes.io/instance-type", "h100"),
                List.of(new PodTemplate.Toleration("nvidia.com/gpu", "Exists", "", "NoSchedule"),
                        new PodTemplate.Toleration("team", "Equal", "llm", "")),
                List.of("registry"), 1000, Optional.of("training"), Optional.of("high"));
    }

    private static DesiredObjects desired(PodTemplate pods, String... avoid) {
        return new DesiredObjects(
                new AttemptLaunch(KEY, 7, 64, 8, List.of("python", "pretrain_gpt.py"), Map.of(), 500,
                        Optional.of(pods), List.of(avoid), Collections.emptySortedMap()),
                "http://longhaul.ml:8787");
    }

    /** Of an attempt that keeps all agents but two. */
    private static DesiredObjects replacing() {
        SortedMap<Integer, NodeSet> kept = new TreeMap<>(
                Map.of(1, NodeSet.parse("0-6,8-39"), 2, NodeSet.parse("40-62")));
        return new DesiredObjects(
                new AttemptLaunch(new AttemptKey(KEY.run(), 3), 7, 64, 8,
                        List.of("python", "pretrain_gpt.py"), Map.of(),
                        500, Optional.of(small()), List.of("gpu-7"), kept),
                "http://longhaul.ml:8787");
    }

    private static String yaml(JsonNode... objects) {
        StringBuilder out = new StringBuilder();
        for (JsonNode object : objects) {
            out.append("---\n").append(YAML.writeValueAsString(object));
        }
        return out.toString();
    }

    @Test
    void theObjectsOfAnAttempt() {
        DesiredObjects desired = desired(small());
        Golden.check("kubernetes-small.yaml", yaml(desired.anchor(), desired.service("anchor-uid"),
                desired.config("anchor-uid"), desired.secret("token", "config-uid"),
                desired.job("config-uid")));
    }

    /** Two pods, which take their nodes' numbers from the list in the config map. */
    @Test
    void anAttemptThatKeepsAgentsMakesTheMissingOnes() {
        Golden.check("kubernetes-replacement.yaml",
                yaml(replacing().config("anchor-uid"), replacing().job("config-uid")));
    }

    @Test
    void theJobOfAnAttemptWithEverythingAUserMaySay() {
        Golden.check("kubernetes-large.yaml", yaml(desired(large(), "gpu-7", "gpu-12").job("config-uid")));
    }

    @Test
    void theSameDecisionGivesTheSameObjects() {
        assertThat(desired(large()).job("uid")).isEqualTo(desired(large()).job("uid"));
    }
}

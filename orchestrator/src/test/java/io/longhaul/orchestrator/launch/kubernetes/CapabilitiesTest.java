package io.longhaul.orchestrator.launch.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.orchestrator.launch.Capability;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class CapabilitiesTest {
    private static Capability named(List<Capability> all, String name) {
        return all.stream().filter(c -> c.name().equals(name)).findFirst().orElseThrow();
    }

    @Test
    void aPlainClusterNeedsNothingMore() {
        List<Capability> plain = Capabilities.of(Set.of("apps", "batch"), false);
        assertThat(plain).filteredOn(Capability::found).extracting(Capability::name).containsExactly("jobs");
        assertThat(named(plain, "nodes").reason()).contains("rbac.nodes");
        assertThat(named(plain, "kueue").reason()).contains("would wait for ever");
        assertThat(plain).allSatisfy(c -> assertThat(c.reason()).isNotBlank());
    }

    @Test
    void whatIsInstalledIsFoundAndSaysWhetherItIsUsed() {
        List<Capability> rich = Capabilities.of(
                Set.of("batch", "kueue.x-k8s.io", "jobset.x-k8s.io", "scheduling.volcano.sh"), true);
        assertThat(rich).allMatch(Capability::found);
        assertThat(rich).filteredOn(c -> !c.used())
                .extracting(Capability::name)
                .containsExactly("jobset", "pod-group");
    }
}

package io.longhaul.orchestrator.web;

import io.longhaul.orchestrator.launch.BlockedException;
import io.longhaul.orchestrator.launch.Capability;
import io.longhaul.orchestrator.launch.WorkloadBackend;
import java.util.List;
import java.util.Map;
import org.springframework.http.MediaType;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** What the cluster of the service offers to runs (docs/api.md). */
@RestController
public class CapabilityController {
    private final WorkloadBackend kubernetesBackend;

    public CapabilityController(WorkloadBackend kubernetesBackend) {
        this.kubernetesBackend = kubernetesBackend;
    }

    @GetMapping(path = "/api/v1/capabilities", produces = MediaType.APPLICATION_JSON_VALUE)
    Map<String, Object> capabilities() {
        try {
            List<Capability> all = kubernetesBackend.capabilities();
            return Map.of("capabilities", all);
        } catch (BlockedException e) {
            return Map.of("capabilities", List.of(), "problem", String.valueOf(e.getMessage()));
        }
    }
}

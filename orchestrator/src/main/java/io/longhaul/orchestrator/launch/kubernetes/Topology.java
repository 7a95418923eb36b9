package io.longhaul.orchestrator.launch.kubernetes;

import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/** Where nodes are in the fabric, by the labels that clouds and NVIDIA Topograph give them. Pure. */
final class Topology {
    /** From wide to narrow; a label that a node does not have tells nothing. */
    static final List<String> LABELS = List.of(
            "topology.kubernetes.io/region", "topology.kubernetes.io/zone",
            "cloud.google.com/gce-topology-block", "cloud.google.com/gce-topology-subblock",
            "cloud.google.com/gce-topology-host",
            "topology.k8s.aws/network-node-layer-1", "topology.k8s.aws/network-node-layer-2",
            "topology.k8s.aws/network-node-layer-3", "topology.k8s.aws/ultraserver-id",
            "network.topology.nvidia.com/core", "network.topology.nvidia.com/spine",
            "network.topology.nvidia.com/leaf", "network.topology.nvidia.com/accelerator",
            "accelerator.topograph.run/domain", "accelerator.topograph.run/sub-domain",
            "nvidia.com/gpu.clique");

    private Topology() {}

    /** Values of all labels, empty ones too, so that places of one cluster can be compared, and the node's name. */
    static List<String> place(JsonNode node) {
        List<String> place = new ArrayList<>();
        LABELS.forEach(label -> place.add(node.at("/metadata/labels").path(label).asString("")));
        place.add(node.at("/metadata/name").asString());
        return place;
    }
}

package io.longhaul.orchestrator.launch.kubernetes;

import io.longhaul.orchestrator.launch.Capability;
import java.util.List;
import java.util.Set;

/** What a cluster offers to runs, from the API groups that it serves. Pure. */
final class Capabilities {
    static final String KUEUE = "kueue.x-k8s.io";

    private Capabilities() {}

    /**
     * @param groups API groups of the cluster
     * @param nodesSeen whether nodes may be read
     */
    static List<Capability> of(Set<String> groups, boolean nodesSeen) {
        boolean kueue = groups.contains(KUEUE);
        boolean jobSet = groups.contains("jobset.x-k8s.io");
        boolean gang = groups.contains("scheduling.x-k8s.io") || groups.contains("scheduling.volcano.sh");
        return List.of(
                new Capability("jobs", true, true,
                        "each attempt is an Indexed Job that Longhaul alone restarts"),
                new Capability("nodes", nodesSeen, true, nodesSeen
                        ? "ranks follow the fabric, as far as nodes have labels for it"
                        : "nodes may not be read, so ranks keep the order of the Job's indexes; set rbac.nodes in the"
                                + " chart"),
                new Capability("kueue", kueue, true, kueue
                        ? "a run with kubernetes.queue waits suspended until Kueue admits all its pods"
                        : "Kueue is not installed: a run with kubernetes.queue would wait for ever"),
                new Capability("jobset", jobSet, false, (jobSet ? "" : "JobSet is not installed; ")
                        + "it is not needed: a run's pods are all of one role"),
                new Capability("pod-group", gang, false, (gang ? "" : "no gang scheduler is installed; ")
                        + "no rank starts before all pods are there; for all or nothing give the run a queue of"
                        + " Kueue"));
    }
}

package io.longhaul.orchestrator.launch.kubernetes;

import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.launch.AttemptLaunch;
import io.longhaul.orchestrator.launch.BlockedException;
import io.longhaul.orchestrator.launch.Capability;
import io.longhaul.orchestrator.launch.WorkloadBackend;
import io.longhaul.orchestrator.launch.WorkloadObservation;
import java.util.List;

/** The backend of a service that was told of no cluster: it cannot even say whether an attempt has ended. */
public final class NoCluster implements WorkloadBackend {
    @Override
    public void create(AttemptLaunch launch) {
        throw blocked();
    }

    @Override
    public List<WorkloadObservation> observe() {
        return List.of();
    }

    @Override
    public List<Capability> capabilities() {
        throw blocked();
    }

    @Override
    public void fence(AttemptKey key) {
        throw blocked();
    }

    @Override
    public void delete(AttemptKey key) {
        throw blocked();
    }

    private static BlockedException blocked() {
        return new BlockedException(
                "this service was told of no cluster; start it with LONGHAUL_KUBECONFIG set to a"
                        + " kubeconfig file, or inside a cluster");
    }
}

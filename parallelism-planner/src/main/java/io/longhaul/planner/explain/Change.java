package io.longhaul.planner.explain;

import io.longhaul.planner.cluster.Accelerator;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.model.ModelShape;
import io.longhaul.planner.search.PlanRequest;
import java.util.Optional;

/** A circumstance that may turn out otherwise than planned. */
public enum Change {
    LESS_MEMORY("10 % less memory per device"), MORE_MEMORY("25 % more memory per device"), SLOWER_NETWORK(
            "links between nodes half as fast"), SLOWER_NODE_LINKS(
                    "links within nodes half as fast"), LONGER_SEQUENCES(
                            "sequences twice as long"), SMALLER_BATCH("half of the batch"), LARGER_BATCH(
                                    "twice the batch"), FEWER_NODES("half of the nodes");

    private final String label;

    Change(String label) {
        this.label = label;
    }

    /** As people read it. */
    public String label() {
        return label;
    }

    /**
     * The request as it would be, if the change can be told of it: a measured machine is what it is, and degrees that
     * the user fixed fill all nodes.
     */
    Optional<PlanRequest> of(PlanRequest request) {
        if (this == FEWER_NODES && request.fixed().isPresent()) {
            return Optional.empty();
        }
        int batch = request.globalBatch();
        return switch (this) {
            case LONGER_SEQUENCES -> request.machine() instanceof Machine.Cluster
                    ? Optional.of(request.with(longer(request.model()), request.machine(), batch))
                    : Optional.empty();
            case SMALLER_BATCH -> batch % 2 == 0
                    ? Optional.of(request.on(request.machine(), batch / 2))
                    : Optional.empty();
            case LARGER_BATCH -> Optional.of(request.on(request.machine(), 2 * batch));
            default -> request.machine() instanceof Machine.Cluster cluster
                    ? machine(cluster).map(m -> request.on(m, batch))
                    : Optional.empty();
        };
    }

    private Optional<Machine> machine(Machine.Cluster m) {
        return switch (this) {
            case LESS_MEMORY -> Optional.of(memory(m, 0.9));
            case MORE_MEMORY -> Optional.of(memory(m, 1.25));
            case SLOWER_NETWORK -> m.nodes() > 1 ? Optional.of(links(m, 1, 0.5)) : Optional.empty();
            case SLOWER_NODE_LINKS -> m.ranksPerNode() > 1 ? Optional.of(links(m, 0.5, 1)) : Optional.empty();
            case FEWER_NODES ->
                m.nodes() % 2 == 0 ? Optional.of(m.withNodes(m.nodes() / 2)) : Optional.empty();
            case LONGER_SEQUENCES, SMALLER_BATCH, LARGER_BATCH -> Optional.empty();
        };
    }

    private static ModelShape longer(ModelShape m) {
        return new ModelShape(
                m.layers(), m.hiddenSize(), m.ffnHiddenSize(), m.attentionHeads(), m.kvHeads(), m.vocabSize(),
                2 * m.sequenceLength(), m.gated(), m.tied(), m.experts(), m.topK(), m.expertFfnHiddenSize(),
                m.headSize(), m.window(), m.queryRank(), m.latentRank(), m.ropeSize(), m.denseLayers(),
                m.sharedExperts());
    }

    private static Machine memory(Machine.Cluster m, double factor) {
        Accelerator a = m.accelerator();
        return m.with(
                new Accelerator(
                        a.name(), a.peakFlops(), factor * a.memoryBytes(), a.memoryBandwidth(),
                        a.efficiency(),
                        a.intraNodeBandwidth(), a.interNodeBandwidth(), a.devicesPerNode(), a.generation(),
                        a.fp8Flops(), a.fp4Flops(), a.linkDomain()));
    }

    /** Links within nodes and between them, so many times as fast. */
    static Machine.Cluster links(Machine.Cluster m, double inside, double between) {
        return m.with(inside * m.intraNodeBandwidth(), between * m.interNodeBandwidth());
    }
}

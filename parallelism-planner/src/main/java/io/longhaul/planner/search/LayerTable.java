package io.longhaul.planner.search;

import io.longhaul.planner.cost.CostModel;
import io.longhaul.planner.cost.LayerCost;
import io.longhaul.planner.layout.ParallelLayout;
import java.util.HashMap;
import java.util.Map;

/**
 * Seconds that all layers and the vocabulary take at least of one rank of a pipeline of one stage, per sample, whatever the micro-batch and
 * the variant. They depend neither on stages nor on data-parallel ranks, so that each is asked for often.
 */
final class LayerTable {
    /** So large that nothing is lost to tiles that are not full or to the starts of kernels and messages. */
    private static final int SAMPLES = 1 << 20;
    /** What is lost all the same. */
    private static final double LOST = 1 - 1e-3;

    private final CostModel cost;
    private final Space space;
    private final Map<Key, Least> known = new HashMap<>();

    private record Key(int tensor, int context, int expert, int expertTensor) {
        @Override
        public int hashCode() {
            return ((31 * tensor + context) * 31 + expert) * 31 + expertTensor;
        }
    }

    /**
     * @param seconds of all that they take
     * @param computeSeconds of compute alone
     */
    record Least(double seconds, double computeSeconds) {}

    LayerTable(CostModel cost, Space space) {
        this.cost = cost;
        this.space = space;
    }

    /** For these degrees and experts; counted in {@code tally} if it is not known yet. */
    Least of(ParallelLayout c, Tally tally) {
        Key key = new Key(c.tensor(), c.context(), c.expert(), c.expertTensor());
        Least least = known.get(key);
        if (least == null) {
            least = price(c, tally);
            known.put(key, least);
        }
        return least;
    }

    private Least price(ParallelLayout c, Tally tally) {
        double seconds = Double.POSITIVE_INFINITY;
        double computeSeconds = Double.POSITIVE_INFINITY;
        for (Space.Variant variant : space.variants(c.tensor(), c.context())) {
            tally.evaluations++;
            LayerCost layers = cost.layers(variant.of(c.withMicroBatch(SAMPLES, 1)));
            seconds = Math.min(seconds, LOST * layers.total() / SAMPLES);
            computeSeconds = Math.min(computeSeconds, LOST * layers.compute() / SAMPLES);
        }
        return new Least(seconds, computeSeconds);
    }
}

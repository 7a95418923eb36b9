package io.longhaul.planner.search;

import io.longhaul.planner.cost.CostModel;
import io.longhaul.planner.cost.LayerCost;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.model.ModelShape;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Seconds that all layers take of one rank of a pipeline of one stage, per sample. They depend neither on stages nor on
 * data-parallel ranks, so that each is asked for often.
 */
final class LayerTable {
    private final ModelShape model;
    private final CostModel cost;
    private final int[] microBatches;
    private final int variants;
    private final Map<Key, Row> rows = new HashMap<>();

    private record Key(int tensor, int context, int expert, int expertTensor) {}

    /** Of the same degrees and experts; {@code NaN} is not known yet. */
    static final class Row {
        private final double[] seconds;
        private final double[] computeSeconds;

        private Row(int length) {
            seconds = new double[length];
            computeSeconds = new double[length];
            Arrays.fill(seconds, Double.NaN);
        }
    }

    /**
     * @param microBatches all that occur, ascending
     * @param variants most that a layout has
     */
    LayerTable(ModelShape model, CostModel cost, List<Integer> microBatches, int variants) {
        this.model = model;
        this.cost = cost;
        this.microBatches = microBatches.stream().mapToInt(Integer::intValue).toArray();
        this.variants = variants;
    }

    Row row(ParallelLayout c) {
        return rows.computeIfAbsent(
                new Key(c.tensor(), c.context(), c.expert(), c.expertTensor()),
                _ -> new Row(microBatches.length * variants));
    }

    /** Place of an entry in a row. */
    int index(int microBatch, int variant) {
        return Arrays.binarySearch(microBatches, microBatch) * variants + variant;
    }

    boolean known(Row row, int index) {
        return !Double.isNaN(row.seconds[index]);
    }

    void price(Row row, int index, ParallelLayout c) {
        int experts = model.expertLayers();
        double seconds = 0;
        double compute = 0;
        if (experts > 0) {
            LayerCost layer = cost.layer(c, true);
            seconds += experts * layer.total();
            compute += experts * layer.compute();
        }
        if (experts < model.layers()) {
            LayerCost layer = cost.layer(c, false);
            seconds += (model.layers() - experts) * layer.total();
            compute += (model.layers() - experts) * layer.compute();
        }
        row.seconds[index] = seconds / c.microBatch();
        row.computeSeconds[index] = compute / c.microBatch();
    }

    double seconds(Row row, int index) {
        return row.seconds[index];
    }

    double computeSeconds(Row row, int index) {
        return row.computeSeconds[index];
    }
}

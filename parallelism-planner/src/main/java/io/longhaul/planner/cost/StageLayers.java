package io.longhaul.planner.cost;

import io.longhaul.planner.layout.LayerSplit;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.model.ModelShape;
import org.jspecify.annotations.Nullable;

/**
 * How many layers of each kind a stage has: without or with experts, computed once or, as a whole, again. Filled anew for
 * every stage of a layout, as a search prices stages by the million.
 */
final class StageLayers {
    private final ModelShape model;
    private final ParallelLayout c;
    private final @Nullable LayerSplit split;
    private final int most;
    private final int least;
    private int dense;
    private int denseAgain;
    private int expert;
    private int expertAgain;

    /** No layers, until {@link #of} fills them or {@link #add} adds some. */
    StageLayers(ModelShape model, ParallelLayout c) {
        this.model = model;
        this.c = c;
        this.split = c.split().orElse(null);
        int chunks = c.pipeline() * c.chunks();
        this.least = model.layers() / chunks;
        this.most = model.layers() % chunks;
    }

    /** Those of a stage. */
    StageLayers of(int stage) {
        int p = c.pipeline();
        int count = 0;
        int leading = 0;
        for (int v = 0; v < c.chunks(); v++) {
            int place = c.schedule().vShaped() && v % 2 == 1 ? p - 1 - stage : stage;
            int chunk = v * p + place;
            int here = split != null ? split.layers().get(chunk) : least + (chunk < most ? 1 : 0);
            count += here;
            // Leading dense layers lie in the first chunks; beyond those a model would be nearly all dense.
            if (v == 0 && model.mixtureOfExperts()) {
                leading = Math.clamp(model.layers() - model.expertLayers() - (long) place * here, 0, here);
            }
        }
        int again = c.recompute().kind() == Recompute.Kind.FULL ? c.recompute().fullLayers(count) : 0;
        int plain = model.mixtureOfExperts() ? leading : count;
        denseAgain = Math.min(again, plain);
        dense = plain - denseAgain;
        expertAgain = again - denseAgain;
        expert = count - plain - expertAgain;
        return this;
    }

    /** Those of another stage as well. */
    void add(StageLayers o) {
        dense += o.dense;
        denseAgain += o.denseAgain;
        expert += o.expert;
        expertAgain += o.expertAgain;
    }

    int dense() {
        return dense;
    }

    int denseAgain() {
        return denseAgain;
    }

    int expert() {
        return expert;
    }

    int expertAgain() {
        return expertAgain;
    }
}

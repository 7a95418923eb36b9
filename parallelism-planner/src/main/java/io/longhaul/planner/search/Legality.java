package io.longhaul.planner.search;

import io.longhaul.planner.layout.ParallelLayout;
import org.jspecify.annotations.Nullable;

/**
 * Rules of what a trainer executes. The search asks while it makes its choices, in this order: degrees; experts and
 * micro-batch; sequence and context parallelism, precision; pipeline; sharding and optimizer; recomputation and offload.
 * What is not chosen yet is plain (1F1B, nothing sharded, recomputed or offloaded), and a rule that breaks then must
 * break for every choice that is left.
 */
@FunctionalInterface
public interface Legality {
    /** The first broken rule with the values that break it, null if there is none. */
    @Nullable
    Broken broken(ParallelLayout layout);

    /** A rule and the values that break it. */
    record Broken(String rule, String values) {}
}

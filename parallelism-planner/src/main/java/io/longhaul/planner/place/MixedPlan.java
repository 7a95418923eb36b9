package io.longhaul.planner.place;

import java.util.List;

/**
 * A pipeline through several parts of a cluster.
 *
 * @param legs parts in the order of the pipeline
 * @param data pipelines side by side; gradients are summed inside a part
 * @param seconds of a step
 * @param hopSeconds of one micro-batch through all stages, for transfers between them
 * @param stepSeconds of these, for sums of gradients and the update, where that takes longest
 */
public record MixedPlan(
        List<Leg> legs,
        int tensor,
        int data,
        int microBatch,
        int microBatches,
        double seconds,
        double hopSeconds,
        double stepSeconds) {
    /** Stages on one part, and the layers of each. */
    public record Leg(int part, List<Integer> layers) {
        public Leg {
            layers = List.copyOf(layers);
        }
    }

    public MixedPlan {
        legs = List.copyOf(legs);
    }

    public int stages() {
        return legs.stream().mapToInt(leg -> leg.layers().size()).sum();
    }

    /** Ranks of a part that take part. */
    public int ranks(int part) {
        return legs.stream()
                .filter(leg -> leg.part() == part)
                .mapToInt(leg -> leg.layers().size() * tensor * data)
                .sum();
    }
}

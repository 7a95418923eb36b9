package io.longhaul.planner.layout;

/**
 * What is sharded over the ranks that hold the same weights (Rajbhandari et al. 2020).
 *
 * @param stage 0 nothing, 1 the optimizer, 2 gradients too, 3 weights too (FSDP)
 * @param replicas groups that each hold a whole set of shards: 1 shards over all ranks, more is hybrid sharding
 *     (HSDP); divides data * context
 */
public record Sharding(int stage, int replicas) {
    public static final Sharding NONE = new Sharding(0, 1);
    /** ZeRO-1, Megatron's distributed optimizer. */
    public static final Sharding OPTIMIZER = new Sharding(1, 1);

    public Sharding {
        if (stage < 0 || stage > 3 || replicas < 1 || stage == 0 && replicas != 1) {
            throw new IllegalArgumentException(
                    "stage must be 0 to 3 and replicas >= 1 (1 in stage 0), got stage " + stage
                            + ", replicas "
                            + replicas);
        }
    }

    /** Over all ranks. */
    public static Sharding stage(int stage) {
        return new Sharding(stage, 1);
    }
}

package io.longhaul.planner.cost;

import io.longhaul.planner.cluster.Group;
import io.longhaul.planner.cluster.Links;
import io.longhaul.planner.constants.Constant;
import io.longhaul.planner.constants.Constants;
import io.longhaul.planner.constants.Software;
import io.longhaul.planner.layout.ParallelLayout;

/** Seconds of a step that wait for gradients and weights between ranks that hold the same weights. */
record DataTraffic(Constants constants, Software software, Links links) {
    private static final double VALUE_BYTES = 2;

    /**
     * Gradients to their sum and weights to all ranks, once per step. From stage 2 on no rank keeps all gradients, so
     * that they travel with every micro-batch, and in stage 3 weights do as well, forward and backward (Rajbhandari et
     * al. 2020, section 7).
     *
     * @param dense weights on a rank that all data and context ranks share
     * @param expert weights of its experts
     * @param window seconds of compute of one micro-batch on the rank, beside which traffic can run
     */
    double seconds(ParallelLayout c, double dense, double expert, double window) {
        double all = synchronise(c, dense, c.replicas(), c.tensor())
                + synchronise(c, expert, c.expertReplicas(), c.expertTensor() * c.expert());
        if (!software.overlapsData()) {
            return all;
        }
        double exposed = constants.share(Constant.DATA_EXPOSED) * all;
        double beside = window * (c.sharding().stage() > 1 ? c.microBatches() : 1);
        return exposed + Math.max(0, all - exposed - beside);
    }

    private double gradientBytes() {
        return switch (software.family()) {
            case MEGATRON_CORE, FSDP -> 4;
            case MEGATRON_2021, DEEPSPEED, OTHER -> 2;
        };
    }

    private double synchronise(ParallelLayout c, double weights, int ranks, int stride) {
        if (ranks == 1 || weights == 0) {
            return 0;
        }
        int replicas = Math.min(c.sharding().replicas(), ranks);
        Group whole = new Group(ranks, stride, links);
        // Shards lie among ranks next to each other; their replicas are sums over the far ones.
        Group shard = new Group(ranks / replicas, stride, links);
        Group copies = new Group(replicas, stride * (ranks / replicas), links);
        double values = VALUE_BYTES * weights;
        double gradients = gradientBytes() * weights;
        int m = c.microBatches();
        return switch (c.sharding().stage()) {
            case 0 -> whole.allReduceSeconds(gradients);
            case 1 -> (replicas > 1 ? whole.allReduceSeconds(gradients) : whole.gatherSeconds(gradients))
                    + shard.gatherSeconds(values);
            case 2 -> m * shard.gatherSeconds(values) + shard.gatherSeconds(values)
                    + copies.allReduceSeconds(values * replicas / ranks);
            default -> m * 3 * shard.gatherSeconds(values)
                    + copies.allReduceSeconds(values * replicas / ranks);
        };
    }
}

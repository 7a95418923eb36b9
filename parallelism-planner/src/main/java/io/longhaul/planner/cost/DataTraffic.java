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
    private static final double BUCKET_BYTES = 1e8;

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
        return software.sumsInFp32() ? 4 : 2;
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
        // Buckets go round a ring one after another; sums without shards take a tree.
        double buckets = Math.ceil(values / BUCKET_BYTES);
        double ring = buckets * shard.ringWaitSeconds();
        double tree = buckets * 2 * Math.log(ranks) / Math.log(2) * links.slowLatencySeconds();
        double far = copies.allReduceSeconds(values * replicas / ranks);
        return switch (c.sharding().stage()) {
            case 0 -> whole.allReduceSeconds(gradients) + tree;
            case 1 -> (replicas > 1
                    ? whole.allReduceSeconds(gradients) + tree
                    : whole.gatherSeconds(gradients) + ring)
                    + shard.gatherSeconds(values) + ring;
            case 2 -> (m + 1) * (shard.gatherSeconds(values) + ring) + far;
            default -> 3 * m * (shard.gatherSeconds(values) + ring) + far;
        };
    }
}

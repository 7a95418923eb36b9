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
    /** Backward over both passes: what sums of gradients can run beside; gathers of weights have the forward pass. */
    private static final double BACKWARD_SHARE = 2.0 / 3;

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
        Seconds all = synchronise(c, dense, c.replicas(), c.tensor())
                .plus(synchronise(c, expert, c.expertReplicas(), c.expertTensor() * c.expert()));
        if (!software.overlapsData()) {
            return all.sums + all.gathers;
        }
        double exposed = constants.share(Constant.DATA_EXPOSED);
        double hidden = 1 - exposed;
        double waited = c.sharding().stage() > 1
                ? Math.max(0, hidden * (all.sums + all.gathers) - window * c.microBatches())
                : Math.max(0, hidden * all.sums - BACKWARD_SHARE * window)
                        + Math.max(0, hidden * all.gathers - (1 - BACKWARD_SHARE) * window);
        return exposed * (all.sums + all.gathers) + waited;
    }

    /** Of gradients to their sums, and of weights to all ranks. */
    private record Seconds(double sums, double gathers) {
        Seconds plus(Seconds o) {
            return new Seconds(sums + o.sums, gathers + o.gathers);
        }
    }

    private double gradientBytes() {
        return software.sumsInFp32() ? 4 : 2;
    }

    /**
     * Bytes of weights that travel together: all at once before overlap; from Megatron-Core on more with more ranks, lest
     * the rounds of a ring add up; about a layer in FSDP, DeepSpeed's 5e8 values.
     */
    private double bucketBytes(int ranks) {
        return switch (software.family()) {
            case MEGATRON_2021 -> Double.POSITIVE_INFINITY;
            case MEGATRON_CORE -> VALUE_BYTES * Math.max(4e7, 1e6 * ranks);
            case FSDP -> 4e8;
            case DEEPSPEED -> VALUE_BYTES * 5e8;
            case OTHER -> 1e8;
        };
    }

    private Seconds synchronise(ParallelLayout c, double weights, int ranks, int stride) {
        if (ranks == 1 || weights == 0) {
            return new Seconds(0, 0);
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
        double buckets = Math.max(1, Math.ceil(values / bucketBytes(ranks)));
        double ring = buckets * shard.ringWaitSeconds();
        double tree = buckets * 2 * Math.log(ranks) / Math.log(2) * links.slowLatencySeconds();
        double far = copies.allReduceSeconds(values * replicas / ranks);
        double gather = shard.gatherSeconds(values) + ring;
        return switch (c.sharding().stage()) {
            case 0 -> new Seconds(whole.allReduceSeconds(gradients) + tree, 0);
            case 1 -> new Seconds(replicas > 1
                    ? whole.allReduceSeconds(gradients) + tree
                    : whole.gatherSeconds(gradients) + ring, gather);
            case 2 -> new Seconds(m * gather + far, gather);
            default -> new Seconds(m * gather + far, 2 * m * gather);
        };
    }
}

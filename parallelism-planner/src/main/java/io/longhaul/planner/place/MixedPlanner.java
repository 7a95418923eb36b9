package io.longhaul.planner.place;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Pipelines through parts of a cluster that differ in devices, network cards or place: parts follow each other in the
 * pipeline, so that only micro-batches cross from one to another and gradients stay inside (Holmes, Yang et al. 2023);
 * layers are split by speed and memory.
 *
 * <p>Every tensor degree, number of pipelines, micro-batch, number of stages on each part (also none) and order of parts
 * is tried or bounded away; of a choice, the split has the least pipeline time. Exact but for one thing: per-step work
 * (sums of gradients, update) is added after the split, not weighed in it. Since a part may stay unused, a plan for all
 * parts is never slower than that for any of them.
 */
public final class MixedPlanner {
    private final int layers;
    private final int globalBatch;
    private final int[] ranks;
    private final int[] ranksPerNode;
    private final PartPrices prices;
    private Optional<MixedPlan> best = Optional.empty();

    private MixedPlanner(int layers, int globalBatch, int[] ranks, int[] ranksPerNode, PartPrices prices) {
        this.layers = layers;
        this.globalBatch = globalBatch;
        this.ranks = ranks.clone();
        this.ranksPerNode = ranksPerNode.clone();
        this.prices = prices;
    }

    /**
     * @param globalBatch samples per step
     * @param ranks of each part
     * @param ranksPerNode of each part; tensor groups stay inside a node
     * @return the fastest plan, of several the first that was found; empty if nothing fits
     */
    public static Optional<MixedPlan> best(
            int layers, int globalBatch, int[] ranks, int[] ranksPerNode, PartPrices prices) {
        if (ranks.length != ranksPerNode.length || ranks.length == 0) {
            throw new IllegalArgumentException(
                    "ranks and ranksPerNode must have an entry for each part, got " + ranks.length + " and "
                            + ranksPerNode.length);
        }
        MixedPlanner planner = new MixedPlanner(layers, globalBatch, ranks, ranksPerNode, prices);
        planner.search();
        return planner.best;
    }

    private void search() {
        int most = Arrays.stream(ranksPerNode).max().orElseThrow();
        for (int tensor = 1; tensor <= most; tensor *= 2) {
            for (int data = 1; data <= globalBatch; data++) {
                if (globalBatch % data == 0) {
                    stages(tensor, data);
                }
            }
        }
    }

    /** Every number of stages on every part. */
    private void stages(int tensor, int data) {
        int[] most = new int[ranks.length];
        for (int part = 0; part < ranks.length; part++) {
            most[part] = ranksPerNode[part] % tensor == 0
                    ? (int) Math.min(layers, ranks[part] / ((long) tensor * data))
                    : 0;
        }
        int perPipeline = globalBatch / data;
        for (int microBatch = 1; microBatch <= perPipeline; microBatch++) {
            if (perPipeline % microBatch != 0) {
                continue;
            }
            double[] layer = new double[ranks.length];
            for (int part = 0; part < ranks.length; part++) {
                layer[part] = most[part] > 0 ? prices.layerSeconds(part, tensor, microBatch) : 0;
            }
            int[] stages = new int[ranks.length];
            while (next(stages, most)) {
                int all = Arrays.stream(stages).sum();
                if (all <= layers && bound(stages, layer, perPipeline / microBatch) < incumbent()) {
                    orders(new ArrayList<>(), stages, tensor, data, microBatch, all);
                }
            }
        }
    }

    /** Counts on, the first part fastest; false after the last. */
    private static boolean next(int[] stages, int[] most) {
        for (int part = 0; part < stages.length; part++) {
            if (stages[part] < most[part]) {
                stages[part]++;
                return true;
            }
            stages[part] = 0;
        }
        return false;
    }

    private double incumbent() {
        return best.map(MixedPlan::seconds).orElse(Double.POSITIVE_INFINITY);
    }

    /** Layers on the fastest devices once, and fractions of layers so that all stages are equally slow for the rest. */
    private double bound(int[] stages, double[] layer, int microBatches) {
        double speed = 0;
        double fastest = Double.POSITIVE_INFINITY;
        for (int part = 0; part < stages.length; part++) {
            if (stages[part] > 0) {
                speed += stages[part] / layer[part];
                fastest = Math.min(fastest, layer[part]);
            }
        }
        return layers * (fastest + (microBatches - 1) / speed);
    }

    private void orders(List<Integer> order, int[] stages, int tensor, int data, int microBatch, int all) {
        boolean complete = true;
        for (int part = 0; part < stages.length; part++) {
            if (stages[part] > 0 && !order.contains(part)) {
                complete = false;
                order.add(part);
                orders(order, stages, tensor, data, microBatch, all);
                order.removeLast();
            }
        }
        if (complete) {
            priced(order, stages, tensor, data, microBatch, all).ifPresent(plan -> {
                if (plan.seconds() < incumbent()) {
                    best = Optional.of(plan);
                }
            });
        }
    }

    private Optional<MixedPlan> priced(
            List<Integer> order, int[] stages, int tensor, int data, int microBatch, int all) {
        int microBatches = globalBatch / data / microBatch;
        int[] part = new int[all];
        double[] layer = new double[all];
        double[] extra = new double[all];
        int[] most = new int[all];
        double hops = 0;
        int stage = 0;
        for (int one : order) {
            for (int i = 0; i < stages[one]; i++, stage++) {
                part[stage] = one;
                layer[stage] = prices.layerSeconds(one, tensor, microBatch);
                most[stage] = prices.mostLayers(one, tensor, data, microBatch, microBatches, stage, all);
                if (stage > 0) {
                    // A stage waits for what it gets, with every micro-batch.
                    extra[stage] = prices.hopSeconds(part[stage - 1], one, tensor, microBatch);
                    hops += extra[stage];
                }
            }
        }
        extra[0] += prices.embeddingSeconds(part[0], tensor, microBatch);
        extra[all - 1] += prices.headSeconds(part[all - 1], tensor, microBatch);
        double transfers = hops;
        return StageSplit.fillAndSteady(layers, layer, extra, most, 1, microBatches).map(counts -> {
            double step = 0;
            for (int s = 0; s < all; s++) {
                step = Math.max(step, prices.stepSeconds(part[s], tensor, data, counts[s]));
            }
            double seconds = StageSplit.seconds(counts, layer, extra, microBatches) + step;
            return new MixedPlan(
                    legs(order, stages, counts), tensor, data, microBatch, microBatches, seconds, transfers,
                    step);
        });
    }

    private static List<MixedPlan.Leg> legs(List<Integer> order, int[] stages, int[] counts) {
        List<MixedPlan.Leg> legs = new ArrayList<>();
        int stage = 0;
        for (int part : order) {
            int[] own = Arrays.copyOfRange(counts, stage, stage + stages[part]);
            legs.add(new MixedPlan.Leg(part, Arrays.stream(own).boxed().toList()));
            stage += stages[part];
        }
        return legs;
    }
}

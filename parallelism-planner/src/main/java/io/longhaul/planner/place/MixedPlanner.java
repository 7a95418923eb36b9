package io.longhaul.planner.place;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
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
        List<Shape> shapes = new ArrayList<>();
        int mostTensor = Arrays.stream(ranksPerNode).max().orElseThrow();
        for (int tensor = 1; tensor <= mostTensor; tensor *= 2) {
            for (int data = 1; data <= globalBatch; data++) {
                for (int microBatch = 1; globalBatch % data == 0
                        && microBatch <= globalBatch / data; microBatch++) {
                    if (globalBatch / data % microBatch == 0) {
                        shapes.add(shape(tensor, data, microBatch));
                    }
                }
            }
        }
        shapes.sort(Comparator.comparingDouble(Shape::bound));
        for (Shape shape : shapes) {
            if (shape.bound() >= incumbent()) {
                break;
            }
            stages(shape);
        }
    }

    /**
     * Degrees of all stages, with what the bounds need.
     *
     * @param most stages on each part
     * @param layer seconds of one layer on each part
     * @param hop seconds of the cheapest transfer
     * @param bound seconds that no number of stages beats
     */
    private record Shape(
            int tensor,
            int data,
            int microBatch,
            int microBatches,
            int[] most,
            double[] layer,
            double hop,
            double bound) {}

    private Shape shape(int tensor, int data, int microBatch) {
        int parts = ranks.length;
        int[] most = new int[parts];
        double[] layer = new double[parts];
        double hop = Double.POSITIVE_INFINITY;
        for (int part = 0; part < parts; part++) {
            if (ranksPerNode[part] % tensor == 0) {
                most[part] = (int) Math.min(layers, ranks[part] / ((long) tensor * data));
            }
            if (most[part] > 0) {
                layer[part] = prices.layerSeconds(part, tensor, microBatch);
            }
        }
        for (int from = 0; from < parts; from++) {
            for (int to = 0; to < parts; to++) {
                if (most[from] > 0 && most[to] > 0) {
                    hop = Math.min(hop, prices.hopSeconds(from, to, tensor, microBatch));
                }
            }
        }
        int microBatches = globalBatch / data / microBatch;
        return new Shape(
                tensor, data, microBatch, microBatches, most, layer, hop,
                bound(fastest(most, layer), layer, microBatches, 0));
    }

    /** As many stages as there are layers, at most, on the fastest parts. */
    private int[] fastest(int[] most, double[] layer) {
        int[] stages = new int[most.length];
        for (int left = layers; left > 0;) {
            int next = -1;
            for (int part = 0; part < most.length; part++) {
                if (stages[part] < most[part] && (next < 0 || layer[part] < layer[next])) {
                    next = part;
                }
            }
            if (next < 0) {
                break;
            }
            stages[next] = Math.min(left, most[next]);
            left -= stages[next];
            if (stages[next] < most[next]) {
                break;
            }
        }
        return stages;
    }

    /** Every number of stages on every part, many first. */
    private void stages(Shape shape) {
        int[] stages = shape.most().clone();
        do {
            int all = Arrays.stream(stages).sum();
            if (all > 0 && all <= layers
                    && bound(stages, shape.layer(), shape.microBatches(), shape.hop()) < incumbent()) {
                orders(new ArrayList<>(), stages, shape, all);
            }
        } while (fewer(stages, shape.most()));
    }

    /** Counts down, the first part fastest; false after the last. */
    private static boolean fewer(int[] stages, int[] most) {
        for (int part = 0; part < stages.length; part++) {
            if (stages[part] > 0) {
                stages[part]--;
                return true;
            }
            stages[part] = most[part];
        }
        return false;
    }

    private double incumbent() {
        return best.map(MixedPlan::seconds).orElse(Double.POSITIVE_INFINITY);
    }

    /**
     * Layers on the fastest devices once, and fractions of layers so that all stages, but the first with a transfer, are
     * equally slow for the rest.
     */
    private double bound(int[] stages, double[] layer, int microBatches, double hop) {
        double speed = 0;
        double work = layers;
        double largest = 0;
        double fastest = Double.POSITIVE_INFINITY;
        int all = 0;
        for (int part = 0; part < stages.length; part++) {
            if (stages[part] > 0) {
                all += stages[part];
                speed += stages[part] / layer[part];
                work += stages[part] * hop / layer[part];
                largest = Math.max(largest, hop / layer[part]);
                fastest = Math.min(fastest, layer[part]);
            }
        }
        return all == 0
                ? Double.POSITIVE_INFINITY
                : layers * fastest + (all - 1) * hop + (microBatches - 1) * (work - largest) / speed;
    }

    private void orders(List<Integer> order, int[] stages, Shape shape, int all) {
        boolean complete = true;
        for (int part = 0; part < stages.length; part++) {
            if (stages[part] > 0 && !order.contains(part)) {
                complete = false;
                order.add(part);
                orders(order, stages, shape, all);
                order.removeLast();
            }
        }
        if (complete) {
            priced(order, stages, shape, all).ifPresent(plan -> {
                if (plan.seconds() < incumbent()) {
                    best = Optional.of(plan);
                }
            });
        }
    }

    private Optional<MixedPlan> priced(List<Integer> order, int[] stages, Shape shape, int all) {
        int tensor = shape.tensor();
        int data = shape.data();
        int microBatch = shape.microBatch();
        int microBatches = shape.microBatches();
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

package io.longhaul.planner.schedule;

import io.longhaul.planner.cost.CostModel;
import io.longhaul.planner.cost.LayerCost;
import io.longhaul.planner.cost.StepCost;
import io.longhaul.planner.cost.Term;
import io.longhaul.planner.layout.LayerSplit;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.schedule.PassTimes.Chunk;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/**
 * A plan's step with its schedule played through, pass by pass, instead of the cost model's closed form for fill, drain
 * and uneven stages. The rest of the step is charged as there.
 *
 * @param seconds of the step
 * @param closedSeconds of the same step by the closed form
 */
public record StepReplay(Timeline timeline, double seconds, double closedSeconds) {
    /** Weights are gathered before the first forward pass, gradients are reduced in as many bytes or twice. */
    private static final double GATHERED_SHARE = 1.0 / 3;
    /** Forward passes of all stages; 96 chunks and 1,536 micro-batches of GPT-3 make a twentieth of it. */
    private static final long MOST_PASSES = 3_000_000;

    /**
     * @param layers of the model
     * @return empty without a pipeline, for one of too many passes to play through in reasonable memory, or if the
     *     schedule does not exist for the layout's counts
     */
    public static Optional<StepReplay> of(CostModel model, int layers, ParallelLayout c) {
        return orders(c).map(orders -> {
            StepCost cost = model.price(c);
            Timeline timeline = Replay.run(orders, times(model, layers, c, cost));
            return new StepReplay(timeline, pipelineSeconds(c, timeline) + rest(c, cost), cost.total());
        });
    }

    /** The order of passes of a layout's pipeline; empty where {@link #of} is. */
    public static Optional<Orders> orders(ParallelLayout c) {
        if (c.pipeline() == 1 || (long) c.pipeline() * c.chunks() * c.microBatches() > MOST_PASSES) {
            return Optional.empty();
        }
        try {
            return Optional.of(
                    Orders.of(c.schedule(), c.pipeline(), c.chunks(), c.microBatches(), c.pipeline()));
        } catch (IllegalArgumentException noSuchSchedule) {
            return Optional.empty();
        }
    }

    /** The zero-bubble runtime lets each stage go on to its optimizer step alone. */
    private static double pipelineSeconds(ParallelLayout c, Timeline timeline) {
        return c.schedule().splitsBackward() ? timeline.longestStageSeconds() : timeline.makespanSeconds();
    }

    /** What is not played through. */
    private static double rest(ParallelLayout c, StepCost cost) {
        return cost.of(Term.OPTIMIZER) + cost.of(Term.OFFLOAD) + cost.of(Term.OVERHEAD)
                + (c.sharding().stage() > 1 ? cost.of(Term.DATA) : 0);
    }

    /**
     * Seconds by which a step takes longer than the closed form says, >= 0: waits that it does not know of. What it knows
     * of and the replay does not, such as stages that all wait for the slowest one's traffic, stays charged.
     */
    public static double beyond(CostModel model, int layers, ParallelLayout c) {
        return of(model, layers, c).map(r -> Math.max(0, r.seconds - r.closedSeconds)).orElse(0.0);
    }

    /**
     * The same for a layout whose order of passes and price are known; infinite as soon as it is known to be more than
     * {@code most} seconds.
     */
    public static double beyond(
            CostModel model, int layers, ParallelLayout c, Optional<Orders> orders, StepCost cost,
            double most) {
        if (orders.isEmpty()) {
            return 0;
        }
        double rest = rest(c, cost);
        return Replay.run(orders.get(), times(model, layers, c, cost), cost.total() + most - rest)
                .map(timeline -> Math.max(0, pipelineSeconds(c, timeline) + rest - cost.total()))
                .orElse(Double.POSITIVE_INFINITY);
    }

    private static PassTimes times(CostModel model, int layers, ParallelLayout c, StepCost cost) {
        int p = c.pipeline();
        LayerSplit split = c.split().orElseGet(() -> LayerSplit.even(layers, p * c.chunks()));
        double data = c.sharding().stage() > 1 ? 0 : cost.of(Term.DATA) / c.chunks();
        List<Chunk> chunks = new ArrayList<>();
        for (int position = 0; position < p * c.chunks(); position++) {
            int place = position % p;
            boolean back = c.schedule().vShaped() && position / p % 2 == 1;
            int stage = back ? p - 1 - place : place;
            int here = split.layers().get(position);
            int ofStage = Math.max(1, c.stageLayers(stage, layers));
            LayerCost ends = c.vocabularyParallel()
                    ? model.embedding(c).plus(model.head(c)).times(1.0 / p)
                    : LayerCost.NONE;
            LayerCost inner = model.stage(c, stage)
                    .plus(extra(model, c, stage).times(-1))
                    .times((double) here / ofStage);
            chunks.add(chunk(inner.plus(position(model, c, position, split, ends)), here, data));
        }
        double oneWay = cost.of(Term.TRANSFER) / c.microBatches() / 2 / c.chunks();
        return new PassTimes(chunks, Collections.nCopies(p, oneWay), false, 1);
    }

    /** What the cost model adds to a stage's layers. */
    private static LayerCost extra(CostModel model, ParallelLayout c, int stage) {
        if (c.vocabularyParallel()) {
            return model.embedding(c).plus(model.head(c)).times(1.0 / c.pipeline());
        }
        LayerCost extra = stage == 0 ? model.embedding(c) : LayerCost.NONE;
        return stage == (c.schedule().vShaped() ? 0 : c.pipeline() - 1) ? extra.plus(model.head(c)) : extra;
    }

    private static LayerCost position(CostModel model, ParallelLayout c, int position, LayerSplit split,
            LayerCost shared) {
        if (c.vocabularyParallel()) {
            return shared.times(1.0 / c.chunks());
        }
        LayerCost own = position == 0 ? model.embedding(c) : LayerCost.NONE;
        return position == split.layers().size() - 1 ? own.plus(model.head(c)) : own;
    }

    private static Chunk chunk(LayerCost cost, int layers, double data) {
        double traffic = cost.tensor() + cost.context() + cost.expert();
        return new Chunk(
                Math.max(0, cost.forward() + traffic / 2),
                Math.max(0, cost.inputGradient() + cost.recompute() + traffic / 2),
                Math.max(0, cost.weightGradient()),
                GATHERED_SHARE * data, (1 - GATHERED_SHARE) * data, layers);
    }
}

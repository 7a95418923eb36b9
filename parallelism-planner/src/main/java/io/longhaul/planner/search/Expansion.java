package io.longhaul.planner.search;

import io.longhaul.planner.cost.StepCost;
import io.longhaul.planner.layout.LayerSplit;
import io.longhaul.planner.layout.Offload;
import io.longhaul.planner.layout.OptimizerKind;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.layout.Sharding;
import io.longhaul.planner.memory.StageMemory;
import io.longhaul.planner.search.Legality.Broken;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Best plan with given degrees, experts, micro-batch and variant.
 *
 * <p>Choices are made from the outside in: pipeline, sharding and optimizer, offload, recomputation. Each is left as soon
 * as its bound is above the limit. Time does not fall and memory does not grow with the number of layers that are
 * computed again, so that the smallest number that fits is the best of its kind; memory does not grow with offload, so
 * that what does not fit with all of it does not fit at all.
 */
final class Expansion {
    /** A plan that fits; by {@link #ORDER} the smaller is the better. */
    record Candidate(Scenario scenario, ParallelLayout layout, double value) {
        static final Comparator<Candidate> ORDER = Comparator.comparingDouble(Candidate::value)
                .thenComparing(Candidate::layout, Space.SIMPLER);
    }

    private record Bounded(ParallelLayout layout, double bound) {}

    private final Space space;
    private final Scenario scenario;
    private final Abilities able;
    private final Memory memory;
    final Tally tally = new Tally();
    private double limit;
    @Nullable
    Candidate best;

    /** @param limit plans above it are of no interest */
    Expansion(Space space, Scenario scenario, double mostBytes, double limit) {
        this.space = space;
        this.scenario = scenario;
        this.able = scenario.request.abilities();
        this.memory = new Memory(mostBytes);
        this.limit = limit;
    }

    /** Hands the pipelines that are open to these degrees, experts and micro-batch to {@code open}. */
    void pipelines(ParallelLayout start, BiConsumer<Space.Pipeline, Double> open) {
        if (illegal(start, space.belowVariant(start))) {
            return;
        }
        tally.evaluations++;
        if (scenario.workBound(start) > limit) {
            tally.bounded += space.belowVariant(start);
            return;
        }
        long points = space.belowPipeline(start);
        for (Space.Pipeline pipeline : space.pipelines(start.pipeline())) {
            ParallelLayout c = pipeline.of(start);
            long below = points * pipeline.splits().size();
            if (!illegal(c, below)) {
                tally.evaluations++;
                open.accept(pipeline, scenario.scheduleBound(c));
            }
        }
    }

    /** Finds the best plan with this pipeline. */
    void plans(Space.Pipeline pipeline, ParallelLayout start) {
        long points = space.belowPipeline(start);
        List<Bounded> open = new ArrayList<>();
        for (Optional<LayerSplit> split : pipeline.splits()) {
            ParallelLayout c = pipeline.of(start).withSplit(split);
            if (!illegal(c, points)) {
                tally.evaluations++;
                open(open, c, scenario.pipelineBound(c), points);
            }
        }
        each(open, points, this::shardings);
    }

    private void shardings(ParallelLayout c) {
        long points = space.innerPoints(c.pipeline());
        List<Bounded> open = new ArrayList<>();
        for (OptimizerKind optimizer : able.optimizers()) {
            int tooLargeStage = -1;
            for (Sharding sharding : space.shardings(c)) {
                ParallelLayout s = c.withSharding(sharding).withOptimizer(optimizer);
                if (illegal(s, points)) {
                    continue;
                }
                // More replicas of the shards take more memory, so that they do not fit either.
                if (sharding.stage() == tooLargeStage || !fitsSomehow(s)) {
                    tooLargeStage = sharding.stage();
                    tally.tooLarge += points;
                    continue;
                }
                tally.evaluations++;
                open(open, s, scenario.shardingBound(s), points);
            }
        }
        each(open, points, this::inner);
    }

    private boolean illegal(ParallelLayout c, long points) {
        Broken broken = scenario.broken(c);
        if (broken != null) {
            tally.illegal(broken, points);
        }
        return broken != null;
    }

    private void open(List<Bounded> open, ParallelLayout layout, double bound, long points) {
        if (bound > limit) {
            tally.bounded += points;
        } else {
            open.add(new Bounded(layout, bound));
        }
    }

    /** The most promising first, as the limit falls on the way. */
    private void each(List<Bounded> open, long points, Consumer<ParallelLayout> work) {
        open.sort(Comparator.comparingDouble(Bounded::bound));
        for (Bounded one : open) {
            if (one.bound > limit) {
                tally.bounded += points;
            } else {
                work.accept(one.layout);
            }
        }
    }

    /** With all the offload and recomputation that is legal. */
    private boolean fitsSomehow(ParallelLayout c) {
        double[] activations = space.activationShares();
        double optimizer = space.optimizerShares()[space.optimizerShares().length - 1];
        boolean legal = false;
        for (Recompute recompute : space.recomputes()) {
            for (int a = activations.length - 1; a >= 0; a -= Math.max(1, activations.length - 1)) {
                ParallelLayout frugal = c.withRecompute(recompute)
                        .withOffload(new Offload(activations[a], optimizer));
                if (scenario.broken(frugal) == null) {
                    if (memory.fits(frugal)) {
                        return true;
                    }
                    legal = true;
                    break;
                }
            }
        }
        return !legal;
    }

    private void inner(ParallelLayout c) {
        for (Recompute recompute : space.recomputes()) {
            offloads(c, recompute);
        }
    }

    /** As soon as one share of offload fits without more layers to compute again, larger ones are of no use. */
    private void offloads(ParallelLayout c, Recompute recompute) {
        int counts = recompute.kind() == Recompute.Kind.FULL ? space.fullCounts(c.pipeline()) : 1;
        double[] optimizer = space.optimizerShares();
        double[] activations = space.activationShares();
        for (int o = 0; o < optimizer.length; o++) {
            for (int a = 0; a < activations.length; a++) {
                ParallelLayout shares = c.withOffload(new Offload(activations[a], optimizer[o]));
                if (kind(shares, recompute, counts)) {
                    int here = activations.length - 1 - a;
                    int later = a == 0 ? (optimizer.length - 1 - o) * activations.length : 0;
                    tally.dominated += (long) counts * (here + later);
                    if (a == 0) {
                        return;
                    }
                    break;
                }
            }
        }
    }

    /** Whether the smallest number of layers already fits. */
    private boolean kind(ParallelLayout c, Recompute recompute, int counts) {
        if (illegal(c.withRecompute(recompute), counts)) {
            return false;
        }
        ParallelLayout least = c.withRecompute(counts == 1 ? recompute : space.full(0, c.pipeline()));
        double value = value(least);
        if (value > limit) {
            tally.priced++;
            tally.bounded += counts - 1;
            return false;
        }
        int first = firstThatFits(c, recompute, counts);
        tally.tooLarge += first;
        if (first == counts) {
            return false;
        }
        tally.priced++;
        tally.dominated += counts - 1 - first;
        ParallelLayout chosen = first == 0 ? least : c.withRecompute(space.full(first, c.pipeline()));
        offer(chosen, first == 0 ? value : value(chosen));
        return first == 0;
    }

    private double value(ParallelLayout c) {
        tally.evaluations++;
        StepCost step = scenario.price(c);
        return scenario.value(step);
    }

    private void offer(ParallelLayout c, double value) {
        Candidate candidate = new Candidate(scenario, c, value);
        if (value <= limit && (best == null || Candidate.ORDER.compare(candidate, best) < 0)) {
            best = candidate;
            limit = value;
        }
    }

    /** The smallest number of layers, as an index; {@code counts} if not even all are enough. */
    private int firstThatFits(ParallelLayout c, Recompute recompute, int counts) {
        if (counts == 1) {
            return memory.fits(c.withRecompute(recompute)) ? 0 : 1;
        }
        int low = 0;
        int high = counts - 1;
        if (!memory.fits(c.withRecompute(space.full(high, c.pipeline())))) {
            return counts;
        }
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (memory.fits(c.withRecompute(space.full(middle, c.pipeline())))) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    private final class Memory {
        private final double mostBytes;

        Memory(double mostBytes) {
            this.mostBytes = mostBytes;
        }

        boolean fits(ParallelLayout c) {
            tally.memoryEvaluations++;
            StageMemory.Verdict worst = scenario.request.goal().worst();
            boolean fits = true;
            double peak = 0;
            double capacity = 0;
            for (int i = 0; i < c.pipeline(); i++) {
                // The first and the last stage are the fullest ones as a rule.
                int stage = i == 1 ? c.pipeline() - 1 : i > 1 ? i - 1 : 0;
                StageMemory m = scenario.memory(c, stage);
                peak = Math.max(peak, m.totalBytes());
                capacity = m.capacityBytes();
                fits &= peak <= mostBytes && m.verdict().compareTo(worst) <= 0;
                // Once it is known not to fit and another needs less, how much it needs is of no interest.
                if (!fits && tally.closest != null && peak >= tally.closest.peakBytes()) {
                    return false;
                }
            }
            if (!fits) {
                tally.tooLarge(c, peak, capacity);
            }
            return fits;
        }
    }
}

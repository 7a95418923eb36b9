package io.longhaul.planner.search;

import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.cost.CostModel;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.legal.Facts;
import io.longhaul.planner.legal.Rule;
import io.longhaul.planner.schedule.Orders;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Best plan with given degrees, experts, micro-batch and variant.
 *
 * <p>Choices are made from the outside in: pipeline, split, sharding and optimizer, offload, recomputation. Each is left
 * as soon as a rule that knows all it asks for is broken, or its bound is above the limit. Time does not fall and memory
 * does not grow with the number of layers that are computed again, so that the smallest number that fits is the best of
 * its kind; memory does not grow with offload, so that what does not fit with all of it does not fit at all.
 */
final class Expansion {
    /** A plan that fits; by {@link #ORDER} the smaller is the better. */
    record Candidate(Scenario scenario, ParallelLayout layout, double value) {
        static final Comparator<Candidate> ORDER = Comparator.comparingDouble(Candidate::value)
                .thenComparing(Candidate::layout, Space.SIMPLER);
    }

    /**
     * @param fullest stages of which one is the fullest
     * @param work for the bounds of shardings
     */
    private record Bounded(ParallelLayout layout, double bound, int[] fullest, CostModel.Work work) {}

    private final Space space;
    private final Scenario scenario;
    private final Rules rules;
    private final Facts facts;
    private final Memory memory;
    final Tally tally = new Tally();
    private double limit;
    /** Of the present split, the stages of which one is the fullest. */
    private int[] fullest = {};
    /** Of the present pipeline, what sharding costs at least, beside the compute of its fullest stage. */
    private double stateSeconds;
    private double window;
    @Nullable
    private Optional<Orders> orders;
    @Nullable
    Candidate best;

    /**
     * @param limit plans above it are of no interest
     * @param closest as long as nothing fits, of all that do not the one that needs least
     */
    Expansion(
            Space space, Scenario scenario, double mostBytes, double limit,
            Tally.@Nullable TooLarge closest) {
        tally.closest = closest;
        this.space = space;
        this.scenario = scenario;
        this.rules = scenario.rules(space);
        this.facts = scenario.facts();
        this.memory = new Memory(mostBytes);
        this.limit = limit;
    }

    /** Hands the micro-batches and variants that are open to these degrees and experts to {@code open}. */
    void microBatches(ParallelLayout experts, BiConsumer<ParallelLayout, Double> open) {
        long points = space.belowVariant(experts);
        List<Rules.Shards> frugal = rules.shardingsKnownEarly()
                ? rules.shardings(experts, facts).frugal()
                : List.of();
        List<Integer> microBatches = space.microBatches(scenario.batch(), experts.data());
        if (!frugal.isEmpty() && memory.neverFits(frugal, experts)) {
            tally.tooLarge += microBatches.size() * space.belowMicroBatch(experts);
            return;
        }
        boolean measured = scenario.machine() instanceof Machine.Measured;
        for (int microBatch : microBatches) {
            ParallelLayout plain = experts.withMicroBatch(microBatch, experts.microBatches() / microBatch);
            // A bit for each kind and precision that is legal with sequences split.
            long split = 0;
            for (Space.Variant variant : space.variants(experts.tensor(), experts.context())) {
                ParallelLayout c = variant.of(plain);
                // Of equal legality, whole sequences take longer and need more.
                if (!variant.sequenceParallel() && (split >> variant.whole() & 1) != 0) {
                    tally.dominated += points;
                    continue;
                }
                Rule rule = rules.batch(c, facts);
                if (rule != null) {
                    tally.illegal(rule, facts, points);
                    continue;
                }
                if (variant.sequenceParallel() && !rules.sequencesMatterLater()) {
                    split |= 1L << variant.whole();
                }
                if (!frugal.isEmpty() && memory.neverFits(frugal, c)) {
                    tally.tooLarge += points;
                    continue;
                }
                tally.evaluations++;
                double bound = measured ? 0 : scenario.layersBound(c);
                if (bound > limit) {
                    tally.bounded += points;
                } else {
                    open.accept(c, bound);
                }
            }
        }
    }

    /** Hands the pipelines that are open to these degrees, experts and micro-batch to {@code open}. */
    void pipelines(ParallelLayout start, BiConsumer<Space.Pipeline, Double> open) {
        long points = space.belowPipeline(start);
        Rules.Pipelines pipelines = rules.pipelines(start, facts);
        tally.illegal(pipelines.broken(), points);
        for (Space.Pipeline pipeline : pipelines.legal()) {
            ParallelLayout c = pipeline.of(start);
            if (!rules.splitsMatterLater() && memory.neverFits(rules.shardings(c, facts).frugal(), c)) {
                tally.tooLarge += points * pipeline.splitCount();
            } else {
                tally.evaluations++;
                double bound = scenario.scheduleBound(c);
                if (bound > limit) {
                    tally.bounded += points * pipeline.splitCount();
                } else {
                    open.accept(pipeline, bound);
                }
            }
        }
    }

    /** Finds the best plan with this pipeline. */
    void plans(Space.Pipeline pipeline, ParallelLayout start) {
        long points = space.belowPipeline(start);
        ParallelLayout even = pipeline.of(start);
        @Nullable
        Rule[] broken = rules.splits(pipeline, even, facts);
        List<Bounded> splits = new ArrayList<>();
        window = 0;
        for (int i = 0; i < broken.length; i++) {
            Space.Split split = pipeline.splits().get(i);
            ParallelLayout c = split.of(even);
            Rule rule = broken[i];
            if (rule != null) {
                tally.illegal(rule, facts.layout(c), points);
            } else {
                tally.evaluations++;
                CostModel.Work work = scenario.work(c);
                window = Math.max(window, work.fullest());
                splits.add(new Bounded(c, 0, split.fullest(), work));
            }
        }
        stateSeconds = leastStateSeconds(splits);
        List<Bounded> open = new ArrayList<>();
        for (Bounded split : splits) {
            double bound = scenario.pipelineBound(split.work, split.layout, stateSeconds);
            open(open, new Bounded(split.layout, bound, split.fullest, split.work), points);
        }
        each(open, points, this::shardings);
    }

    private double leastStateSeconds(List<Bounded> splits) {
        if (splits.isEmpty() || rules.splitsMatterLater()) {
            return 0;
        }
        double least = Double.POSITIVE_INFINITY;
        for (Rules.Shards shards : rules.shardings(splits.getFirst().layout, facts).legal()) {
            tally.evaluations++;
            least = Math.min(
                    least, scenario.stateSeconds(shards.of(splits.getFirst().layout), window));
        }
        return least == Double.POSITIVE_INFINITY ? 0 : least;
    }

    private void shardings(Bounded split) {
        ParallelLayout c = split.layout;
        fullest = split.fullest;
        long points = space.innerPoints(c.pipeline());
        Rules.Shardings shardings = rules.shardings(c, facts);
        tally.illegal(shardings.broken(), points);
        double forced = forced(c, shardings.frugal());
        if (forced > limit) {
            if (forced == Double.POSITIVE_INFINITY) {
                tally.tooLarge += shardings.legal().size() * points;
            } else {
                tally.bounded += shardings.legal().size() * points;
            }
            return;
        }
        List<Bounded> open = new ArrayList<>();
        for (Rules.Shards shards : shardings.legal()) {
            ParallelLayout s = shards.of(c);
            tally.evaluations++;
            double bound = scenario.shardingBound(split.work, s);
            open(open, new Bounded(s, bound, fullest, split.work), points);
        }
        each(open, points, this::inner);
    }

    /**
     * Of all these shardings, with the recomputation that memory asks for even of the most frugal; infinite if nothing
     * fits. Each stage of sharding needs least with one set of shards.
     */
    private double forced(ParallelLayout c, List<Rules.Shards> shardings) {
        ParallelLayout[] frugal = new ParallelLayout[shardings.size()];
        Kept[] kept = new Kept[frugal.length];
        for (int i = 0; i < frugal.length; i++) {
            frugal[i] = shardings.get(i).of(c);
            kept[i] = rules.kept(frugal[i], facts);
        }
        double bound = Double.POSITIVE_INFINITY;
        for (int kind = 0; kind < space.recomputes().size(); kind++) {
            int k = kind;
            Recompute recompute = space.recomputes().get(kind);
            if (!anyFits(frugal, kept, k, recompute)) {
                continue;
            }
            Recompute least = recompute;
            if (recompute.kind() == Recompute.Kind.FULL) {
                int stages = c.pipeline();
                least = space.full(
                        first(space.fullCounts(stages) - 1,
                                i -> anyFits(frugal, kept, k, space.full(i, stages))),
                        stages);
            }
            tally.evaluations++;
            bound = Math.min(bound,
                    scenario.recomputeBound(frugal[0].withRecompute(least), stateSeconds, window));
            if (recompute.kind() == Recompute.Kind.NONE) {
                return bound;
            }
        }
        return bound;
    }

    private boolean anyFits(ParallelLayout[] layouts, Kept[] kept, int kind, Recompute recompute) {
        for (int i = 0; i < layouts.length; i++) {
            if (fitsWith(layouts[i], kept[i], kind, recompute)) {
                return true;
            }
        }
        return false;
    }

    private void open(List<Bounded> open, Bounded one, long points) {
        if (one.bound > limit) {
            tally.bounded += points;
        } else {
            open.add(one);
        }
    }

    /** The most promising first, as the limit falls on the way. */
    private void each(List<Bounded> open, long points, Consumer<Bounded> work) {
        open.sort(Comparator.comparingDouble(Bounded::bound));
        for (Bounded one : open) {
            if (one.bound > limit) {
                tally.bounded += points;
            } else {
                work.accept(one);
            }
        }
    }

    private void inner(Bounded sharding) {
        ParallelLayout c = sharding.layout;
        Kept allowed = rules.kept(c, facts);
        for (int kind = 0; kind < space.recomputes().size(); kind++) {
            Recompute recompute = space.recomputes().get(kind);
            long points = space.recomputePoints(kind, c.pipeline());
            ParallelLayout least = c.withRecompute(
                    recompute.kind() == Recompute.Kind.FULL ? space.full(0, c.pipeline()) : recompute);
            if (kind > 0 && value(least) > limit) {
                tally.bounded += points;
            } else if (allowed.any(kind) && !fitsWith(c, allowed, kind, recompute)) {
                tally.tooLarge += points;
            } else {
                offloads(c, allowed, kind);
            }
        }
    }

    /** With as much offload as is legal: what no other legal pair of shares exceeds. */
    private boolean fitsWith(ParallelLayout c, Kept allowed, int kind, Recompute recompute) {
        int exceeded = -1;
        for (int o = space.optimizerShares().length - 1; o >= 0; o--) {
            int a = allowed.mostActivations(kind, o);
            if (a > exceeded) {
                exceeded = a;
                if (memory.fits(c.withKept(recompute, space.offload(a, o)))) {
                    return true;
                }
            }
        }
        return false;
    }

    /** As soon as one share of offload fits without more layers to compute again, larger ones are of no use. */
    private void offloads(ParallelLayout c, Kept allowed, int kind) {
        Recompute recompute = space.recomputes().get(kind);
        boolean counted = recompute.kind() == Recompute.Kind.FULL;
        int counts = counted ? space.fullCounts(c.pipeline()) : 1;
        int optimizers = space.optimizerShares().length;
        int activations = space.activationShares().length;
        for (int o = 0; o < optimizers; o++) {
            for (int a = 0; a < activations; a++) {
                ParallelLayout shares = c.withOffload(space.offload(a, o));
                Rule rule = allowed.broken(kind, o, a);
                if (rule != null) {
                    tally.illegal(rule, facts.layout(shares.withRecompute(recompute)), counts);
                } else if (kind(
                        counted
                                ? counts(shares, allowed, o, a)
                                : List.of(shares.withRecompute(recompute)))
                        && (!counted || allowed.fewest(o, a))) {
                    int later = a == 0 ? (optimizers - 1 - o) * activations : 0;
                    tally.dominated += (long) counts * (activations - 1 - a + later);
                    if (a == 0) {
                        return;
                    }
                    break;
                }
            }
        }
    }

    /** With each number of layers that may be computed again as a whole. */
    private List<ParallelLayout> counts(ParallelLayout c, Kept allowed, int optimizer,
            int activations) {
        List<ParallelLayout> legal = new ArrayList<>();
        for (int i = 0; i < space.fullCounts(c.pipeline()); i++) {
            ParallelLayout one = c.withRecompute(space.full(i, c.pipeline()));
            Rule rule = allowed.full(optimizer, activations, i);
            if (rule == null) {
                legal.add(one);
            } else {
                tally.illegal(rule, facts.layout(one), 1);
            }
        }
        return legal;
    }

    /** Whether the first of these, ever slower and smaller, already fits. */
    private boolean kind(List<ParallelLayout> legal) {
        if (legal.isEmpty()) {
            return false;
        }
        double value = value(legal.getFirst());
        if (value > limit) {
            tally.priced++;
            tally.bounded += legal.size() - 1;
            return false;
        }
        int first = firstThatFits(legal);
        tally.tooLarge += first;
        if (first == legal.size()) {
            return false;
        }
        tally.priced++;
        tally.dominated += legal.size() - 1 - first;
        offer(legal.get(first), first == 0 ? value : value(legal.get(first)));
        return first == 0;
    }

    private double value(ParallelLayout c) {
        tally.evaluations++;
        return scenario.closedBound(c);
    }

    /** @param closed its value by the closed form, which is no more than what playing the schedule through finds */
    private void offer(ParallelLayout c, double closed) {
        if (closed > limit) {
            return;
        }
        tally.replays++;
        Candidate candidate = new Candidate(scenario, c, scenario.replayed(c, orders(c), limit));
        if (candidate.value <= limit && (best == null || Candidate.ORDER.compare(candidate, best) < 0)) {
            best = candidate;
            limit = candidate.value;
        }
    }

    /** The same for every plan of a part with its pipeline chosen. */
    private Optional<Orders> orders(ParallelLayout c) {
        Optional<Orders> known = orders;
        if (known == null) {
            known = scenario.orders(c);
            orders = known;
        }
        return known;
    }

    /** The first in a list of ever fewer bytes; its size if not even the last does. */
    private int firstThatFits(List<ParallelLayout> layouts) {
        return memory.fits(layouts.getLast())
                ? first(layouts.size() - 1, i -> memory.fits(layouts.get(i)))
                : layouts.size();
    }

    /** The first number that fits, of those from 0 on, of which {@code last} and with each one the next do. */
    private static int first(int last, IntPredicate fits) {
        int low = 0;
        int high = last;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (fits.test(middle)) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    private final class Memory {
        /** A bound may come out higher than what it bounds by rounding. */
        private static final double ROUNDING = 1 - 1e-11;

        private final double mostBytes;

        Memory(double mostBytes) {
            this.mostBytes = mostBytes;
        }

        /** Whether no split, recomputation or offload fits with any of these shardings, nor tells a smaller deficit. */
        boolean neverFits(List<Rules.Shards> frugal, ParallelLayout c) {
            Tally.TooLarge closest = tally.closest;
            boolean found = limit < Double.POSITIVE_INFINITY;
            if (!found && closest == null) {
                return false;
            }
            double deficit = found || closest == null ? 0 : closest.peakBytes();
            for (Rules.Shards shards : frugal) {
                tally.memoryEvaluations++;
                double least = ROUNDING * scenario.memory()
                        .leastBytes(shards.of(c).withOffload(space.mostOffload()));
                if (least < deficit || allowed(least)) {
                    return false;
                }
            }
            return true;
        }

        private boolean allowed(double bytes) {
            return bytes <= mostBytes
                    && scenario.memory().verdict(bytes).compareTo(scenario.request.goal().worst()) <= 0;
        }

        boolean fits(ParallelLayout c) {
            tally.memoryEvaluations++;
            boolean fits = true;
            double peak = 0;
            for (int stage : fullest) {
                peak = Math.max(peak, scenario.memory().totalBytes(c, stage));
                fits &= allowed(peak);
                // Once it is known not to fit and another needs less, how much it needs is of no interest.
                if (!fits && tally.closest != null && peak >= tally.closest.peakBytes()) {
                    return false;
                }
            }
            if (!fits) {
                tally.tooLarge(c, peak, scenario.machine().memoryBytesPerRank());
            }
            return fits;
        }
    }
}

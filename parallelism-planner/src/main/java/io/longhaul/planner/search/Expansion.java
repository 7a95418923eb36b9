package io.longhaul.planner.search;

import io.longhaul.planner.layout.LayerSplit;
import io.longhaul.planner.layout.Offload;
import io.longhaul.planner.layout.OptimizerKind;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.layout.Sharding;
import io.longhaul.planner.legal.Fact.Depth;
import io.longhaul.planner.legal.Facts;
import io.longhaul.planner.legal.Legality;
import io.longhaul.planner.legal.Rule;
import io.longhaul.planner.memory.StageMemory;
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

    private record Bounded(ParallelLayout layout, double bound) {}

    private final Space space;
    private final Scenario scenario;
    private final Legality legality;
    private final Facts facts;
    private final Memory memory;
    final Tally tally = new Tally();
    private double limit;
    /** Of the present split, those of which one is the fullest. */
    private int[] stages = {};
    @Nullable
    Candidate best;

    /** @param limit plans above it are of no interest */
    Expansion(Space space, Scenario scenario, double mostBytes, double limit) {
        this.space = space;
        this.scenario = scenario;
        this.legality = scenario.request.legality();
        this.facts = scenario.facts();
        this.memory = new Memory(mostBytes);
        this.limit = limit;
    }

    /** Hands the pipelines that are open to these degrees, experts and micro-batch to {@code open}. */
    void pipelines(ParallelLayout start, BiConsumer<Space.Pipeline, Double> open) {
        if (illegal(start, Depth.BATCH, space.belowVariant(start))) {
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
            if (!illegal(c, Depth.PIPELINE, points * pipeline.splits().size())) {
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
            if (!illegal(c, Depth.SPLIT, points)) {
                tally.evaluations++;
                open(open, c, scenario.pipelineBound(c), points);
            }
        }
        each(open, points, this::shardings);
    }

    private void shardings(ParallelLayout c) {
        stages = space.stages(c);
        long points = space.innerPoints(c.pipeline());
        List<ParallelLayout> legal = new ArrayList<>();
        for (OptimizerKind optimizer : scenario.request.choices().optimizers()) {
            for (Sharding sharding : space.shardings(c)) {
                ParallelLayout s = c.withSharding(sharding).withOptimizer(optimizer);
                if (!illegal(s, Depth.SHARDING, points)) {
                    legal.add(s);
                }
            }
        }
        double forced = forced(legal);
        if (forced > limit) {
            if (forced == Double.POSITIVE_INFINITY) {
                tally.tooLarge += legal.size() * points;
            } else {
                tally.bounded += legal.size() * points;
            }
            return;
        }
        List<Bounded> open = new ArrayList<>();
        for (ParallelLayout s : legal) {
            tally.evaluations++;
            open(open, s, scenario.shardingBound(s), points);
        }
        each(open, points, this::inner);
    }

    /**
     * Of all these shardings, with the recomputation that memory asks for even of the most frugal; infinite if nothing
     * fits. Each stage of sharding needs least with one set of shards.
     */
    private double forced(List<ParallelLayout> shardings) {
        List<ParallelLayout> frugal = shardings.stream()
                .filter(s -> s.sharding().replicas() == 1)
                .sorted(Comparator.comparing(s -> -s.sharding().stage()))
                .toList();
        double bound = Double.POSITIVE_INFINITY;
        for (int kind = 0; kind < space.recomputes().size(); kind++) {
            int k = kind;
            Recompute recompute = space.recomputes().get(kind);
            if (frugal.stream().noneMatch(s -> fitsWith(s, k, recompute))) {
                continue;
            }
            Recompute least = recompute;
            if (recompute.kind() == Recompute.Kind.FULL) {
                int stages = frugal.getFirst().pipeline();
                least = space.full(
                        first(space.fullCounts(stages) - 1,
                                i -> frugal.stream().anyMatch(s -> fitsWith(s, k, space.full(i, stages)))),
                        stages);
            }
            tally.evaluations++;
            bound = Math.min(bound, scenario.recomputeBound(frugal.getFirst().withRecompute(least)));
            if (recompute.kind() == Recompute.Kind.NONE) {
                return bound;
            }
        }
        return bound;
    }

    private boolean illegal(ParallelLayout c, Depth depth, long points) {
        Rule rule = legality.firstBroken(facts.layout(c), depth);
        if (rule != null) {
            tally.illegal(rule, facts, points);
        }
        return rule != null;
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

    private void inner(ParallelLayout c) {
        Kept.Allowed allowed = scenario.kept(space).of(c, facts);
        for (int kind = 0; kind < space.recomputes().size(); kind++) {
            Recompute recompute = space.recomputes().get(kind);
            long points = space.recomputePoints(kind, c.pipeline());
            ParallelLayout least = c.withRecompute(
                    recompute.kind() == Recompute.Kind.FULL ? space.full(0, c.pipeline()) : recompute);
            if (kind > 0 && value(least) > limit) {
                tally.bounded += points;
            } else if (allowed.any(kind) && !fitsWith(c, kind, recompute)) {
                tally.tooLarge += points;
            } else {
                offloads(c, allowed, kind);
            }
        }
    }

    /** With as much offload as is legal: what no other legal pair of shares exceeds. */
    private boolean fitsWith(ParallelLayout c, int kind, Recompute recompute) {
        Kept.Allowed allowed = scenario.kept(space).of(c, facts);
        int exceeded = -1;
        for (int o = space.optimizerShares().length - 1; o >= 0; o--) {
            int a = allowed.mostActivations(kind, o);
            if (a > exceeded) {
                exceeded = a;
                if (memory.fits(shares(c, a, o).withRecompute(recompute))) {
                    return true;
                }
            }
        }
        return false;
    }

    private ParallelLayout shares(ParallelLayout c, int activations, int optimizer) {
        return c.withOffload(
                new Offload(space.activationShares()[activations], space.optimizerShares()[optimizer]));
    }

    /** As soon as one share of offload fits without more layers to compute again, larger ones are of no use. */
    private void offloads(ParallelLayout c, Kept.Allowed allowed, int kind) {
        Recompute recompute = space.recomputes().get(kind);
        boolean counted = recompute.kind() == Recompute.Kind.FULL;
        int counts = counted ? space.fullCounts(c.pipeline()) : 1;
        int optimizers = space.optimizerShares().length;
        int activations = space.activationShares().length;
        for (int o = 0; o < optimizers; o++) {
            for (int a = 0; a < activations; a++) {
                ParallelLayout shares = shares(c, a, o);
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
    private List<ParallelLayout> counts(ParallelLayout c, Kept.Allowed allowed, int optimizer,
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
        return scenario.value(scenario.price(c));
    }

    /** @param closed its value by the closed form, which is no more than what playing the schedule through finds */
    private void offer(ParallelLayout c, double closed) {
        if (closed > limit) {
            return;
        }
        tally.replays++;
        Candidate candidate = new Candidate(scenario, c, scenario.replayed(c));
        if (candidate.value <= limit && (best == null || Candidate.ORDER.compare(candidate, best) < 0)) {
            best = candidate;
            limit = candidate.value;
        }
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
            for (int stage : stages) {
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

package io.longhaul.planner.search;

import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.legal.Fact.Depth;
import io.longhaul.planner.legal.Facts;
import io.longhaul.planner.legal.Rule;
import io.longhaul.planner.search.Expansion.Candidate;
import io.longhaul.planner.search.SearchControl.Progress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.PriorityQueue;
import org.jspecify.annotations.Nullable;

/**
 * Best-first branch and bound. The most promising parts of the space are looked at first; as soon as the bound of the
 * next one is above the last plan that is wanted, everything is decided.
 *
 * <p>Parts are taken in rounds, and a round knows only what rounds before it found: so counts and result are the same for
 * any number of threads.
 */
final class Search {
    private static final int LARGEST_ROUND = 32;

    /** What is chosen of a part of the space beside degrees and experts. */
    private enum Chosen {
        EXPERTS, MICRO_BATCH_AND_VARIANT, PIPELINE
    }

    /**
     * Points that share some choices.
     *
     * @param layout the plainest of them
     * @param pipeline if it is chosen
     */
    private record Part(
            Scenario scenario,
            Chosen chosen,
            ParallelLayout layout,
            Space.@Nullable Pipeline pipeline,
            double bound,
            long points,
            long order) implements Comparable<Part> {
        @Override
        public int compareTo(Part other) {
            int byBound = Double.compare(bound, other.bound);
            return byBound != 0 ? byBound : Long.compare(order, other.order);
        }

        /** Of a layout that holds for a part of these points. */
        Part with(Chosen more, ParallelLayout of, Space.@Nullable Pipeline also, double least, long count) {
            return new Part(scenario, more, of, also, Math.max(least, bound), count, 0);
        }
    }

    /** Degrees on so many ranks with this batch: of each, the best plan is kept. */
    private record Degrees(int ranks, int batch, int tensor, int context, int pipeline, int data) {
        static Degrees of(ParallelLayout c) {
            return new Degrees(c.worldSize(), c.globalBatch(), c.tensor(), c.context(), c.pipeline(),
                    c.data());
        }
    }

    private final PlanRequest request;
    private final SearchControl control;
    private final double mostBytes;
    private final Space space;
    private final PriorityQueue<Part> open = new PriorityQueue<>();
    private final Map<Degrees, Candidate> found = new HashMap<>();
    final Tally tally = new Tally();
    private long order;
    long nominal;

    /** @param mostBytes that a rank may use, on top of what the machine allows */
    Search(PlanRequest request, SearchControl control, double mostBytes) {
        this.request = request;
        this.control = control;
        this.mostBytes = mostBytes;
        this.space = new Space(request.model(), request.choices());
    }

    /** Best plans of different degrees, best first, as many as are wanted. */
    List<Candidate> run() {
        Scenarios.of(request).forEach(this::enumerate);
        for (int size = 1; !open.isEmpty() && !stopped(); size = Math.min(2 * size, LARGEST_ROUND)) {
            List<Part> round = new ArrayList<>();
            double limit = limit();
            while (round.size() < size && !open.isEmpty() && open.peek().bound() <= limit) {
                round.add(open.poll());
            }
            if (round.isEmpty()) {
                open.forEach(part -> tally.bounded += part.points());
                open.clear();
                break;
            }
            expand(round);
            control.progress().accept(new Progress(best(), bound(), tally.covered(), nominal));
        }
        return wanted();
    }

    private boolean stopped() {
        return tally.evaluations >= control.mostEvaluations() || control.stop().getAsBoolean();
    }

    /** No plan that is not decided is better. */
    double bound() {
        return Math.min(best(), open.isEmpty() ? Double.POSITIVE_INFINITY : open.peek().bound());
    }

    long openPoints() {
        return open.stream().mapToLong(Part::points).sum();
    }

    private double best() {
        return found.values().stream().mapToDouble(Candidate::value).min().orElse(Double.POSITIVE_INFINITY);
    }

    private List<Candidate> wanted() {
        return found.values()
                .stream()
                .sorted(Candidate.ORDER)
                .limit(1L + request.goal().alternatives())
                .toList();
    }

    private double limit() {
        List<Candidate> plans = wanted();
        return plans.size() <= request.goal().alternatives()
                ? Double.POSITIVE_INFINITY
                : plans.getLast().value();
    }

    private void expand(List<Part> round) {
        double limit = limit();
        List<Work> work = round.stream().map(part -> {
            Candidate sofar = found.get(Degrees.of(part.layout()));
            return new Work(
                    part,
                    new Expansion(
                            space, part.scenario(), mostBytes,
                            sofar == null ? limit : Math.min(limit, sofar.value()), tally.closest));
        }).toList();
        (control.threads() > 1 ? work.parallelStream() : work.stream()).forEach(Work::run);
        for (Work done : work) {
            tally.add(done.expansion.tally);
            done.parts.forEach(this::open);
            Candidate best = done.expansion.best;
            if (best != null) {
                found.merge(
                        Degrees.of(best.layout()), best,
                        (old, one) -> Candidate.ORDER.compare(one, old) < 0 ? one : old);
            }
        }
    }

    /** What is done for one part, apart from the others of its round. */
    private final class Work {
        private final Part part;
        private final Expansion expansion;
        private final List<Part> parts = new ArrayList<>();

        Work(Part part, Expansion expansion) {
            this.part = part;
            this.expansion = expansion;
        }

        void run() {
            ParallelLayout layout = part.layout();
            switch (part.chosen()) {
                case EXPERTS -> {
                    long points = space.belowVariant(layout);
                    expansion.microBatches(
                            layout,
                            (c, bound) -> parts.add(
                                    part.with(Chosen.MICRO_BATCH_AND_VARIANT, c, null, bound, points)));
                }
                case MICRO_BATCH_AND_VARIANT -> {
                    long points = space.belowPipeline(layout);
                    expansion.pipelines(
                            layout,
                            (pipeline, bound) -> parts.add(
                                    part.with(
                                            Chosen.PIPELINE, layout, pipeline, bound,
                                            points * pipeline.splitCount())));
                }
                case PIPELINE -> expansion.plans(Objects.requireNonNull(part.pipeline()), layout);
            }
        }
    }

    private void open(Part p) {
        open.add(
                new Part(p.scenario(), p.chosen(), p.layout(), p.pipeline(), p.bound(), p.points(), order++));
    }

    private void enumerate(Scenario scenario) {
        LayerTable table = scenario.layerTable(space);
        Facts facts = scenario.facts();
        int ranks = scenario.machine().ranks();
        for (int tensor : space.divisors(ranks)) {
            for (int pipeline : space.divisors(ranks / tensor)) {
                for (int context : space.divisors(ranks / tensor / pipeline)) {
                    degrees(
                            scenario, facts, table, tensor, context, pipeline,
                            ranks / tensor / pipeline / context);
                }
            }
        }
    }

    private void degrees(
            Scenario scenario, Facts facts, LayerTable table, int tensor, int context, int pipeline,
            int data) {
        ParallelLayout c = ParallelLayout
                .of(tensor, context, pipeline, data, 1, Math.max(1, scenario.batch() / data));
        long points = space.belowDegrees(c, scenario.batch());
        nominal = Math.addExact(nominal, points);
        if (!scenario.wanted(c)) {
            tally.unwanted(c, points);
            return;
        }
        Rule rule = request.legality().firstBroken(facts.layout(c), Depth.DEGREES);
        if (rule != null) {
            tally.illegal(rule, facts, points);
            return;
        }
        for (Space.Experts experts : space.experts(tensor, tensor * context * data)) {
            ParallelLayout e = c.withExperts(experts.expert(), experts.expertTensor());
            Rule here = request.legality().firstBroken(facts.layout(e), Depth.EXPERTS);
            long below = space.microBatches(scenario.batch(), data).size() * space.belowMicroBatch(e);
            if (here != null) {
                tally.illegal(here, facts, below);
            } else {
                // Of a machine that was measured there are few layouts, and no table.
                double bound = scenario.machine() instanceof Machine.Cluster
                        ? scenario.expertsBound(e, table.of(e, tally))
                        : 0;
                open.add(new Part(scenario, Chosen.EXPERTS, e, null, bound, below, order++));
            }
        }
    }
}

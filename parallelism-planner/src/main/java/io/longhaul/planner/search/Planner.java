package io.longhaul.planner.search;

import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.cost.CostModel;
import io.longhaul.planner.cost.StepCost;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.layout.Sharding;
import io.longhaul.planner.memory.MemoryModel;
import io.longhaul.planner.memory.StageMemory;
import io.longhaul.planner.model.ModelShape;
import io.longhaul.planner.search.PlanRequest.Abilities;
import io.longhaul.planner.search.PlanRequest.Fixed;
import io.longhaul.planner.search.PlanResult.Rejection;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Looks at every legal way to spread a run and takes the fastest that fits. */
public final class Planner {
    private static final int RUNNERS_UP = 6;
    private static final String MEMORY = "does not fit in memory";

    private Planner() {}

    public static PlanResult plan(PlanRequest request) {
        return new Search(request).run();
    }

    /**
     * The plan that spends the fewest device-seconds on a step, on the whole cluster or a part whose number of nodes
     * divides the cluster's; with the machine that it is for.
     */
    public static OnPart cheapest(PlanRequest request, Machine.Cluster cluster) {
        OnPart whole = new OnPart(cluster, plan(request));
        List<OnPart> parts = new ArrayList<>(List.of(whole));
        for (int nodes : divisors(cluster.nodes())) {
            if (nodes < cluster.nodes()) {
                Machine.Cluster part = cluster.withNodes(nodes);
                parts.add(
                        new OnPart(
                                part,
                                plan(
                                        new PlanRequest(request.model(), part, request.globalBatch(),
                                                request.fixed(), request.abilities()))));
            }
        }
        return parts.stream()
                .filter(p -> p.result().best().isPresent())
                .min(Comparator.comparingDouble(OnPart::deviceSeconds))
                .map(p -> p.comparedWith(whole))
                .orElse(whole);
    }

    /** A plan for a part of a cluster. */
    public record OnPart(Machine.Cluster machine, PlanResult result) {
        private double deviceSeconds() {
            return machine.ranks() * result.best().orElseThrow().stepSeconds();
        }

        private OnPart comparedWith(OnPart whole) {
            PlanResult r = result;
            String price = String.format(
                    Locale.ROOT, "%d of %d nodes are cheapest, %.1f device-seconds per step",
                    machine.nodes(), whole.machine().nodes(), deviceSeconds());
            if (whole.machine().nodes() > machine.nodes() && whole.result().best().isPresent()) {
                price += String.format(
                        Locale.ROOT, " (all nodes: %.1f, and %.1f times as fast)", whole.deviceSeconds(),
                        r.best().orElseThrow().stepSeconds()
                                / whole.result().best().orElseThrow().stepSeconds());
            }
            return new OnPart(
                    machine,
                    new PlanResult(r.best(), price + "; " + r.reason(), r.runnersUp(), r.rejected(),
                            r.considered()));
        }
    }

    /** Order of plans: faster first, then less memory, then the simpler one. */
    static final Comparator<Plan> ORDER = Comparator.comparingDouble(Plan::stepSeconds)
            .thenComparingDouble(Plan::peakBytes)
            .thenComparing(plan -> plan.layout().toString());

    /** The candidate with what it costs, whether it fits or not. */
    public static Plan price(PlanRequest request, ParallelLayout c) {
        ModelShape model = request.model();
        StepCost cost = new CostModel(model, request.machine()).price(c);
        double seconds = cost.total();
        long tokens = (long) request.globalBatch() * model.sequenceLength();
        double peak = request.machine().peakFlops() * request.machine().ranks();
        return new Plan(
                c, cost.labelled(), seconds, tokens / seconds, model.stepFlops(tokens) / seconds / peak,
                new MemoryModel(model, request.machine()).stages(c));
    }

    /** The first rule that the layout breaks, memory apart. */
    public static Optional<Rejection> broken(PlanRequest request, ParallelLayout c) {
        Rules rules = new Rules(request);
        Rejection degrees = rules.layout(c.tensor(), c.pipeline(), c.context(), c.data());
        return Optional.ofNullable(degrees == null ? rules.inner(c) : degrees);
    }

    /** What makes a layout or a candidate illegal, memory apart; an example shows the values. */
    private record Rules(PlanRequest request) {

        private static @Nullable Rejection divides(
                String parts, long whole, String degree, long by) {
            return whole % by == 0
                    ? null
                    : new Rejection(parts + " not divisible by " + degree, whole + " by " + by, 1);
        }

        @Nullable
        Rejection layout(int tensor, int pipeline, int context, int data) {
            ModelShape model = request.model();
            Abilities able = request.abilities();
            Optional<Fixed> fixed = request.fixed();
            if (fixed.isPresent() && !fixed.get().equals(new Fixed(tensor, pipeline, data, context))) {
                return new Rejection(
                        "not the layout that was asked for",
                        "tensor " + tensor + ", pipeline " + pipeline + ", context " + context + ", data "
                                + data,
                        1);
            }
            if (tensor > able.maxTensor()) {
                return new Rejection("tensor-parallel group larger than a node, or than the trainer allows",
                        tensor + " over " + able.maxTensor(), 1);
            }
            if (pipeline > able.maxPipeline()) {
                return new Rejection("more stages than the trainer allows",
                        pipeline + " over " + able.maxPipeline(), 1);
            }
            if (context > able.maxContext()) {
                return new Rejection("more context-parallel ranks than the trainer allows",
                        context + " over " + able.maxContext(), 1);
            }
            return first(
                    () -> divides("attention heads", model.attentionHeads(), "tensor", tensor),
                    () -> divides("key/value heads", model.kvHeads(), "tensor", tensor),
                    () -> model.mixtureOfExperts()
                            ? divides("expert size", model.expertFfnHiddenSize(), "tensor", tensor)
                            : divides("feed-forward size", model.ffnHiddenSize(), "tensor", tensor),
                    () -> divides("layers", model.layers(), "pipeline", pipeline),
                    () -> context == 1
                            ? null
                            : divides("sequence", model.sequenceLength(), "2 context", 2L * context),
                    () -> able.sequenceParallel()
                            ? divides("sequence", model.sequenceLength(), "tensor * context",
                                    (long) tensor * context)
                            : null,
                    () -> divides("global batch", request.globalBatch(), "data", data));
        }

        @Nullable
        Rejection inner(ParallelLayout c) {
            if (c.sharding().stage() > 1 && c.pipeline() > 1) {
                return new Rejection("sharded gradients exclude a pipeline",
                        "zero " + c.sharding().stage() + " with pipeline " + c.pipeline(), 1);
            }
            if (c.recompute().kind() == Recompute.Kind.SELECTIVE
                    && !request.abilities().selectiveRecompute()) {
                return new Rejection("the trainer recomputes whole layers or nothing", "recompute selective",
                        1);
            }
            return request.model().mixtureOfExperts()
                    ? divides("experts", request.model().experts(), "expert", c.expert())
                    : null;
        }

        @SafeVarargs
        private static @Nullable Rejection first(
                Supplier<@Nullable Rejection>... rules) {
            for (Supplier<@Nullable Rejection> rule : rules) {
                Rejection broken = rule.get();
                if (broken != null) {
                    return broken;
                }
            }
            return null;
        }
    }

    private static final class Search {
        private final PlanRequest request;
        private final Rules rules;
        private final Map<String, Rejection> rejected = new LinkedHashMap<>();
        private final List<Plan> plans = new ArrayList<>();
        private long considered;
        private double smallestPeak = Double.POSITIVE_INFINITY;

        Search(PlanRequest request) {
            this.request = request;
            this.rules = new Rules(request);
        }

        PlanResult run() {
            int ranks = request.machine().ranks();
            for (int tensor : divisors(ranks)) {
                for (int pipeline : divisors(ranks / tensor)) {
                    for (int context : divisors(ranks / tensor / pipeline)) {
                        layout(tensor, pipeline, context, ranks / tensor / pipeline / context);
                    }
                }
            }
            plans.sort(ORDER);
            return result();
        }

        private void layout(int tensor, int pipeline, int context, int data) {
            Rejection broken = rules.layout(tensor, pipeline, context, data);
            if (broken != null) {
                considered++;
                reject(broken);
                return;
            }
            int perRank = request.globalBatch() / data;
            for (int microBatch : divisors(perRank)) {
                for (int expert : request.model().mixtureOfExperts() ? divisors(data) : List.of(1)) {
                    for (Recompute recompute : List.of(Recompute.NONE, Recompute.SELECTIVE, Recompute.FULL)) {
                        for (int zero = 0; zero <= request.abilities().maxZeroStage(); zero++) {
                            candidate(
                                    ParallelLayout
                                            .of(tensor, context, pipeline, data, microBatch,
                                                    perRank / microBatch)
                                            .withExperts(expert, tensor)
                                            .withSequenceParallel(
                                                    request.abilities().sequenceParallel() && tensor > 1)
                                            .withRecompute(recompute)
                                            .withSharding(Sharding.stage(zero)));
                        }
                    }
                }
            }
        }

        private void candidate(ParallelLayout c) {
            considered++;
            Rejection broken = rules.inner(c);
            if (broken != null) {
                reject(broken);
                return;
            }
            Plan plan = price(request, c);
            if (plan.memory().stream().anyMatch(s -> s.verdict() == StageMemory.Verdict.NO)) {
                boolean closest = plan.peakBytes() < smallestPeak;
                smallestPeak = Math.min(smallestPeak, plan.peakBytes());
                Rejection tooLarge = new Rejection(
                        MEMORY,
                        String.format(
                                Locale.ROOT, "%s needs %.1f of %.1f GB", c, plan.peakBytes() / 1e9,
                                request.machine().memoryBytesPerRank() / 1e9),
                        1);
                rejected.merge(
                        MEMORY, tooLarge,
                        (old, one) -> new Rejection(
                                MEMORY, closest ? one.example() : old.example(), old.count() + 1));
                return;
            }
            plans.add(plan);
        }

        private void reject(Rejection broken) {
            rejected.merge(
                    broken.rule(), broken,
                    (old, one) -> new Rejection(old.rule(), old.example(), old.count() + 1));
        }

        private PlanResult result() {
            List<Rejection> reasons = rejected.values()
                    .stream()
                    .sorted(
                            Comparator.comparingLong(Rejection::count)
                                    .reversed()
                                    .thenComparing(Rejection::rule))
                    .toList();
            if (plans.isEmpty()) {
                return new PlanResult(Optional.empty(), whyNothing(reasons), List.of(), reasons, considered);
            }
            Plan best = plans.getFirst();
            List<PlanResult.RunnerUp> others = new ArrayList<>();
            Set<String> seen = new LinkedHashSet<>(List.of(layoutOf(best)));
            for (Plan plan : plans) {
                if (others.size() < RUNNERS_UP && seen.add(layoutOf(plan))) {
                    others.add(new PlanResult.RunnerUp(plan, why(plan, best)));
                }
            }
            String reason = others.isEmpty()
                    ? String.format(
                            Locale.ROOT,
                            "fastest of %,d plans that fit, all of the only layout that is legal",
                            plans.size())
                    : String.format(
                            Locale.ROOT, "fastest of %,d plans that fit; the next layout, %s, is %s",
                            plans.size(), others.getFirst().plan().layout(), others.getFirst().why());
            return new PlanResult(Optional.of(best), reason, others, reasons, considered);
        }

        private String whyNothing(List<Rejection> reasons) {
            Rejection tooLarge = rejected.get(MEMORY);
            if (tooLarge != null) {
                return "nothing fits: the most frugal plan, " + tooLarge.example() + " per rank";
            }
            List<String> rules = reasons.stream()
                    .map(r -> r.rule() + " (" + r.example() + ") " + r.count() + " times")
                    .toList();
            return "no layout is legal: " + String.join(", ", rules);
        }

        private static String layoutOf(Plan plan) {
            ParallelLayout c = plan.layout();
            return c.tensor() + "/" + c.pipeline() + "/" + c.context() + "/" + c.data();
        }

        /** The part on which the plan loses most. */
        private static String why(Plan plan, Plan best) {
            Map<String, Double> more = new LinkedHashMap<>(plan.breakdown());
            best.breakdown().forEach((part, seconds) -> more.merge(part, -seconds, Double::sum));
            Map.Entry<String, Double> worst = more.entrySet()
                    .stream()
                    .max(Map.Entry.comparingByValue())
                    .orElseThrow();
            return String.format(
                    Locale.ROOT, "%.1f %% slower, most of it by %s (%+.1f ms)",
                    100 * (plan.stepSeconds() / best.stepSeconds() - 1), worst.getKey(),
                    1e3 * worst.getValue());
        }
    }

    static List<Integer> divisors(int n) {
        List<Integer> found = new ArrayList<>();
        for (int i = 1; i <= n; i++) {
            if (n % i == 0) {
                found.add(i);
            }
        }
        return found;
    }
}

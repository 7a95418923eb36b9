package io.longhaul.planner;

import io.longhaul.planner.Candidate.Recompute;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Looks at every legal way to spread a run and takes the fastest that fits. */
public final class Planner {
    private static final int RUNNERS_UP = 6;

    private Planner() {}

    public static PlanResult plan(PlanRequest request) {
        return new Search(request).run();
    }

    /** Order of plans: faster first, then less memory, then the simpler one. */
    private static final Comparator<Plan> ORDER = Comparator.comparingDouble(Plan::stepSeconds)
            .thenComparingDouble(Plan::peakBytes)
            .thenComparing(plan -> plan.candidate().toString());

    private static final class Search {
        private final PlanRequest request;
        private final ModelShape model;
        private final CostModel costs;
        private final MemoryModel memory;
        private final Map<String, Long> rejected = new LinkedHashMap<>();
        private final List<Plan> plans = new ArrayList<>();
        private long considered;
        private double smallestPeak = Double.POSITIVE_INFINITY;

        Search(PlanRequest request) {
            this.request = request;
            this.model = request.model();
            this.costs = new CostModel(model, request.machine());
            this.memory = new MemoryModel(model, request.machine());
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
            String broken = brokenRule(tensor, pipeline, context, data);
            if (broken != null) {
                considered++;
                reject(broken);
                return;
            }
            int perRank = request.globalBatch() / data;
            for (int microBatch : divisors(perRank)) {
                for (int expert : model.mixtureOfExperts() ? divisors(data) : List.of(1)) {
                    for (Recompute recompute : Recompute.values()) {
                        for (int zero = 0; zero <= request.abilities().maxZeroStage(); zero++) {
                            candidate(
                                    new Candidate(tensor, context, pipeline, data, expert, microBatch,
                                            perRank / microBatch, recompute, zero));
                        }
                    }
                }
            }
        }

        private @org.jspecify.annotations.Nullable String brokenRule(
                int tensor, int pipeline, int context, int data) {
            Optional<PlanRequest.Fixed> fixed = request.fixed();
            if (fixed.isPresent()
                    && !fixed.get().equals(new PlanRequest.Fixed(tensor, pipeline, data, context))) {
                return "not the layout that was asked for";
            }
            PlanRequest.Abilities able = request.abilities();
            if (tensor > able.maxTensor()) {
                return "tensor-parallel group larger than a node, or than the trainer allows";
            }
            if (pipeline > able.maxPipeline() || context > able.maxContext()) {
                return "more stages or context ranks than the trainer allows";
            }
            if (model.attentionHeads() % tensor != 0 || model.kvHeads() % tensor != 0) {
                return "attention heads not divisible by the tensor-parallel degree";
            }
            if (model.ffnHiddenSize() % tensor != 0) {
                return "feed-forward size not divisible by the tensor-parallel degree";
            }
            if (model.layers() % pipeline != 0) {
                return "layers not divisible by the number of stages";
            }
            if (context > 1 && model.sequenceLength() % (2 * context) != 0) {
                return "sequence not divisible by twice the context-parallel degree";
            }
            return request.globalBatch() % data != 0
                    ? "global batch not divisible by the data-parallel degree"
                    : null;
        }

        private void candidate(Candidate c) {
            considered++;
            if (model.mixtureOfExperts() && model.experts() % c.expert() != 0) {
                reject("experts not divisible by the expert-parallel degree");
                return;
            }
            if (c.recompute() == Recompute.SELECTIVE && !request.abilities().selectiveRecompute()) {
                reject("the trainer recomputes whole layers or nothing");
                return;
            }
            List<StageMemory> stages = memory.stages(c);
            double peak = stages.stream().mapToDouble(StageMemory::totalBytes).max().orElseThrow();
            smallestPeak = Math.min(smallestPeak, peak);
            if (stages.stream().anyMatch(s -> s.verdict() == StageMemory.Verdict.NO)) {
                reject("does not fit in memory");
                return;
            }
            Map<String, Double> parts = costs.breakdown(c);
            double seconds = parts.values().stream().mapToDouble(Double::doubleValue).sum();
            long tokens = (long) request.globalBatch() * model.sequenceLength();
            plans.add(
                    new Plan(c, parts, seconds, tokens / seconds,
                            model.stepFlops(tokens) / seconds / request.machine().peakFlops()
                                    / request.machine().ranks(),
                            stages));
        }

        private void reject(String rule) {
            rejected.merge(rule, 1L, Long::sum);
        }

        private PlanResult result() {
            if (plans.isEmpty()) {
                String reason = Double.isFinite(smallestPeak)
                        ? String.format(
                                Locale.ROOT,
                                "nothing fits: the most frugal plan needs %.1f GB per rank, there are %.1f GB",
                                smallestPeak / 1e9, request.machine().memoryBytesPerRank() / 1e9)
                        : "no layout is legal: " + rejected;
                return new PlanResult(Optional.empty(), reason, List.of(), rejected, considered);
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
                    ? "the only layout that is legal and fits"
                    : String.format(
                            Locale.ROOT,
                            "fastest of %,d plans that fit, %.1f %% faster than the next layout, %s",
                            plans.size(),
                            100 * (others.getFirst().plan().stepSeconds() / best.stepSeconds() - 1),
                            others.getFirst().plan().candidate());
            return new PlanResult(Optional.of(best), reason, others, rejected, considered);
        }

        private static String layoutOf(Plan plan) {
            Candidate c = plan.candidate();
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

    private static List<Integer> divisors(int n) {
        List<Integer> found = new ArrayList<>();
        for (int i = 1; i <= n; i++) {
            if (n % i == 0) {
                found.add(i);
            }
        }
        return found;
    }
}

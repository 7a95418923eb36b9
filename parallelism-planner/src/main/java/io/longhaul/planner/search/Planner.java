package io.longhaul.planner.search;

import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.cost.CostModel;
import io.longhaul.planner.cost.StepCost;
import io.longhaul.planner.cost.Term;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.legal.Broken;
import io.longhaul.planner.legal.Facts;
import io.longhaul.planner.memory.MemoryModel;
import io.longhaul.planner.model.ModelShape;
import io.longhaul.planner.schedule.StepReplay;
import io.longhaul.planner.search.Expansion.Candidate;
import io.longhaul.planner.search.PlanResult.Deficit;
import io.longhaul.planner.search.PlanResult.Rejection;
import io.longhaul.planner.search.PlanResult.RunnerUp;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** Finds the best legal way to spread a run that fits, with a proof. */
public final class Planner {
    private static final String MEMORY = "does not fit in memory";

    private Planner() {}

    public static PlanResult plan(PlanRequest request) {
        return plan(request, SearchControl.PLAIN);
    }

    /** @param control when to stop, whom to tell, with how many threads */
    public static PlanResult plan(PlanRequest request, SearchControl control) {
        return plan(request, control, Double.POSITIVE_INFINITY);
    }

    /** @param mostBytes that the fullest rank may need, if that is less than the machine has */
    static PlanResult plan(PlanRequest request, SearchControl control, double mostBytes) {
        Search search = new Search(request, control, mostBytes);
        List<Candidate> found = search.run();
        List<Rejection> rejected = new ArrayList<>(search.tally.rules());
        Tally.TooLarge closest = search.tally.closest;
        if (closest != null) {
            rejected.add(new Rejection(MEMORY, describe(closest), search.tally.tooLarge, false));
        }
        Certificate certificate = Certificates.of(request, search, found);
        if (found.isEmpty()) {
            return new PlanResult(
                    Optional.empty(), request.machine(), whyNothing(certificate, closest, rejected),
                    List.of(), rejected,
                    Optional.ofNullable(closest)
                            .map(c -> new Deficit(c.layout(), c.peakBytes() - c.capacityBytes())),
                    certificate);
        }
        Candidate best = found.getFirst();
        Plan plan = plan(best);
        List<RunnerUp> others = found.stream().skip(1).map(c -> new RunnerUp(plan(c), why(c, best))).toList();
        return new PlanResult(
                Optional.of(plan), best.scenario().machine(), why(request, best, others, certificate), others,
                rejected,
                Optional.empty(), certificate);
    }

    /** A layout with what it costs, whether it is legal and fits or not. */
    public static Plan price(PlanRequest request, ParallelLayout c) {
        ModelShape model = request.model();
        Machine machine = request.machine();
        CostModel costs = new CostModel(model, machine, request.software());
        StepCost cost = costs.price(c);
        double beyond = machine instanceof Machine.Cluster ? StepReplay.beyond(costs, model.layers(), c) : 0;
        Map<String, Double> breakdown = cost.labelled();
        if (beyond > 0) {
            breakdown.merge(Term.BUBBLE.label(), beyond, Double::sum);
        }
        double seconds = cost.total() + beyond;
        long tokens = (long) c.globalBatch() * model.sequenceLength();
        return new Plan(
                c, breakdown, seconds, tokens / seconds,
                model.stepFlops(tokens) / seconds / (machine.peakFlops() * machine.ranks()),
                new MemoryModel(model, machine, request.software()).stages(c));
    }

    /** Every rule that the layout breaks, with values and nearest legal ones; memory apart. */
    public static List<Broken> broken(PlanRequest request, ParallelLayout c) {
        return request.legality()
                .broken(Facts.of(request.model(), request.machine(), request.globalBatch()).layout(c));
    }

    private static Plan plan(Candidate c) {
        return price(c.scenario().request, c.layout());
    }

    private static String describe(Tally.TooLarge c) {
        return String.format(
                Locale.ROOT, "%s needs %.1f of %.1f GB", c.layout(), c.peakBytes() / 1e9,
                c.capacityBytes() / 1e9);
    }

    private static String whyNothing(
            Certificate certificate, Tally.@org.jspecify.annotations.Nullable TooLarge closest,
            List<Rejection> reasons) {
        if (!certificate.proven()) {
            return "stopped before a plan was found";
        }
        if (closest != null) {
            return "nothing fits: the most frugal plan, " + describe(closest) + " per rank";
        }
        List<String> rules = reasons.stream()
                .map(r -> r.rule() + " (" + r.example() + ") " + r.count() + " times")
                .toList();
        return "no layout is legal: " + String.join(", ", rules);
    }

    private static String why(
            PlanRequest request, Candidate best, List<RunnerUp> others, Certificate certificate) {
        String size = String.format(Locale.ROOT, "of %,d points", certificate.nominal());
        String proof = certificate.proven()
                ? "proven best " + size
                : String.format(
                        Locale.ROOT, "best so far %s, at most %.1f %% from the best", size,
                        100 * certificate.gap());
        String next = others.isEmpty()
                ? "; no other degrees are legal and fit"
                : "; the next degrees, " + others.getFirst().plan().layout() + ", are "
                        + others.getFirst().why();
        int ranks = best.layout().worldSize();
        String part = ranks == request.machine().ranks()
                ? ""
                : ", with " + ranks + " of " + request.machine().ranks()
                        + " ranks";
        return proof + part + next;
    }

    /** The part of a step on which the plan loses most. */
    private static String why(Candidate candidate, Candidate best) {
        Map<String, Double> more = new LinkedHashMap<>(plan(candidate).breakdown());
        plan(best).breakdown().forEach((part, seconds) -> more.merge(part, -seconds, Double::sum));
        Map.Entry<String, Double> worst = more.entrySet()
                .stream()
                .max(Map.Entry.comparingByValue())
                .orElseThrow();
        String worse = candidate.scenario().request.goal().objective() instanceof Objective.Time
                ? "slower"
                : "dearer";
        return String.format(
                Locale.ROOT, "%.1f %% %s, most of it by %s (%+.1f ms)",
                100 * (candidate.value() / best.value() - 1),
                worse, worst.getKey(), 1e3 * worst.getValue());
    }
}

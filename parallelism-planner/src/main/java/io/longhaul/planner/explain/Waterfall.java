package io.longhaul.planner.explain;

import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.cost.Term;
import io.longhaul.planner.model.ModelShape;
import io.longhaul.planner.search.Plan;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * From the step that would take only its useful FLOPs at the peak rate to the step as predicted, one loss at a time.
 *
 * @param idealSeconds model FLOPs of a step over the peak rate of all ranks
 * @param losses in the order in which they are charged; {@code idealSeconds} and their seconds add up to the step
 */
public record Waterfall(double idealSeconds, List<Loss> losses) {
    /** What of compute is not ideal. */
    private static final String KERNELS = "kernels below peak";
    private static final List<Term> ORDER = List.of(
            Term.RECOMPUTE, Term.TENSOR, Term.CONTEXT, Term.EXPERT, Term.TRANSFER, Term.BUBBLE,
            Term.IMBALANCE,
            Term.DATA, Term.OPTIMIZER, Term.OFFLOAD, Term.OVERHEAD);

    public Waterfall {
        losses = List.copyOf(losses);
    }

    /**
     * @param points of model FLOPs utilisation that are lost with it, after those before it; all and the step's
     *     utilisation add up to 1
     */
    public record Loss(String name, double seconds, double points) {}

    public static Waterfall of(ModelShape model, Machine machine, Plan plan) {
        long tokens = (long) plan.layout().globalBatch() * model.sequenceLength();
        return of(model.stepFlops(tokens) / machine.peakFlops() / plan.layout().worldSize(),
                plan.breakdown());
    }

    /** @param breakdown seconds by the labels of {@link Term} */
    static Waterfall of(double idealSeconds, Map<String, Double> breakdown) {
        double compute = seconds(breakdown, Term.COMPUTE) + seconds(breakdown, Term.HEAD);
        List<Loss> losses = new ArrayList<>();
        double reached = lose(losses, KERNELS, idealSeconds, idealSeconds, compute - idealSeconds);
        for (Term term : ORDER) {
            double seconds = seconds(breakdown, term);
            if (seconds != 0) {
                reached = lose(losses, term.label(), idealSeconds, reached, seconds);
            }
        }
        return new Waterfall(idealSeconds, losses);
    }

    private static double lose(List<Loss> losses, String name, double ideal, double before, double seconds) {
        double after = before + seconds;
        losses.add(new Loss(name, seconds, ideal / before - ideal / after));
        return after;
    }

    private static double seconds(Map<String, Double> breakdown, Term term) {
        return breakdown.getOrDefault(term.label(), 0.0);
    }

    public double stepSeconds() {
        return idealSeconds + losses.stream().mapToDouble(Loss::seconds).sum();
    }
}

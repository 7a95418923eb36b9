package io.longhaul.planner.cost;

import java.util.LinkedHashMap;
import java.util.Map;

/** Seconds of an optimizer step, by what they are spent on; indexed by {@link Term}. */
public final class StepCost {
    /**
     * Standard deviation of the logarithm of a step time on a cluster that nothing was measured on: what cross-validation
     * over groups of published runs finds.
     */
    public static final double USUAL_SPREAD = 0.14;

    private static final int TERMS = Term.values().length;

    private final double[] seconds;

    StepCost() {
        this(new double[TERMS]);
    }

    private StepCost(double[] seconds) {
        this.seconds = seconds;
    }

    StepCost copy() {
        return new StepCost(seconds.clone());
    }

    /** Adds seconds to a term. */
    void add(Term term, double more) {
        seconds[term.ordinal()] += more;
    }

    public double of(Term term) {
        return seconds[term.ordinal()];
    }

    /** Seconds of the whole step. */
    public double total() {
        double total = 0;
        for (double one : seconds) {
            total += one;
        }
        return total;
    }

    /** Lower end of the interval that holds the truth nine times of ten, if nothing was measured on the cluster. */
    public double lowSeconds() {
        return total() * Math.exp(-1.645 * USUAL_SPREAD);
    }

    /** Upper end of that interval. */
    public double highSeconds() {
        return total() * Math.exp(1.645 * USUAL_SPREAD);
    }

    /** The terms that are not zero, in the order of {@link Term}, by their labels. */
    public Map<String, Double> labelled() {
        Map<String, Double> parts = new LinkedHashMap<>();
        for (Term term : Term.values()) {
            if (of(term) != 0) {
                parts.put(term.label(), of(term));
            }
        }
        return parts;
    }
}

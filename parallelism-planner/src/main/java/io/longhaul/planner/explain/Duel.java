package io.longhaul.planner.explain;

/**
 * How sure it is that one layout is faster than another. Both hang on the same constants, so that most of what is not
 * known of these moves both alike; what the model gets wrong about each layout by itself does not.
 *
 * @param spread standard deviation of the logarithm of {@code b}'s step over {@code a}'s
 * @param probability that {@code a} is faster, in [0, 1]
 */
public record Duel(Prediction a, Prediction b, double spread, double probability) {

    /**
     * @param own standard deviation of the logarithm of a step that the model gets wrong whatever its constants, >= 0
     */
    public static Duel of(Prediction a, Prediction b, Knowledge knowledge, double own) {
        boolean same = a.layout().equals(b.layout());
        double spread = same ? 0 : Math.sqrt(knowledge.variance(b.minus(a)) + 2 * own * own);
        double lead = Math.log(b.seconds() / a.seconds());
        return new Duel(a, b, spread, Normal.positive(lead, spread));
    }
}

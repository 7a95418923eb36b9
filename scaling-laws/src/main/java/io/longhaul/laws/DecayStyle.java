package io.longhaul.laws;

/** Shapes of a decay as Megatron names them ({@code --lr-wsd-decay-style}). */
public enum DecayStyle {
    LINEAR, COSINE,
    /** One minus the square root of the way: falls fast first. */
    MINUS_SQRT,
    /** {@code 2 * 0.5^r - 1}. */
    EXPONENTIAL;

    /**
     * Share of the fall that is still to come.
     *
     * @param way share of the decay's steps that are done, in [0, 1]
     */
    public double left(double way) {
        return switch (this) {
            case LINEAR -> 1 - way;
            case COSINE -> (1 + Math.cos(Math.PI * way)) / 2;
            case MINUS_SQRT -> 1 - Math.sqrt(way);
            case EXPONENTIAL -> 2 * Math.pow(0.5, way) - 1;
        };
    }
}

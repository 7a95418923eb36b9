package io.longhaul.planner.layout;

/**
 * Which activations are computed again in the backward pass.
 *
 * @param layers of each pipeline stage; only {@link Kind#FULL} counts layers, the others hold for all of them
 */
public record Recompute(Kind kind, int layers) {
    public static final Recompute NONE = new Recompute(Kind.NONE, 0);
    public static final Recompute SELECTIVE = new Recompute(Kind.SELECTIVE, 0);
    /** Every layer whole. */
    public static final Recompute FULL = new Recompute(Kind.FULL, Integer.MAX_VALUE);

    /** What of a layer is computed again: nothing, attention's core, or all of it. */
    public enum Kind {
        NONE, SELECTIVE, FULL
    }

    public Recompute {
        if (kind == Kind.FULL ? layers < 1 : layers != 0) {
            throw new IllegalArgumentException(
                    "layers must be >= 1 for full recomputation and 0 otherwise, got " + kind + " " + layers);
        }
    }

    /** Whole layers, so many of each stage. */
    public static Recompute full(int layers) {
        return new Recompute(Kind.FULL, layers);
    }

    /** How many of a stage's layers are computed again as a whole. */
    public int fullLayers(int ofStage) {
        return Math.min(layers, ofStage);
    }
}

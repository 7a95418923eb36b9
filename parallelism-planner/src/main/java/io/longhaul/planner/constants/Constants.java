package io.longhaul.planner.constants;

import java.util.Arrays;

/** A value for each {@link Constant}; immutable. */
public final class Constants {
    private static final Constants PRIOR = new Constants(new double[Constant.values().length]);

    /** Logarithm over the prior, by ordinal. */
    private final double[] offsets;
    private final double[] values;

    private Constants(double[] offsets) {
        this.offsets = offsets;
        this.values = new double[offsets.length];
        for (Constant constant : Constant.values()) {
            values[constant.ordinal()] = constant.prior() * Math.exp(offsets[constant.ordinal()]);
        }
    }

    /** Before anything was measured. */
    public static Constants prior() {
        return PRIOR;
    }

    /** @param offsets logarithms over the priors, indexed by {@link Constant} */
    public static Constants of(double[] offsets) {
        if (offsets.length != PRIOR.offsets.length) {
            throw new IllegalArgumentException(
                    "offsets must have one entry per constant (" + PRIOR.offsets.length + "), got "
                            + offsets.length);
        }
        return new Constants(offsets.clone());
    }

    public double of(Constant constant) {
        return values[constant.ordinal()];
    }

    /** A constant that is a share of something, at most all of it. */
    public double share(Constant constant) {
        return Math.min(1, of(constant));
    }

    /** Logarithm of a constant over its prior. */
    public double offset(Constant constant) {
        return offsets[constant.ordinal()];
    }

    /** With one constant moved by so much in its logarithm. */
    public Constants moved(Constant constant, double by) {
        double[] moved = offsets.clone();
        moved[constant.ordinal()] += by;
        return new Constants(moved);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Constants c && Arrays.equals(offsets, c.offsets);
    }

    @Override
    public String toString() {
        return Arrays.toString(offsets);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(offsets);
    }
}

package io.longhaul.laws;

/**
 * Final loss when data is read more than once (Muennighoff et al. 2023, arXiv 2305.16264):
 *
 * <pre>L = E + A N'^-a + B D'^-b, D' = U + U R* (1 - exp(-R / R*)), R = D / U - 1</pre>
 *
 * and the same for weights beyond what U unique tokens ask for, with the constants of the paper (C4, 7M to 8.7B
 * weights). Up to four epochs are almost as good as new data.
 */
public final class RepeatedData {
    private static final double E = Math.exp(0.6255);
    private static final double LOG_A = 6.2554;
    private static final double LOG_B = 7.3050;
    private static final double EXPONENT = 0.35266;
    private static final double TOKEN_HALF_LIFE = 15.39;
    private static final double WEIGHT_HALF_LIFE = 5.31;
    private static final double MOST_EPOCHS = 8;
    private static final double LEAST_UNIQUE = 1.5e9;

    private RepeatedData() {}

    /** Unique tokens that are worth as much as {@code tokens} of which {@code unique} are unique. */
    public static double worth(double tokens, double unique) {
        return saturating(tokens, Math.min(tokens, unique), TOKEN_HALF_LIFE);
    }

    public static double loss(double parameters, double tokens, double unique) {
        double asked = unique * Math.exp((LOG_A - LOG_B) / EXPONENT);
        double weights = saturating(parameters, Math.min(parameters, asked), WEIGHT_HALF_LIFE);
        return E + Math.exp(LOG_A - EXPONENT * Math.log(weights))
                + Math.exp(LOG_B - EXPONENT * Math.log(worth(tokens, unique)));
    }

    /** Whether the law is any good here: small data read often is over-fitted, which it does not know of. */
    public static boolean holds(double tokens, double unique) {
        return unique >= LEAST_UNIQUE && tokens <= MOST_EPOCHS * unique;
    }

    private static double saturating(double all, double base, double halfLife) {
        double repeats = all / base - 1;
        return base * (1 + halfLife * (1 - Math.exp(-repeats / halfLife)));
    }
}

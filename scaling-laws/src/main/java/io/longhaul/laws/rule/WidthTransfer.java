package io.longhaul.laws.rule;

import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Rate of a wider model from a narrow one's under the maximal update parametrisation with Adam (Yang et al. 2022, arXiv
 * 2203.03466, table 8): hidden matrices' rates go with 1 / width, those of embeddings stay, and the output's weights
 * begin at variance 1 / width^2. It carries over width, not batch, tokens or depth.
 */
public final class WidthTransfer {
    static final String LAW = "hidden rate = base rate x base width / width, embedding rate stays (arXiv 2203.03466)";
    private static final double LEAST_BASE = 128;
    private static final double MOST_RATIO = 64;

    private WidthTransfer() {}

    /** @param baseRate best rate of the model of {@code baseWidth}, tuned for the same batch and tokens */
    public static Rule of(double baseWidth, double width, double baseRate) {
        RunScale.positive("baseWidth", baseWidth);
        RunScale.positive("width", width);
        RunScale.positive("baseRate", baseRate);
        String subject = "rate of hidden matrices for another width";
        double ratio = width / baseWidth;
        if (Math.min(baseWidth, width) < LEAST_BASE || ratio > MOST_RATIO || ratio < 1 / MOST_RATIO) {
            return new Rule.Abstained(subject, LAW, String.format(Locale.ROOT,
                    "tried from widths of %.0f on and up to %.0f times as wide, this is %.0f to %.0f",
                    LEAST_BASE,
                    MOST_RATIO, baseWidth, width));
        }
        double rate = baseRate / ratio;
        return new Rule.Given(
                subject, LAW, Map.of("baseWidth", baseWidth, "width", width, "baseRate", baseRate), rate,
                rate, rate,
                String.format(Locale.ROOT, "%.3g times as wide", ratio),
                List.of("--lr", Numbers.text(rate), "--decoupled-lr", Numbers.text(baseRate)),
                "parameter groups: hidden matrices \"lr\": " + Numbers.text(rate)
                        + ", embeddings and norms \"lr\": "
                        + Numbers.text(baseRate),
                "--decoupled-lr also covers the output layer, whose rate the paper scales too where it is not tied: only with"
                        + " its initialisation and output multiplier",
                false);
    }
}

package io.longhaul.laws.rule;

import java.math.BigDecimal;
import java.math.MathContext;

/** Figures as trainers read them. */
final class Numbers {
    private static final MathContext DIGITS = new MathContext(4);

    private Numbers() {}

    static String text(double value) {
        return value == 0 ? "0" : new BigDecimal(value).round(DIGITS).stripTrailingZeros().toString();
    }
}

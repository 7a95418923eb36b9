package io.longhaul.planner.legal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ExpressionTest {
    /** tensor 8, pipeline 4, no context parallelism, 96 heads. */
    private static long[] facts() {
        long[] facts = new long[Fact.values().length];
        facts[Fact.TP.ordinal()] = 8;
        facts[Fact.PP.ordinal()] = 4;
        facts[Fact.CP.ordinal()] = 1;
        facts[Fact.HEADS.ordinal()] = 96;
        return facts;
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
            "heads % tp == 0; true",
            "heads % tp; false",
            "heads % (tp*pp + 1) == 0; false",
            "1 + 2 * 3 == 7; true",
            "(1 + 2) * 3 == 9; true",
            "8 - 4 - 2 == 2; true",
            "64 / 4 / 2 == 8; true",
            "!(tp > 8) && tp >= 8 && tp <= 8 && tp < 9; true",
            "tp != 8 || pp == 5; false",
            // Conditions associate to the right: if tensor parallel, then if context parallel, false.
            "tp > 1 -> cp > 1 -> 0; true",
            "cp > 1 -> 0; true",
            "tp > 1 -> 0; false",
            "cp > 1 || tp > 1 && pp > 9; false",
            "gtp == 1 && overlapP2p; true",
            "schedule == ONE_F_ONE_B; true",
            "precision == MXFP8; false",
            "7 / 0 == 0 && 7 % 0 == 7; true"})
    void holdsOrNot(String text, boolean holds) {
        assertThat(Expression.compile(text).holds(facts())).isEqualTo(holds);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "tp +", "(tp", "tp)", "tp tp", "tp = 1", "tensor > 1", "tp > 1; pp"})
    void refusesWhatIsNoCondition(String text) {
        assertThatThrownBy(() -> Expression.compile(text)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void knowsItsFacts() {
        assertThat(Expression.compile("heads % tp == 0 && precision == FP8").facts())
                .containsExactlyInAnyOrder(Fact.HEADS, Fact.TP, Fact.PRECISION);
    }
}

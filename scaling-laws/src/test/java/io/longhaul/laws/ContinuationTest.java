package io.longhaul.laws;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ContinuationTest {
    private static final int FROM = 100;
    private static final int TOTAL = 200;

    @ParameterizedTest
    @CsvSource({"LINEAR, 0.5, 0.5", "COSINE, 0.5, 0.5", "COSINE, 0.25, 0.853553", "MINUS_SQRT, 0.25, 0.5",
            "EXPONENTIAL, 0.5, 0.414214"})
    void decaysAsMegatronDoes(DecayStyle style, double way, double left) {
        assertThat(style.left(way)).isCloseTo(left, within(1e-6));
        assertThat(style.left(0)).isEqualTo(1);
        assertThat(style.left(1)).isCloseTo(0, within(1e-15));
    }

    @Test
    void keepsThePeakUntilTheDecayAndEndsAtItsLowestRate() {
        var decay = new Continuation.Decay(DecayStyle.LINEAR, 1, 180, 0.1);
        assertThat(decay.rate(179, FROM, TOTAL)).isEqualTo(1);
        assertThat(decay.rate(189, FROM, TOTAL)).isCloseTo(0.55, within(1e-12));
        assertThat(decay.rate(199, FROM, TOTAL)).isCloseTo(0.1, within(1e-12));
    }

    @Test
    void powerSchedulerFollowsTheTokensBelowItsCap() {
        // 256 sequences, 4.6 and -0.51 as published: 256 * 4.6 * (1e6 * 150)^-0.51.
        var power = new Continuation.Power(1, 256 * 4.6, -0.51, 1e6, 180);
        assertThat(power.rate(149, FROM, TOTAL)).isCloseTo(256 * 4.6 * Math.pow(1.5e8, -0.51), within(1e-12));
        assertThat(new Continuation.Power(1e-3, 256 * 4.6, -0.51, 1e6, 180).rate(149, FROM, TOTAL))
                .isEqualTo(1e-3);
        assertThat(power.rate(199, FROM, TOTAL)).isZero();
    }

    @Test
    void warmsUpAgainBeforeItGoesOn() {
        var again = new Continuation.Rewarm(10, 0.1, 1, new Continuation.Decay(DecayStyle.LINEAR, 1, 0, 0));
        assertThat(again.rate(104, FROM, TOTAL)).isCloseTo(0.55, within(1e-12));
        assertThat(again.rate(109, FROM, TOTAL)).isCloseTo(1, within(1e-12));
        assertThat(again.rate(154, FROM, TOTAL)).isCloseTo(0.5, within(1e-12));
    }

    @Test
    void tablesAreLinearBetweenTheirKnotsAndLevelOutside() {
        var table = new Continuation.Table(
                List.of(new Continuation.Table.Knot(110, 1), new Continuation.Table.Knot(120, 0.5)));
        assertThat(table.rate(100, FROM, TOTAL)).isEqualTo(1);
        assertThat(table.rate(115, FROM, TOTAL)).isEqualTo(0.75);
        assertThat(table.rate(120, FROM, TOTAL)).isEqualTo(0.5);
        assertThat(table.rate(199, FROM, TOTAL)).isEqualTo(0.5);
    }

    @Test
    void refusesKnotsThatDoNotAscendAndRatesThatAreNone() {
        assertThatThrownBy(
                () -> new Continuation.Table(
                        List.of(new Continuation.Table.Knot(5, 1), new Continuation.Table.Knot(5, 2))))
                .hasMessage("steps of knots must ascend, got step 5 after step 5");
        assertThatThrownBy(() -> new Continuation.Constant(Double.NaN))
                .hasMessage("rate must be >= 0 and finite, got NaN");
        assertThatThrownBy(() -> new Continuation.Decay(DecayStyle.LINEAR, 1, 0, 2))
                .hasMessage("low (2.0) must be at most the peak (1.0)");
    }

    @Test
    void aHistoryCanEndSoonerOrLater() {
        RateHistory run = RateHistory.of(new double[]{1, 2, 2, 2, 2});
        assertThat(run.then(3, new Continuation.Constant(1), 4).sum(3)).isEqualTo(6);
        assertThat(run.then(5, new Continuation.Constant(1), 8).sum(7)).isEqualTo(12);
        assertThatThrownBy(() -> run.then(6, new Continuation.Constant(1), 8))
                .hasMessage("from must lie in [0, 5] and total above it, got 6 and 8");
    }
}

package io.longhaul.laws;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ScheduleOptimumTest {
    private static final double PEAK = 3e-4;
    private static final int WARMUP = 2160;
    private static final int TOTAL = 24000;
    private static final MultiPowerLaw LAW = new MultiPowerLaw(3.040, 0.525, 0.508, 363.8, 2.066, 0.583,
            0.641, 0);

    private static RateHistory warmUp() {
        return RateHistory.of(
                IntStream.range(0, WARMUP).mapToDouble(t -> PEAK * t / (WARMUP - 1)).toArray());
    }

    /**
     * What the authors' optimizer reaches on 21,840 unknowns, in which the warm-up's rises are left out; their constants
     * are known to three or four digits, hence the tolerance.
     */
    @ParameterizedTest
    @CsvSource({"3.040, 0.525, 0.508, 363.8, 2.066, 0.583, 0.641, 3.14968",
            "2.651, 0.601, 0.453, 437.9, 2.132, 0.598, 0.655, 2.79414",
            "2.375, 0.654, 0.429, 523.4, 2.025, 0.594, 0.635, 2.53322"})
    void isAsGoodAsTheAuthorsOptimizer(double floor, double amplitude, double alpha, double gain, double c,
            double beta,
            double gamma, double published) {
        MultiPowerLaw law = new MultiPowerLaw(floor, amplitude, alpha, gain, c, beta, gamma, 0);
        RateHistory constant = warmUp().then(WARMUP, new Continuation.Constant(PEAK), TOTAL);
        double rises = law.loss(constant, TOTAL - 1) - floor
                - amplitude * Math.pow(constant.sum(TOTAL - 1), -alpha);
        var found = ScheduleOptimum.find(law, warmUp(), WARMUP, TOTAL, PEAK, 1e-7);
        assertThat(found.loss() - rises).isCloseTo(published, within(0.0015));
        assertThat(found.familyLoss() - found.loss()).isBetween(0.0, 5e-4);
    }

    @ParameterizedTest
    @CsvSource({"2160, 24000, 0", "12000, 24000, 0.08", "20000, 22000, 0.08", "23000, 72000, 0.08",
            "23998, 24000, 0"})
    void neverRisesStaysInItsBoundsAndIsNoWorseThanAnyFamily(int from, int total, double fade) {
        MultiPowerLaw law = new MultiPowerLaw(LAW.floor(), LAW.amplitude(), LAW.alpha(), LAW.gain(), LAW.c(),
                LAW.beta(), LAW.gamma(), fade);
        RateHistory past = warmUp().then(WARMUP, new Continuation.Constant(PEAK), TOTAL);
        var found = ScheduleOptimum.find(law, past, from, total, PEAK, 1e-6);
        double before = PEAK;
        for (int step = from; step < total; step++) {
            double rate = found.rates().rate(step, from, total);
            assertThat(rate).isBetween(1e-6 * (1 - 1e-9), before * (1 + 1e-12));
            before = rate;
        }
        assertThat(law.loss(past.then(from, found.rates(), total), total - 1)).isEqualTo(found.loss());
        assertThat(found.loss()).isLessThanOrEqualTo(found.familyLoss());
        for (double low : new double[]{0, 3e-5}) {
            for (DecayStyle style : new DecayStyle[]{DecayStyle.LINEAR, DecayStyle.COSINE}) {
                var whole = new Continuation.Decay(style, PEAK, from, Math.max(low, 1e-6));
                assertThat(found.loss())
                        .isLessThan(law.loss(past.then(from, whole, total), total - 1) + 1e-6);
            }
        }
    }

    @Test
    void refusesBoundsThatLeaveNoRoom() {
        assertThatThrownBy(() -> ScheduleOptimum.find(LAW, warmUp(), WARMUP, TOTAL, PEAK, 0))
                .hasMessageStartingWith(
                        "0 < low < cap <= peak of the past (3.0E-4) is required, got low 0.0");
        assertThatThrownBy(() -> ScheduleOptimum.find(LAW, warmUp(), 2161, TOTAL, PEAK, 1e-6))
                .hasMessage("from must lie in [1, 2160] and total two steps above it, got 2161 and 24000");
    }
}

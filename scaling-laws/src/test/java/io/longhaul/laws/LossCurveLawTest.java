package io.longhaul.laws;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.laws.LossCurveLaw.Fit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LossCurveLawTest {
    private static final double PEAK = SyntheticRun.PEAK;

    private static Fit fit(SyntheticRun run, ScheduleShape shape, long to) {
        return LossCurveLaw.fit(run.seen(shape, to), shape::rate, PEAK, 50, 1).orElseThrow();
    }

    /** Without noise, only the grid of exponents and the prior stand between fit and truth. */
    @ParameterizedTest
    @CsvSource({"2.0, 3.0, 0.5", "3.1, 1.5, 0.35", "1.7, 4.0, 0.7"})
    void recoversKnownConstants(double floor, double amplitude, double alpha) {
        SyntheticRun run = new SyntheticRun(floor, amplitude, alpha, 0, 1e-4, 20, 2000, 3);
        LossCurveLaw law = fit(run, run.constant(), 2000).law();
        assertThat(law.alpha()).isCloseTo(alpha, within(0.051));
        assertThat(law.floor()).isCloseTo(floor, within(0.05));
        assertThat(law.amplitude()).isCloseTo(amplitude, within(0.15 * amplitude));
    }

    /** The law as code against the paper's double sum. */
    @Test
    void computesThePapersSums() {
        SyntheticRun run = new SyntheticRun(2, 3, 0.5, LossCurveLaw.medianGain(PEAK), 1e-9, 20, 600, 3);
        ScheduleShape shape = new ScheduleShape(PEAK, 1e-4, 20, 300, 600);
        LossCurveLaw law = fit(run, shape, 600).law();
        assertThat(law.gain()).isEqualTo(LossCurveLaw.medianGain(PEAK));
        for (long step : new long[]{50, 300, 301, 450, 600}) {
            assertThat(law.loss(LossCurveLaw.progress(shape::rate, PEAK, step)))
                    .as("step " + step)
                    .isCloseTo(run.loss(shape::rate, step), within(1e-3));
        }
    }

    @Test
    void extrapolatesWithinTheNoise() {
        double squares = 0;
        for (long seed = 1; seed <= 40; seed++) {
            SyntheticRun run = SyntheticRun.drawn(seed);
            Fit fit = fit(run, run.constant(), run.total() / 2);
            double error = fit.law().loss(LossCurveLaw.progress(run.constant()::rate, PEAK, run.total()))
                    - run.loss(run.constant()::rate, run.total());
            squares += error * error;
        }
        assertThat(Math.sqrt(squares / 40)).isLessThan(0.02);
    }

    @Test
    void theSameArgumentsGiveTheSameFit() {
        SyntheticRun run = SyntheticRun.drawn(5);
        Fit one = fit(run, run.constant(), 300);
        Fit two = fit(run, run.constant(), 300);
        LossCurveLaw.Progress end = LossCurveLaw.progress(run.constant()::rate, PEAK, run.total());
        for (int i = 0; i < one.draws().size(); i++) {
            assertThat(one.draws().get(i).loss(end)).isEqualTo(two.draws().get(i).loss(end));
        }
        assertThat(one.noise()).isEqualTo(two.noise());
    }

    @Test
    void abstainsFromTooFewSteps() {
        SyntheticRun run = SyntheticRun.drawn(1);
        assertThat(LossCurveLaw.fit(run.seen(run.constant(), 20 + 47), run.constant()::rate, PEAK, 5, 1))
                .isEmpty();
        assertThat(LossCurveLaw.fit(run.seen(run.constant(), 20 + 48), run.constant()::rate, PEAK, 5, 1))
                .isPresent();
    }

    @ParameterizedTest
    @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
    void refusesValuesThatAreNoMeasurements(double value) {
        assertThatThrownBy(() -> new Observation(7, 1e-3, value))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("loss of step 7 must be finite, got " + value);
        assertThatThrownBy(() -> new Observation(7, value, 2.0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("learningRate of step 7 must be >= 0 and finite, got " + value);
        assertThatThrownBy(() -> LossCurveLaw.fit(List.of(), step -> 1, value, 5, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("peak must be positive and finite, got " + value);
        assertThatThrownBy(() -> new ScheduleShape(value, 0, 0, 1, 2))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("peak " + value);
        assertThatThrownBy(() -> new StepLaw.Scale(1e9, value, 1e6))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("tokens must be positive and finite, got " + value);
    }

    @Test
    void refusesStepsThatDoNotAscend() {
        SyntheticRun run = SyntheticRun.drawn(1);
        List<Observation> twice = new ArrayList<>(run.seen(run.constant(), 200));
        twice.add(100, twice.get(100));
        assertThatThrownBy(() -> LossCurveLaw.fit(twice, run.constant()::rate, PEAK, 5, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("steps must ascend, got step 121 after step 121");
        List<Observation> reversed = new ArrayList<>(run.seen(run.constant(), 200));
        Collections.reverse(reversed);
        assertThatThrownBy(() -> LossCurveLaw.fit(reversed, run.constant()::rate, PEAK, 5, 1))
                .hasMessage("steps must ascend, got step 199 after step 200");
        assertThatThrownBy(() -> new Observation(0, 1e-3, 2)).hasMessage("step must be >= 1, got 0");
    }
}

package io.longhaul.laws;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.laws.MultiPowerLaw.Shape;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MultiPowerFitTest {
    private static final int WARMUP = 100;
    private static final int TOTAL = 4000;
    private static final MultiPowerLaw TRUTH = new MultiPowerLaw(2.5, 0.6, 0.45, 158, 2, 0.6, 0.64, 0.08);
    private static final RateHistory CONSTANT = RateHistory.of(
            IntStream.range(0, TOTAL).mapToDouble(t -> 1e-3 * Math.min(1, (t + 1.0) / WARMUP)).toArray());
    private static final RateHistory DECAY = CONSTANT.then(
            2000, new Continuation.Decay(DecayStyle.LINEAR, 1e-3, 2000, 0), TOTAL);

    private static LossCurve curve(RateHistory history, int from, int to, double noise, long seed) {
        int[] steps = IntStream.range(from, to).toArray();
        SplittableRandom random = new SplittableRandom(seed);
        double[] losses = TRUTH.losses(history, steps);
        for (int i = 0; i < losses.length; i++) {
            losses[i] *= 1 + noise * random.nextGaussian();
        }
        return new LossCurve(history, steps, losses);
    }

    private static double spread(List<MultiPowerLaw> draws, RateHistory history) {
        double[] ends = draws.stream().mapToDouble(law -> law.loss(history, TOTAL - 1)).sorted().toArray();
        return ends[ends.length * 19 / 20] - ends[ends.length / 20];
    }

    @Test
    void noiseIsTheSpreadOfSinglePointsAndNotTheFallOfTheCurve() {
        assertThat(MultiPowerFit.noise(curve(CONSTANT, WARMUP, TOTAL, 0.01, 1).losses())).isCloseTo(0.01,
                within(5e-4));
        assertThat(MultiPowerFit.noise(curve(CONSTANT, WARMUP, TOTAL, 0, 1).losses())).isLessThan(1e-5);
        assertThat(MultiPowerFit.noise(new double[]{3, 2})).isZero();
    }

    @Test
    void whatADecayGainsIsOpenUntilOneWasSeen() {
        MultiPowerFit before = MultiPowerFit.of(
                List.of(curve(CONSTANT, WARMUP, 2000, 0.01, 2).smoothed(200)), Shape.FADING);
        MultiPowerFit after = MultiPowerFit.of(
                List.of(curve(DECAY, WARMUP, TOTAL, 0.01, 3).smoothed(200)), Shape.FADING);
        assertThat(spread(before.draws(200, 1), DECAY)).isGreaterThan(5 * spread(after.draws(200, 1), DECAY));
        assertThat(spread(before.draws(200, 1), CONSTANT)).isLessThan(0.05);
        assertThat(after.law().loss(DECAY, TOTAL - 1)).isCloseTo(TRUTH.loss(DECAY, TOTAL - 1), within(0.01));
    }

    /** Decays were measured from peaks of 1e-4 to 8e-3. */
    @Test
    void whatADecayGainsIsLessCertainBeyondThePeaksThatWereMeasured() {
        assertThat(Shape.UNSEEN.gain(3e-4)).isCloseTo(0.158, within(1e-12));
        assertThat(Shape.UNSEEN.gain(3.2e-2)).isEqualTo(Shape.UNSEEN.gain(8e-3));
        assertThat(Shape.UNSEEN.spreadLogGain(8e-3)).isEqualTo(Math.log(1.7));
        assertThat(Shape.UNSEEN.spreadLogGain(3.2e-2)).isCloseTo(Math.log(1.7) + Math.log(4), within(1e-12));
        assertThat(TRUTH.shape(3.2e-2).gain(3.2e-2)).isCloseTo(158 * 3.2e-2, within(1e-12));
    }

    @Test
    void theSameSeedDrawsTheSameLaws() {
        MultiPowerFit fit = MultiPowerFit.of(List.of(curve(CONSTANT, WARMUP, 2000, 0.01, 2)),
                Shape.PUBLISHED);
        assertThat(fit.draws(5, 7)).isEqualTo(fit.draws(5, 7)).isNotEqualTo(fit.draws(5, 8));
    }

    @Test
    void smoothingKeepsTheCurveAndDropsWhatSticksOut() {
        LossCurve rough = curve(CONSTANT, WARMUP, 2100, 0.01, 4);
        double[] spiked = rough.losses().clone();
        spiked[1000] = 50;
        LossCurve smooth = new LossCurve(CONSTANT, rough.steps(), spiked).smoothed(100);
        assertThat(smooth.steps()).hasSize(100).contains(109, 2089);
        double[] truth = TRUTH.losses(CONSTANT, smooth.steps());
        for (int i = 0; i < truth.length; i++) {
            assertThat(smooth.losses()[i]).isCloseTo(truth[i], within(0.04));
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
    void refusesValuesThatAreNoMeasurements(double value) {
        assertThatThrownBy(() -> new Observation(7, 1e-3, value))
                .hasMessage("loss of step 7 must be finite, got " + value);
        assertThatThrownBy(() -> new Observation(7, value, 2.0))
                .hasMessage("learningRate of step 7 must be >= 0 and finite, got " + value);
        assertThatThrownBy(() -> new ScheduleShape(value, 0, 0, 1, 2)).hasMessageContaining("peak " + value);
        assertThatThrownBy(() -> new StepLaw.Scale(1e9, value, 1e6))
                .hasMessage("tokens must be positive and finite, got " + value);
        assertThatThrownBy(() -> new Observation(0, 1e-3, 2)).hasMessage("step must be >= 1, got 0");
    }
}

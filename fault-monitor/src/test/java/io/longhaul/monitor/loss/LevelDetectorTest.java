package io.longhaul.monitor.loss;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LevelDetectorTest {
    private static final int RUNS = 200;
    private static final int TURN = 150;
    private static final double NOISE = 0.005;

    /** In how many of {@value #RUNS} noisy curves a step is found. */
    private static int found(IntToDoubleFunction curve) {
        int found = 0;
        for (int seed = 0; seed < RUNS; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            LevelDetector detector = new LevelDetector(LossSettings.usual().level());
            boolean any = false;
            for (int i = 0; i < 2 * TURN; i++) {
                any |= detector.onLoss(i, curve.applyAsDouble(i) + NOISE * random.nextGaussian()) != null;
            }
            found += any ? 1 : 0;
        }
        return found;
    }

    @ParameterizedTest
    @CsvSource({"12, 10", "12, 20"})
    void aRiseThatTakesSomePointsIsAStep(double height, int points) {
        assertThat(found(i -> 10 + NOISE * height * Math.clamp((i - TURN) / (double) points, 0, 1)))
                .isGreaterThan(RUNS * 9 / 10);
    }

    /** As high as a step of a flat curve has to be, and a fall that it is above. */
    @ParameterizedTest
    @CsvSource({"8, 0", "8, 0.25", "20, 0.5", "60, 1"})
    void aStepIsFoundAlsoWhereTheCurveFalls(double height, double fall) {
        assertThat(found(i -> 10 + NOISE * (i < TURN ? 0 : height) - NOISE * fall * i))
                .isGreaterThan(RUNS * 9 / 10);
    }
}

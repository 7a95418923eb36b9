package io.longhaul.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.monitor.MegatronLog.Line;
import io.longhaul.monitor.MegatronLog.TrainingLine;
import io.longhaul.monitor.MegatronLog.ValidationLine;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MegatronLogTest {
    private static final String LINE = " [2026-11-24 10:00:00] iteration       50/     600 | consumed samples:          800"
            + " | elapsed time per iteration (ms): 100.1 | learning rate: 1.000000E-03 | global batch size:    16"
            + " | lm loss: 3.912345E+00 | loss scale: 1.0 | grad norm: 1.234 | number of skipped iterations:   0"
            + " | number of nan iterations:   0 |";
    private static final String VALIDATION = " validation loss at iteration 100 | lm loss value: 3.8E+00"
            + " | lm loss PPL: 4.470118E+01 | ";

    private static TrainingLine training(String line) {
        return (TrainingLine) MegatronLog.parse(line).orElseThrow();
    }

    @Test
    void readsATrainingLine() {
        assertThat(MegatronLog.parse(LINE)).contains(
                new TrainingLine(50, OptionalLong.of(600), OptionalLong.of(800), OptionalDouble.of(0.1001),
                        OptionalDouble.of(1e-3), OptionalLong.of(16), OptionalDouble.of(3.912345),
                        OptionalDouble.of(1),
                        OptionalDouble.of(1.234), OptionalLong.of(0), OptionalLong.of(0)));
    }

    @Test
    void readsALineOfMegatronDeepSpeedWithSecondsAndARankPrefix() {
        TrainingLine line = training(
                "[default7]: iteration    31216/  159576 | consumed samples:     38000000 | consumed tokens:  77824000000"
                        + " | elapsed time per iteration (s): 105.12 | learning rate: 6.000E-05 | global batch size:  2048"
                        + " | lm loss: 2.214E+00 | grad norm: 0.24 | num zeros: 0.0 | number of skipped iterations:   0"
                        + " | number of nan iterations:   0 | samples per second: 19.483 | TFLOPs: 149.92 |");
        assertThat(line.step()).isEqualTo(31216);
        assertThat(line.stepSeconds()).hasValue(105.12);
        assertThat(line.loss()).hasValue(2.214);
        assertThat(line.lossScale()).isEmpty();
        assertThat(line.gradientNorm()).hasValue(0.24);
    }

    @Test
    void readsALineWithThroughputAndMoreLosses() {
        TrainingLine line = training(
                " [2024-05-01 09:13:22.123456] iteration      100/  500000 | consumed samples:       102400 |"
                        + " elapsed time per iteration (ms): 5403.6 | throughput per GPU (TFLOP/s/GPU): 401.2 |"
                        + " learning rate: 3.000000E-05 | global batch size:  1024 | load_balancing_loss: 1.02E+00 |"
                        + " mtp_1 loss: 9.5E+00 | lm loss: 8.7E+00 | z loss: 1.0E-02 | loss scale: 1.0 | grad norm: 3.4 |"
                        + " params norm: 512.0 | number of skipped iterations:   0 | number of nan iterations:   0 |");
        assertThat(line.loss()).hasValue(8.7);
        assertThat(line.stepSeconds()).hasValue(5.4036);
    }

    @Test
    void readsALineOfTheDeepSpeedPipelineEngine() {
        TrainingLine line = training("steps: 10 loss: 8.6542 iter time (s): 1.250 samples/sec: 12.800");
        assertThat(line.step()).isEqualTo(10);
        assertThat(line.loss()).hasValue(8.6542);
        assertThat(line.stepSeconds()).hasValue(1.25);
    }

    @ParameterizedTest
    @ValueSource(strings = {
            " validation loss at iteration 100 | lm loss value: 3.8E+00 | lm loss PPL: 4.47E+01 | ",
            "(min, max) validation loss at iteration 100 on validation set | lm loss value: 3.8E+00 | lm loss PPL: 4 |",
            "0: valid loss at iteration 100 | lm loss value: 3.8E+00 | lm loss PPL: 6.705480E+03 | ",
            "2: validation loss at iteration 100 | consumed samples: 1600 | lm loss value: 3.8E+00 |"})
    void readsValidationLines(String line) {
        assertThat(MegatronLog.parse(line)).contains(new ValidationLine(100, "validation", 3.8));
    }

    @Test
    void tellsTheTestSetFromTheValidationSet() {
        assertThat(MegatronLog
                .parse(" validation loss at iteration 600 on test set | lm loss value: 3.9E+00 | "))
                .contains(new ValidationLine(600, "test", 3.9));
    }

    @ParameterizedTest
    @ValueSource(strings = {"nan", "NaN", "-nan"})
    void keepsALossThatIsNoNumber(String nan) {
        assertThat(training(LINE.replace("3.912345E+00", nan)).loss()).hasValue(Double.NaN);
    }

    @Test
    void aLineCutOffAnywhereNeverGivesAWrongValue() {
        TrainingLine whole = training(LINE);
        for (int end = 0; end < LINE.length(); end++) {
            Optional<Line> line = MegatronLog.parse(LINE.substring(0, end));
            if (line.isPresent()) {
                TrainingLine cut = (TrainingLine) line.get();
                assertThat(cut.step()).isEqualTo(50);
                assertThat(cut.totalSteps()).hasValue(600);
                cut.loss().ifPresent(loss -> assertThat(loss).isEqualTo(3.912345));
                cut.stepSeconds().ifPresent(seconds -> assertThat(seconds).isEqualTo(0.1001));
                cut.consumedSamples().ifPresent(samples -> assertThat(samples).isEqualTo(800));
                cut.learningRate().ifPresent(rate -> assertThat(rate).isEqualTo(1e-3));
                cut.gradientNorm()
                        .ifPresent(norm -> assertThat(norm).isEqualTo(whole.gradientNorm().getAsDouble()));
            }
        }
        for (int end = 0; end < VALIDATION.length(); end++) {
            MegatronLog.parse(VALIDATION.substring(0, end))
                    .ifPresent(
                            line -> assertThat(line).isEqualTo(new ValidationLine(100, "validation", 3.8)));
        }
    }

    @Test
    void theRestOfACutLineIsNothing() {
        int word = LINE.indexOf("iteration ");
        for (int from = word + 1; from < LINE.length(); from++) {
            assertThat(MegatronLog.parse(LINE.substring(from))).as("from %d", from).isEmpty();
        }
    }

    @Test
    void aLineWithoutALossStillTellsThatAStepWasDoneAndHowLongItTook() {
        TrainingLine line = (TrainingLine) MegatronLog.parse(
                " iteration 50/ 600 | elapsed time per iteration (ms): 100.1 | learning rate: 1.0E-03 |")
                .orElseThrow();
        assertThat(line.step()).isEqualTo(50);
        assertThat(line.stepSeconds()).hasValue(0.1001);
        assertThat(line.loss()).isEmpty();
        assertThat(MegatronLog.parse(" iteration 50/ 600 | learning rate: 1.0E-03 |")).isEmpty();
        assertThat(training(" iteration 50/ 600 | number of skipped iterations: 1 |").skippedUpdate())
                .isTrue();
    }

    @Test
    void twoLinesTornIntoOneAreNothing() {
        for (int end = LINE.indexOf("consumed"); end < LINE.length(); end++) {
            assertThat(MegatronLog.parse(LINE.substring(0, end) + LINE)).as("end %d", end).isEmpty();
        }
    }

    @Test
    void garbageIsNothing() {
        String alphabet = "iteration /|0123456789.:-+eE lm loss validation \t\u0000\u00e9\ud83d";
        for (long seed = 0; seed < 20_000; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            StringBuilder text = new StringBuilder();
            for (int i = random.nextInt(120); i > 0; i--) {
                text.append(alphabet.charAt(random.nextInt(alphabet.length())));
            }
            assertThat(MegatronLog.parse(text.toString())).as("seed %d", seed).isEmpty();
        }
        assertThat(MegatronLog.parse(LINE + "x".repeat(9000))).isEmpty();
    }

    @Test
    void aLineWithChangedCharactersNeverThrows() {
        for (long seed = 0; seed < 20_000; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            StringBuilder text = new StringBuilder(random.nextBoolean() ? LINE : VALIDATION);
            for (int i = 1 + random.nextInt(5); i > 0; i--) {
                text.setCharAt(random.nextInt(text.length()), (char) random.nextInt(128));
            }
            MegatronLog.parse(text.toString())
                    .ifPresent(line -> assertThat(line).isInstanceOfAny(TrainingLine.class,
                            ValidationLine.class));
        }
    }
}

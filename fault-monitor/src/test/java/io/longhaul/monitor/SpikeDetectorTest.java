package io.longhaul.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import java.util.function.LongToDoubleFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SpikeDetectorTest {
    private static final int SEEDS = 50;

    /** Descent from ln 256 with a warm-up hump, as a byte-level model shows it. */
    private static double descent(long step) {
        return 1.9 + 3.65 * Math.exp(-step / 45.0) + 0.6 * Math.exp(-step / 400.0);
    }

    private static double gaussian(SplittableRandom random) {
        return random.nextGaussian();
    }

    private static OptionalLong firstReport(long steps, LongToDoubleFunction loss) {
        SpikeDetector detector = new SpikeDetector(Thresholds.Spike.usual());
        for (long step = 1; step <= steps; step++) {
            if (detector.onLoss(step, loss.applyAsDouble(step)).isPresent()) {
                return OptionalLong.of(step);
            }
        }
        return OptionalLong.empty();
    }

    @ParameterizedTest(name = "noise {0}")
    @CsvSource({"0.01", "0.03", "0.06", "0.1"})
    void reportsANoiseShardWithinEightSteps(double noise) {
        for (int seed = 0; seed < SEEDS; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            OptionalLong report = firstReport(
                    300,
                    step -> (step >= 161 && step <= 176 ? 5.5 : step > 176 ? 3.4 : descent(step))
                            + noise * gaussian(random));
            assertThat(report).as("seed %d", seed).isPresent();
            assertThat(report.getAsLong()).as("seed %d", seed).isBetween(161L, 168L);
        }
    }

    @Test
    void reportsARiseOverSixteenSteps() {
        for (int seed = 0; seed < SEEDS; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            OptionalLong report = firstReport(
                    200,
                    step -> 3.0 + 2.5 * Math.clamp((step - 160) / 16.0, 0, 1) + 0.05 * gaussian(random));
            assertThat(report).as("seed %d", seed).isPresent();
            assertThat(report.getAsLong()).as("seed %d", seed).isBetween(162L, 168L);
        }
    }

    @ParameterizedTest(name = "noise {0}, resemblance of neighbours {1}")
    @CsvSource({"0.02, 0", "0.08, 0", "0.2, 0", "0.05, 0.5", "0.05, 0.8", "0.1, 0.6"})
    void staysSilentOnDescentAndNoise(double noise, double resemblance) {
        for (int seed = 0; seed < SEEDS; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            double[] document = {0};
            OptionalLong report = firstReport(
                    1500,
                    step -> {
                        document[0] = resemblance * document[0]
                                + Math.sqrt(1 - resemblance * resemblance) * gaussian(random);
                        return descent(step) + (step < 20 ? 0.2 * Math.sin(step) : 0) + noise * document[0];
                    });
            assertThat(report).as("seed %d", seed).isEmpty();
        }
    }

    @ParameterizedTest(name = "{0} steps of {1} sigma")
    @CsvSource({"1, 4", "1, 40", "2, 10", "3, 20"})
    void staysSilentOnJumpsThatComeBack(int length, double sigmas) {
        for (int seed = 0; seed < SEEDS; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            OptionalLong report = firstReport(
                    600,
                    step -> descent(step) + 0.05 * gaussian(random)
                            + (step % 100 >= 50 && step % 100 < 50 + length ? 0.05 * sigmas : 0));
            assertThat(report).as("seed %d", seed).isEmpty();
        }
    }

    private static List<Double> recorded(String name) throws IOException, URISyntaxException {
        Path file = Path.of(Objects.requireNonNull(SpikeDetectorTest.class.getResource("/" + name)).toURI());
        return Files.readAllLines(file)
                .stream()
                .filter(line -> !line.startsWith("#"))
                .map(Double::valueOf)
                .toList();
    }

    /** Reports of an attempt that begins after {@code first} steps of a recorded run. */
    private static List<Long> reports(List<Double> losses, int first) {
        SpikeDetector detector = new SpikeDetector(Thresholds.Spike.usual());
        List<Long> reports = new ArrayList<>();
        for (int i = first; i < losses.size(); i++) {
            if (detector.onLoss(i + 1, losses.get(i)).isPresent()) {
                reports.add(i + 1L);
            }
        }
        return reports;
    }

    @Test
    void findsTheCorruptShardOfARecordedRunAndNothingElse() throws Exception {
        List<Double> losses = recorded("loss-corrupt-shard.txt");
        assertThat(losses).hasSize(600);
        for (int first = 0; first < 550; first += 5) {
            if (first <= 110 || first >= 176) {
                assertThat(reports(losses, first)).as("from %d", first)
                        .isEqualTo(first <= 110 ? List.of(164L) : List.of());
            }
        }
    }

    @Test
    void staysSilentOnARecordedRunWhereverAnAttemptBegins() throws Exception {
        List<Double> losses = recorded("loss-clean.txt");
        assertThat(losses).hasSize(600);
        for (int first = 0; first < 550; first += 5) {
            assertThat(reports(losses, first)).as("from %d", first).isEmpty();
        }
    }

    @Test
    void namesTheFirstHighStepAndReportsASpikeOnce() {
        SpikeDetector detector = new SpikeDetector(Thresholds.Spike.usual());
        SplittableRandom random = new SplittableRandom(7);
        int reports = 0;
        for (long step = 1; step <= 400; step++) {
            double level = step >= 120 && step < 150 ? 6 : 3;
            Optional<SpikeDetector.Spike> spike = detector.onLoss(step, level + 0.05 * gaussian(random));
            if (spike.isPresent()) {
                reports++;
                assertThat(spike.get().step()).isEqualTo(120);
                assertThat(spike.get().baseline()).isBetween(2.9, 3.1);
                assertThat(spike.get().highSteps()).isEqualTo(4);
            }
        }
        assertThat(reports).isEqualTo(1);
    }

    @Test
    void reportsASecondSpike() {
        SpikeDetector detector = new SpikeDetector(Thresholds.Spike.usual());
        SplittableRandom random = new SplittableRandom(8);
        int reports = 0;
        for (long step = 1; step <= 400; step++) {
            boolean high = step >= 120 && step < 130 || step >= 300 && step < 310;
            reports += detector.onLoss(step, (high ? 5 : 3) + 0.05 * gaussian(random)).isPresent() ? 1 : 0;
        }
        assertThat(reports).isEqualTo(2);
    }

    @Test
    void takesALossThatStaysUpForTheNewLevel() {
        SpikeDetector detector = new SpikeDetector(Thresholds.Spike.usual());
        SplittableRandom random = new SplittableRandom(9);
        int reports = 0;
        for (long step = 1; step <= 1000; step++) {
            double level = step < 100 ? 3 : step < 700 ? 5 : 7;
            reports += detector.onLoss(step, level + 0.05 * gaussian(random)).isPresent() ? 1 : 0;
        }
        assertThat(reports).isEqualTo(2);
    }
}

package io.longhaul.monitor.loss;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.monitor.loss.LossEvent.Grade;
import io.longhaul.monitor.loss.LossEvent.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The settings were chosen on recorded runs. Drawn curves that are unlike them in one respect each show that what is
 * found and what is made up does not hang on it.
 */
class UnseenRunsTest {
    private static final int SEEDS = 20;
    private static final int POINTS = 1500;
    private static final int ONSET = 1000;

    /**
     * @param scale factor on the loss and its noise, as for losses in bits or per character
     * @param noise standard deviation of the noise in nats, before scaling
     * @param every steps between points
     * @param memory correlation of the noise of neighbours
     * @param tail share of points with three times the noise
     * @param missing share of points that are not logged
     * @param digits decimals that are logged
     * @param restartEvery points after which twenty steps come once more; 0 for never
     */
    record Curve(
            String name,
            double scale,
            double noise,
            int every,
            double memory,
            double tail,
            double missing,
            int digits,
            int restartEvery) {
        @Override
        public String toString() {
            return name;
        }

        /** @param sigmas what is added to the points from the onset on, in standard deviations; NaN stays NaN */
        List<LossPoint> points(long seed, double... sigmas) {
            SplittableRandom random = new SplittableRandom(seed);
            double total = noise / Math.sqrt(1 - memory * memory);
            double wave = 0;
            List<LossPoint> points = new ArrayList<>();
            for (int i = 0; i < POINTS; i++) {
                double one = random.nextGaussian() * (random.nextDouble() < tail ? 3 : 1);
                wave = memory * wave + noise * one;
                double added = i >= ONSET && i - ONSET < sigmas.length ? sigmas[i - ONSET] * total : 0;
                double loss = scale * (2 + 8 / Math.sqrt(1 + i / 5.0) + wave + added);
                double unit = Math.pow(10, digits);
                loss = Double.isNaN(loss) ? loss : Math.rint(loss * unit) / unit;
                // The event itself is logged: what is not logged cannot be found.
                if (random.nextDouble() >= missing || added != 0) {
                    points.add(new LossPoint((long) i * every + 1, OptionalDouble.of(loss),
                            OptionalDouble.empty(),
                            OptionalDouble.empty(), 0));
                }
                if (restartEvery > 0 && i % restartEvery == restartEvery - 1) {
                    points.addAll(points.subList(points.size() - 20, points.size()));
                }
            }
            return points;
        }
    }

    static Stream<Curve> curves() {
        return Stream.of(
                new Curve("as usual", 1, 0.03, 1, 0, 0, 0, 6, 0),
                new Curve("little noise", 1, 0.004, 1, 0, 0, 0, 6, 0),
                new Curve("much noise", 1, 0.15, 1, 0, 0, 0, 6, 0),
                new Curve("a tenth of the scale", 0.1, 0.03, 1, 0, 0, 0, 6, 0),
                new Curve("thirty times the scale", 30, 0.03, 1, 0, 0, 0, 6, 0),
                new Curve("every tenth step", 1, 0.03, 10, 0, 0, 0, 6, 0),
                new Curve("every hundredth step", 1, 0.02, 100, 0, 0, 0, 6, 0),
                new Curve("neighbours alike", 1, 0.03, 1, 0.4, 0, 0, 6, 0),
                new Curve("long tails", 1, 0.03, 1, 0, 0.05, 0, 6, 0),
                new Curve("every third point missing", 1, 0.03, 1, 0, 0, 0.33, 6, 0),
                new Curve("two decimals", 1, 0.03, 1, 0, 0, 0, 2, 0),
                new Curve("restarts", 1, 0.03, 1, 0, 0, 0, 6, 130));
    }

    private static List<LossEvent> alarms(List<LossPoint> points) {
        LossMonitor monitor = new LossMonitor(LossSettings.usual());
        List<LossEvent> alarms = new ArrayList<>();
        points.forEach(point -> monitor.onPoint(point)
                .stream()
                .filter(e -> e.grade() != Grade.BENIGN)
                .forEach(
                        alarms::add));
        return alarms;
    }

    private static double[] repeat(double sigmas, int points) {
        double[] all = new double[points];
        java.util.Arrays.fill(all, sigmas);
        return all;
    }

    /** Single points far out are told where noise has long tails, one in a thousand; nothing is acted on. */
    @ParameterizedTest
    @MethodSource("curves")
    void healthyCurvesRaiseNoAlarm(Curve curve) {
        List<LossEvent> alarms = new ArrayList<>();
        for (int seed = 0; seed < SEEDS; seed++) {
            alarms.addAll(alarms(curve.points(seed)));
        }
        assertThat(alarms).hasSizeLessThanOrEqualTo(SEEDS * POINTS / (curve.tail > 0 ? 1000 : 30_000));
        assertThat(alarms).noneMatch(e -> e.grade() == Grade.CRITICAL);
    }

    @ParameterizedTest
    @MethodSource("curves")
    void spikesDivergencesAndNaNAreFound(Curve curve) {
        long last = (long) (ONSET - 1) * curve.every + 1;
        for (int seed = 0; seed < SEEDS; seed++) {
            assertThat(alarms(curve.points(seed, 14, 20, 17, 12))).as("spike, seed %d", seed)
                    .anyMatch(e -> e.kind() == Kind.SPIKE && e.step() > last
                            && e.step() <= last + 4L * curve.every);
            // A smaller one in little noise is back at its old level soon, since the loss falls.
            double sigmas = Math.max(15, 0.4 / curve.noise);
            assertThat(alarms(curve.points(seed, repeat(sigmas, POINTS)))).as("divergence, seed %d", seed)
                    .anyMatch(e -> e.kind() == Kind.DIVERGED && e.step() > last);
            assertThat(alarms(curve.points(seed, Double.NaN))).as("NaN, seed %d", seed)
                    .anyMatch(e -> e.kind() == Kind.NOT_FINITE && e.step() > last);
        }
    }
}

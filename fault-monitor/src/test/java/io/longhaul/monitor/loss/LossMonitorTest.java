package io.longhaul.monitor.loss;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.monitor.loss.LossEvent.Grade;
import io.longhaul.monitor.loss.LossEvent.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.Test;

class LossMonitorTest {
    private static final int POINTS = 1200;

    /** A falling loss with noise, and something on top. */
    private static double[] curve(long seed, IntToDoubleFunction added) {
        SplittableRandom random = new SplittableRandom(seed);
        double[] losses = new double[POINTS];
        for (int i = 0; i < POINTS; i++) {
            losses[i] = 2 + 8 / Math.sqrt(1 + i / 5.0) + 0.03 * random.nextGaussian()
                    + added.applyAsDouble(i);
        }
        return losses;
    }

    private static List<LossEvent> events(double[] losses) {
        LossMonitor monitor = new LossMonitor(LossSettings.usual());
        List<LossEvent> events = new ArrayList<>();
        for (int i = 0; i < losses.length; i++) {
            events.addAll(monitor.onPoint(LossPoint.of(i, losses[i])));
        }
        return events;
    }

    @Test
    void isSilentOnHealthyCurves() {
        for (int seed = 0; seed < 100; seed++) {
            assertThat(events(curve(seed, i -> 0))).as("seed %d", seed).isEmpty();
        }
    }

    @Test
    void learnsThatBatchesAreOfTwoKinds() {
        for (int seed = 0; seed < 20; seed++) {
            SplittableRandom random = new SplittableRandom(1000 + seed);
            List<LossEvent> late = events(curve(seed, i -> random.nextInt(10) == 0 ? 0.3 : 0)).stream()
                    .filter(e -> e.step() > 600)
                    .toList();
            assertThat(late).as("seed %d", seed).isEmpty();
        }
    }

    @Test
    void findsASpikeAtItsFirstPointAndGradesIt() {
        for (int seed = 0; seed < 50; seed++) {
            List<LossEvent> events = events(curve(seed, i -> i >= 700 && i < 703 ? 0.4 : 0));
            assertThat(events).as("seed %d", seed)
                    .extracting(LossEvent::kind)
                    .containsExactly(Kind.SPIKE, Kind.RECOVERED);
            assertThat(events.getFirst().grade()).isEqualTo(Grade.MAJOR);
            assertThat(events.getFirst().step()).isEqualTo(700);
            assertThat(events.getLast().onset()).isEqualTo(700);
        }
    }

    @Test
    void aSpikeThatStaysUpIsCritical() {
        for (int seed = 0; seed < 50; seed++) {
            List<LossEvent> events = events(curve(seed, i -> i >= 700 && i < 720 ? 0.4 : 0));
            assertThat(events).as("seed %d", seed)
                    .extracting(LossEvent::grade)
                    .containsExactly(Grade.MAJOR, Grade.CRITICAL, Grade.BENIGN);
            assertThat(events.get(1).step()).as("seed %d", seed).isBetween(703L, 704L);
        }
    }

    @Test
    void aLossAboveTheVeryFirstOneIsCriticalFromTheBeginning() {
        List<LossEvent> events = events(curve(2, i -> i >= 12 ? 9 : 0));
        assertThat(events.get(0).grade()).isEqualTo(Grade.MAJOR);
        assertThat(events.get(0).step()).isEqualTo(13);
        assertThat(events.get(1).grade()).isEqualTo(Grade.CRITICAL);
        assertThat(events.get(1).step()).isEqualTo(15);
    }

    @Test
    void findsASpikeInTheFirstHundredSteps() {
        assertThat(events(curve(3, i -> i >= 90 && i < 95 ? 1.5 : 0))).extracting(LossEvent::step)
                .contains(90L);
    }

    @Test
    void callsALossThatDoesNotComeBackDiverged() {
        List<LossEvent> events = events(curve(1, i -> i >= 600 ? 1.5 : 0));
        assertThat(events).extracting(LossEvent::kind)
                .containsExactly(Kind.SPIKE, Kind.SPIKE,
                        Kind.DIVERGED);
        assertThat(events.getLast().grade()).isEqualTo(Grade.CRITICAL);
        assertThat(events.getLast().onset()).isEqualTo(600);
    }

    /** Four standard deviations of the noise, of which no single point needs to tell: also while the loss falls fast. */
    @Test
    void findsAStepToAnotherLevelThatHidesInTheNoise() {
        int told = 0;
        for (int seed = 0; seed < 100; seed++) {
            int at = 150 + 10 * seed;
            List<LossEvent> events = events(curve(seed, i -> i >= at ? 0.12 : 0)).stream()
                    .filter(e -> e.step() < at + 40)
                    .toList();
            assertThat(events).as("seed %d", seed)
                    .allSatisfy(e -> assertThat(e.step()).isGreaterThanOrEqualTo(at));
            told += events.isEmpty() ? 0 : 1;
        }
        assertThat(told).as("of 100 steps").isGreaterThanOrEqualTo(75);
    }

    @Test
    void aCurveThatFlattensAndNoiseThatIsRoundedAreNoSteps() {
        for (int seed = 0; seed < 50; seed++) {
            double[] flattens = new double[POINTS];
            double[] rounded = new double[POINTS];
            SplittableRandom random = new SplittableRandom(seed);
            for (int i = 0; i < POINTS; i++) {
                double kink = 5 - 0.002 * Math.min(i, 600);
                flattens[i] = kink + 0.03 * random.nextGaussian();
                rounded[i] = Math.rint((4.8 + 0.03 * random.nextGaussian()) * 32) / 32;
            }
            assertThat(events(flattens)).as("seed %d", seed)
                    .extracting(LossEvent::kind)
                    .doesNotContain(Kind.LEVEL);
            assertThat(events(rounded)).as("seed %d", seed)
                    .extracting(LossEvent::kind)
                    .doesNotContain(Kind.LEVEL);
        }
    }

    @Test
    void findsASlowDrift() {
        for (int seed = 0; seed < 20; seed++) {
            List<LossEvent> events = events(curve(seed, i -> Math.max(0, i - 600) * 0.002));
            assertThat(events).as("seed %d", seed).isNotEmpty();
            assertThat(events).extracting(LossEvent::kind).containsOnly(Kind.DIVERGED);
            assertThat(events.getFirst().step()).isBetween(600L, 900L);
        }
    }

    @Test
    void findsADropAndAFrozenLoss() {
        assertThat(events(curve(1, i -> i >= 600 ? -0.8 : 0))).extracting(LossEvent::kind)
                .containsExactly(Kind.DROPPED);
        double[] frozen = curve(1, i -> 0);
        for (int i = 800; i < POINTS; i++) {
            frozen[i] = frozen[799];
        }
        List<LossEvent> events = events(frozen);
        assertThat(events).extracting(LossEvent::kind).containsExactly(Kind.FROZEN);
        assertThat(events.getFirst().step()).isLessThan(810);
        assertThat(events.getFirst().onset()).isEqualTo(799);
    }

    @Test
    void findsABurstOfNoiseAroundTheSameLevelOnce() {
        for (int seed = 0; seed < 50; seed++) {
            SplittableRandom random = new SplittableRandom(2000 + seed);
            List<LossEvent> events = events(
                    curve(seed, i -> i >= 700 && i < 760 ? 0.12 * random.nextGaussian() : 0));
            assertThat(events).filteredOn(e -> e.kind() == Kind.NOISY)
                    .as("seed %d", seed)
                    .singleElement()
                    .satisfies(
                            e -> {
                                assertThat(e.grade()).isEqualTo(Grade.MINOR);
                                assertThat(e.step()).isBetween(705L, 760L);
                                assertThat(e.onset()).isBetween(e.step() - 32, e.step());
                            });
        }
    }

    @Test
    void noiseThatStaysIsTheUsualNoise() {
        SplittableRandom random = new SplittableRandom(3000);
        List<LossEvent> events = events(curve(1, i -> i >= 600 ? 0.12 * random.nextGaussian() : 0));
        assertThat(events).extracting(LossEvent::kind).containsOnlyOnce(Kind.NOISY);
        assertThat(events).filteredOn(e -> e.step() > 900).isEmpty();
    }

    @Test
    void roundedLossesThatRepeatAreNotFrozen() {
        double[] rounded = curve(2, i -> 0);
        for (int i = 0; i < POINTS; i++) {
            rounded[i] = Math.rint(rounded[i] * 16) / 16;
        }
        assertThat(events(rounded)).extracting(LossEvent::kind).doesNotContain(Kind.FROZEN);
    }

    @Test
    void reportsWhatIsNotFiniteOnce() {
        double[] losses = curve(1, i -> i >= 700 && i < 720 ? Double.NaN : 0);
        List<LossEvent> events = events(losses);
        assertThat(events).extracting(LossEvent::kind).containsExactly(Kind.NOT_FINITE);
        assertThat(events.getFirst().step()).isEqualTo(700);
    }

    @Test
    void aLossScaleThatWasAlwaysOneIsNoOverflow() {
        LossMonitor monitor = new LossMonitor(LossSettings.usual());
        assertThat(monitor.onPoint(scaled(1, 1))).isEmpty();
        assertThat(monitor.onPoint(scaled(2, 65536))).isEmpty();
        assertThat(monitor.onPoint(scaled(3, 1))).extracting(LossEvent::kind)
                .containsExactly(Kind.NOT_FINITE);
    }

    private static LossPoint scaled(long step, double scale) {
        return new LossPoint(step, OptionalDouble.empty(), OptionalDouble.empty(), OptionalDouble.of(scale),
                0);
    }

    @Test
    void warnsOfTheGradientBeforeTheLoss() {
        // Published steps 31214 to 31222 of BLOOM-176B.
        double[] losses = {2.19884, 2.22042, 2.59521, 2.24156, 2.34528, 5.09812, 3.49203, 3.21306, 2.80495};
        double[] norms = {0.242, 0.947, 2.39, 15.886, 145.119, 960.351, 353.201, 379.33, 650.246};
        LossMonitor monitor = new LossMonitor(LossSettings.usual());
        List<LossEvent> events = new ArrayList<>();
        for (int i = 0; i < losses.length; i++) {
            events.addAll(
                    monitor.onPoint(
                            new LossPoint(31214 + i, OptionalDouble.of(losses[i]),
                                    OptionalDouble.of(norms[i]),
                                    OptionalDouble.empty(), 0)));
        }
        assertThat(events.getFirst().kind()).isEqualTo(Kind.EARLY_WARNING);
        assertThat(events.getFirst().step()).isEqualTo(31217);
        assertThat(events).filteredOn(e -> e.kind() == Kind.SPIKE)
                .extracting(LossEvent::step)
                .containsExactly(31220L);
    }

    @Test
    void whatIsSaidOfAPrefixStaysSaid() {
        SplittableRandom random = new SplittableRandom(9);
        double[] losses = curve(
                7, i -> (i % 300 == 299 ? 1 : 0) + (i > 900 ? 0.6 : 0) + (random.nextInt(40) == 0 ? 0.5 : 0));
        List<LossEvent> all = events(losses);
        assertThat(all).isNotEmpty();
        for (int length = 0; length <= POINTS; length += 7) {
            int end = length;
            assertThat(events(java.util.Arrays.copyOf(losses, length)))
                    .isEqualTo(all.stream().filter(e -> e.step() < end).toList());
        }
    }

    @Test
    void linesThatComeTwiceOrLateChangeNothing() {
        double[] losses = curve(5, i -> i >= 700 && i < 706 ? 0.4 : 0);
        LossMonitor monitor = new LossMonitor(LossSettings.usual());
        List<LossEvent> events = new ArrayList<>();
        for (int i = 0; i < losses.length; i++) {
            events.addAll(monitor.onPoint(LossPoint.of(i, losses[i])));
            events.addAll(monitor.onPoint(LossPoint.of(i, losses[i])));
            events.addAll(monitor.onPoint(LossPoint.of(i / 2, 99)));
        }
        assertThat(events).isEqualTo(events(losses));
    }

    @Test
    void survivesAnyNumbers() {
        double[] odd = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 0, -0.0,
                Double.MIN_VALUE,
                Double.MAX_VALUE, -Double.MAX_VALUE, 1e300};
        SplittableRandom random = new SplittableRandom(4);
        LossMonitor monitor = new LossMonitor(LossSettings.usual());
        long step = 0;
        int events = 0;
        for (int i = 0; i < 100_000; i++) {
            double value = random.nextInt(5) == 0
                    ? odd[random.nextInt(odd.length)]
                    : random.nextInt(3) == 0 ? 3 : 3 + random.nextGaussian();
            step += random.nextInt(4) - 1;
            OptionalDouble loss = random.nextInt(10) == 0 ? OptionalDouble.empty() : OptionalDouble.of(value);
            OptionalDouble scale = random.nextBoolean() ? OptionalDouble.of(value) : OptionalDouble.empty();
            events += monitor.onPoint(
                    new LossPoint(step, loss, OptionalDouble.of(value * value), scale,
                            random.nextInt(50) == 0 ? 1 : 0))
                    .size();
        }
        assertThat(events).isPositive();
    }
}

package io.longhaul.monitor.steptime;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.monitor.steptime.StepTimeEvent.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.Test;

class StepTimeMonitorTest {
    private static List<StepTimeEvent> events(long seed, double noise, IntToDoubleFunction factor) {
        SplittableRandom random = new SplittableRandom(seed);
        StepTimeMonitor monitor = new StepTimeMonitor(StepTimeSettings.usual());
        List<StepTimeEvent> events = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            events.addAll(monitor.onStep(5 * (1 + noise * random.nextGaussian()) * factor.applyAsDouble(i)));
        }
        return events;
    }

    private static List<Kind> faults(List<StepTimeEvent> events) {
        return events.stream().map(StepTimeEvent::kind).filter(Kind::fault).toList();
    }

    @Test
    void hiccupsAndStallsAreNoFaults() {
        for (int seed = 0; seed < 50; seed++) {
            SplittableRandom random = new SplittableRandom(100 + seed);
            List<StepTimeEvent> events = events(seed, 0.01,
                    i -> i == 500 ? 20 : random.nextInt(50) == 0 ? 1.5 : 1);
            assertThat(faults(events)).as("seed %d", seed).isEmpty();
            assertThat(events).extracting(StepTimeEvent::kind).containsExactly(Kind.STALL);
        }
    }

    @Test
    void findsASlowDownWithinHalfADozenStepsAndItsEnd() {
        for (double ratio : new double[]{1.05, 1.2, 2.5}) {
            for (int seed = 0; seed < 20; seed++) {
                List<StepTimeEvent> events = events(seed, 0.01, i -> i >= 400 && i < 600 ? ratio : 1);
                assertThat(events).as("%s, seed %d", ratio, seed)
                        .extracting(StepTimeEvent::kind)
                        .containsExactly(Kind.SLOW, Kind.RECOVERED);
                assertThat(events.getFirst().point()).isBetween(405L, 412L);
            }
        }
    }

    @Test
    void findsWhatCreeps() {
        assertThat(faults(events(1, 0.005, i -> 1 + Math.max(0, i - 300) * 0.0001))).contains(Kind.CREEP);
    }

    @Test
    void findsSlownessThatComesAndGoes() {
        assertThat(faults(events(1, 0.01, i -> i >= 400 && i % 5 == 0 ? 1.5 : 1)))
                .containsExactly(Kind.INTERMITTENT);
    }

    @Test
    void whatWasAlwaysSoIsNoChange() {
        assertThat(faults(events(1, 0.01, i -> i % 5 == 0 ? 1.5 : 1))).isEmpty();
    }

    @Test
    void passesOverTimesThatAreNone() {
        StepTimeMonitor monitor = new StepTimeMonitor(StepTimeSettings.usual());
        for (int i = 0; i < 300; i++) {
            assertThat(monitor.onStep(i % 3 == 0 ? Double.NaN : i % 3 == 1 ? -25 : 1)).isEmpty();
        }
    }
}

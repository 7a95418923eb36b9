package io.longhaul.planner.place;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class LocalUpdatesTest {
    /** 4 groups, 1 GB per rank over 0.1 GB/s: a ring of 6 rounds of 2.5 s and 10 ms. */
    private static LocalUpdates worked(int everySteps, int overlapSteps) {
        return new LocalUpdates(2, 4, 1e9, 1e8, 0.01, everySteps, overlapSteps);
    }

    @Test
    void matchesTheWorkedExample() {
        assertThat(worked(100, 0).exchangeSeconds()).isCloseTo(15.06, within(1e-9));
        assertThat(worked(100, 0).roundSeconds()).isCloseTo(215.06, within(1e-9));
        assertThat(worked(100, 5).roundSeconds()).isCloseTo(205.06, within(1e-9));
        assertThat(worked(100, 8).roundSeconds()).isCloseTo(200, within(1e-9));
        assertThat(worked(100, 0).synchronousSeconds(1)).isCloseTo(16.06, within(1e-9));
        assertThat(worked(100, 0).bytesPerStep()).isCloseTo(1.5e7, within(1e-3));
        assertThat(worked(100, 8).tokensToSpare(1)).isCloseTo(7.03, within(1e-9));
    }

    @Test
    void leastStepsKeepToTheShareAndOneFewerDoNot() {
        for (int seed = 0; seed < 2000; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            int overlap = random.nextInt(0, 10);
            double share = random.nextDouble(0.001, 0.5);
            LocalUpdates any = new LocalUpdates(
                    random.nextDouble(0.1, 10), random.nextInt(2, 17), random.nextDouble(1e8, 1e11),
                    random.nextDouble(1e7, 1e10), random.nextDouble(0, 0.1), 10, overlap);

            int steps = Math.toIntExact(any.leastSteps(share));

            assertThat(lost(any, steps)).as("seed %d", seed).isLessThanOrEqualTo(share + 1e-9);
            if (steps > overlap + 1) {
                assertThat(lost(any, steps - 1)).as("seed %d", seed).isGreaterThan(share);
            }
        }
    }

    private static double lost(LocalUpdates any, int steps) {
        LocalUpdates with = new LocalUpdates(
                any.stepSeconds(), any.groups(), any.bytes(), any.bytesPerSecond(), any.latencySeconds(),
                steps,
                any.overlapSteps());
        return 1 - any.stepSeconds() / with.localSeconds();
    }

    @Test
    void rarerAveragesAndMoreOverlapNeverTakeLonger() {
        for (int every = 9; every < 200; every++) {
            assertThat(worked(every + 1, 3).localSeconds())
                    .isLessThanOrEqualTo(worked(every, 3).localSeconds());
            assertThat(worked(every, 4).localSeconds()).isLessThanOrEqualTo(worked(every, 3).localSeconds());
        }
    }

    @Test
    void refusesToOverlapLongerThanAnAverageIsAway() {
        assertThatThrownBy(() -> worked(5, 5)).hasMessageContaining("5 of 5 steps");
    }
}

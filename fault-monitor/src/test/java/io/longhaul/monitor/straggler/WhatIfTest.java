package io.longhaul.monitor.straggler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WhatIfTest {
    private static final int SEEDS = 300;

    private static double[][] random(SplittableRandom random) {
        double[][] seconds = new double[1 + random.nextInt(4)][1 + random.nextInt(5)];
        int stages = seconds[0].length;
        for (int data = 0; data < seconds.length; data++) {
            seconds[data] = new double[stages];
            for (int stage = 0; stage < stages; stage++) {
                seconds[data][stage] = 0.5 + random.nextDouble();
            }
        }
        return seconds;
    }

    /** By hand: two stages of one second; (1 + times + (m - 1) x times) / m + rest over (2 + m - 1) / m + rest. */
    @ParameterizedTest(name = "m={1} times={0} rest={2}")
    @CsvSource(useHeadersInDisplayName = true, textBlock = """
            times, microBatches, rest, slowdown
            2,     1,            0,    1.5
            2,     4,            0,    1.8
            2,     4,            0.75, 1.5
            1,     9,            0,    1
            """)
    void aSlowRankAloneCostsWhatIsReckonedByHand(double times, int microBatches, double rest,
            double slowdown) {
        for (int stage = 0; stage < 2; stage++) {
            assertThat(WhatIf.alone(new double[]{1, 1}, stage, times, microBatches, rest))
                    .isCloseTo(slowdown, within(1e-12));
        }
    }

    @Test
    void equalRanksSlowNobodyAndNobodyExplainsMoreThanAll() {
        for (int seed = 0; seed < SEEDS; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            double[][] seconds = random(random);
            int microBatches = 1 + random.nextInt(16);
            WhatIf whatIf = new WhatIf(seconds, microBatches, random.nextDouble());
            double[][] equal = random(random);
            for (double[] pipeline : equal) {
                Arrays.fill(pipeline, 2);
            }
            assertThat(new WhatIf(equal, microBatches, 0).slowdown()).as("seed %d", seed)
                    .isCloseTo(1, within(1e-12));
            assertThat(whatIf.slowdown()).as("seed %d", seed).isGreaterThan(1 - 1e-12);
            for (int data = 0; data < seconds.length; data++) {
                assertThat(whatIf.ofPipeline(data)).as("seed %d", seed)
                        .isLessThanOrEqualTo(whatIf.slowdown() + 1e-12);
            }
        }
    }

    @Test
    void aSlowRankNeverCostsMoreThanItIsSlowNorLessWhenItIsSlower() {
        for (int seed = 0; seed < SEEDS; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            double[] stages = random(random)[0];
            int stage = random.nextInt(stages.length);
            int microBatches = 1 + random.nextInt(64);
            double times = 1 + random.nextDouble();
            double cost = WhatIf.alone(stages, stage, times, microBatches, 0.1);
            assertThat(cost).as("seed %d", seed).isBetween(1.0, times);
            assertThat(WhatIf.alone(stages, stage, times + 0.5, microBatches, 0.1)).as("seed %d", seed)
                    .isGreaterThanOrEqualTo(cost);
        }
    }

    @Test
    void refusesWhatIsNoJob() {
        assertThatIllegalArgumentException().isThrownBy(() -> new WhatIf(new double[0][], 1, 0));
        assertThatIllegalArgumentException().isThrownBy(() -> new WhatIf(new double[][]{{1}}, 0, 0))
                .withMessageContaining("microBatches >= 1");
    }
}

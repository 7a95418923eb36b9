package io.longhaul.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class MediansTest {
    @Test
    void halfwayBetweenTheTwoMiddleValues() {
        assertThat(Medians.median(new double[]{4})).isEqualTo(4);
        assertThat(Medians.median(new double[]{9, 1, 4})).isEqualTo(4);
        assertThat(Medians.median(new double[]{9, 1, 4, 5})).isEqualTo(4.5);
        assertThat(Medians.deviation(new double[]{9, 1, 4, 5}, 4)).isEqualTo(2);
    }

    @Test
    void theMedianOfTheOthersIsTheMedianWithoutOne() {
        for (long seed = 0; seed < 500; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            double[] values = new double[2 + random.nextInt(9)];
            Arrays.setAll(values, i -> random.nextInt(6));
            double[] sorted = values.clone();
            Arrays.sort(sorted);
            for (int left = 0; left < values.length; left++) {
                double[] others = new double[values.length - 1];
                for (int i = 0, next = 0; i < values.length; i++) {
                    if (i != left) {
                        others[next++] = values[i];
                    }
                }
                assertThat(Medians.ofOthers(sorted, values[left])).as("seed %d", seed)
                        .isEqualTo(Medians.median(others));
            }
        }
    }
}

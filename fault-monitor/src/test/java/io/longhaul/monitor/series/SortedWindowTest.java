package io.longhaul.monitor.series;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class SortedWindowTest {
    @Test
    void agreesWithSortingTheNewestValues() {
        SplittableRandom random = new SplittableRandom(1);
        for (int capacity : new int[]{1, 2, 9, 64}) {
            SortedWindow window = new SortedWindow(capacity);
            List<Double> all = new ArrayList<>();
            for (int i = 0; i < 500; i++) {
                double value = random.nextInt(4) == 0 ? 0 : random.nextInt(20) - 10;
                window.add(value);
                all.add(value);
                double[] newest = all.subList(Math.max(0, all.size() - capacity), all.size())
                        .stream()
                        .mapToDouble(v -> v)
                        .toArray();
                assertThat(window.size()).isEqualTo(newest.length);
                assertThat(window.newest(0)).isEqualTo(value);
                assertThat(window.oldest()).isEqualTo(newest[0]);
                Arrays.sort(newest);
                int middle = newest.length / 2;
                assertThat(window.median()).isEqualTo(
                        newest.length % 2 == 1 ? newest[middle] : (newest[middle - 1] + newest[middle]) / 2);
                assertThat(window.quantile(0)).isEqualTo(newest[0]);
                assertThat(window.quantile(1)).isEqualTo(newest[newest.length - 1]);
            }
        }
    }

    @Test
    void refusesWhatHasNoOrder() {
        SortedWindow window = new SortedWindow(3);
        assertThatThrownBy(() -> window.add(Double.NaN)).isInstanceOf(IllegalArgumentException.class);
        window.add(-0.0);
        window.add(0.0);
        window.add(Double.POSITIVE_INFINITY);
        window.add(1);
        assertThat(window.median()).isEqualTo(1);
    }
}

package io.longhaul.laws;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.laws.CriticalBatch.Measurement;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CriticalBatchTest {
    @Test
    void recoversAKnownTradeOff() {
        CriticalBatch truth = new CriticalBatch(1400, 3e6);
        List<Measurement> seen = IntStream.range(6, 15)
                .mapToObj(i -> new Measurement(1 << i, truth.steps(1 << i)))
                .toList();
        CriticalBatch fit = CriticalBatch.fit(seen);
        assertThat(fit.leastSteps()).isCloseTo(1400, within(0.1));
        assertThat(fit.balanced()).isCloseTo(3e6 / 1400, within(0.5));
        assertThat(fit.withWaste(256)).isCloseTo(3e6 / 7000 + 307.2, within(0.1));
        assertThatThrownBy(() -> CriticalBatch.fit(seen.subList(0, 2)))
                .hasMessage("measurements must be of at least 3 batches");
        assertThatThrownBy(() -> new Measurement(64, Double.NaN))
                .hasMessage("batch and steps must be positive and finite, got 64.0 and NaN");
    }

    /** About 1 + R* is what endless reading is worth at most; four epochs lose a few percent of their data. */
    @ParameterizedTest
    @CsvSource({"1, 1", "4, 3.73", "40, 15.17", "10000, 16.39"})
    void repeatedDataIsWorthLess(double epochs, double worth) {
        assertThat(RepeatedData.worth(epochs * 1e10, 1e10) / 1e10).isCloseTo(worth, within(0.02));
    }

    @Test
    void repeatedDataKnowsItsDomain() {
        assertThat(RepeatedData.holds(8e10, 1e10)).isTrue();
        assertThat(RepeatedData.holds(9e10, 1e10)).isFalse();
        assertThat(RepeatedData.holds(1e9, 1e9)).isFalse();
        assertThat(RepeatedData.loss(2.8e9, 4e10, 1e10))
                .isBetween(RepeatedData.loss(2.8e9, 4e10, 4e10), RepeatedData.loss(2.8e9, 1e10, 1e10));
    }
}

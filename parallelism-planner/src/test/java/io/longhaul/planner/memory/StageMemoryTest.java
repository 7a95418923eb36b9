package io.longhaul.planner.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StageMemoryTest {
    private static StageMemory stage(double bytes, double spread) {
        return new StageMemory(0, Map.of("weights", bytes), 80e9, spread);
    }

    /** With a spread of 10 % the upper end lies 1.18 times above. */
    @ParameterizedTest
    @CsvSource({"60, SAFE", "67, SAFE", "69, TIGHT", "79, TIGHT", "81, NO"})
    void safeFitsAtTheUpperEndAndTightOnAverage(double gigabytes, StageMemory.Verdict verdict) {
        assertThat(stage(gigabytes * 1e9, 0.1).verdict()).isEqualTo(verdict);
    }

    @Test
    void probabilityOfFittingFollowsTheNormalDistribution() {
        assertThat(stage(80e9, 0.1).fits()).isCloseTo(0.5, within(1e-6));
        assertThat(stage(80e9 * Math.exp(-0.1645), 0.1).fits()).isCloseTo(0.95, within(1e-4));
        assertThat(stage(80e9 * Math.exp(0.1), 0.1).fits()).isCloseTo(0.1587, within(1e-4));
    }

    @Test
    void theIntervalHoldsNineOfTen() {
        StageMemory stage = stage(50e9, 0.1);
        assertThat(stage.highBytes() / stage.totalBytes()).isCloseTo(1.179, within(1e-3));
        assertThat(stage.lowBytes() * stage.highBytes()).isCloseTo(Math.pow(50e9, 2), within(1e12));
    }
}

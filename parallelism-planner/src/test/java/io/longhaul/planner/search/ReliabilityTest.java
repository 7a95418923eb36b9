package io.longhaul.planner.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class ReliabilityTest {
    /** 1,000 devices at 1e-5 failures an hour fail every 100 hours; a minute to save. */
    private static final Reliability HAND = new Reliability(1e-5, 60, 300, 7200);

    @Test
    void theIntervalIsYoungs() {
        assertThat(HAND.checkpointInterval(1000)).isCloseTo(Math.sqrt(2 * 60 * 360_000.0), within(1e-6));
    }

    @Test
    void theUsefulShareAddsUpWhatIsLost() {
        double interval = HAND.checkpointInterval(1000);
        double waiting = HAND.noSpareShare(1000, 0) * 7200;
        double lost = 60 / interval + (interval / 2 + 300 + waiting) / 360_000;
        assertThat(HAND.noSpareShare(1000, 0)).isEqualTo(1);
        assertThat(HAND.usefulShare(1000, 0)).isCloseTo(1 / (1 + lost), within(1e-12));
    }

    /** With one spare the failure waits if another device is out: 1 - exp(-0.02). */
    @Test
    void sparesShortenTheWait() {
        assertThat(HAND.noSpareShare(1000, 1)).isCloseTo(1 - Math.exp(-0.02), within(1e-12));
        for (int spares = 0; spares < 6; spares++) {
            assertThat(HAND.usefulShare(1000, spares + 1)).isGreaterThan(HAND.usefulShare(1000, spares));
        }
    }
}

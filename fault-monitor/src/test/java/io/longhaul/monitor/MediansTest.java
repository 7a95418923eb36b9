package io.longhaul.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class MediansTest {
    @Test
    void halfwayBetweenTheTwoMiddleValues() {
        assertThat(Medians.median(new double[]{4})).isEqualTo(4);
        assertThat(Medians.median(new double[]{9, 1, 4})).isEqualTo(4);
        assertThat(Medians.median(new double[]{9, 1, 4, 5})).isEqualTo(4.5);
    }
}

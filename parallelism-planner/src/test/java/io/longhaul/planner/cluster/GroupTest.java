package io.longhaul.planner.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.planner.Shapes;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** 300 GB/s inside nodes of 8, 25 GB/s per device between them. */
class GroupTest {
    private static final Machine A100 = Shapes.cluster("A100-SXM-80GB", 16);

    /**
     * A ring of n passes 2 (n - 1) / n of the bytes over each link; across nodes, the members of a node share their
     * cards. Worked by hand for a gigabyte.
     */
    @ParameterizedTest(name = "{0} ranks, {1} apart")
    @CsvSource(useHeadersInDisplayName = true, textBlock = """
            size, stride, milliseconds
               1,      1,    0
               2,      1,    3.3493
               8,      1,    5.8813
               2,      8,   40.04
              16,      8,   75.16
              16,      1,    9.5350
              64,      1,   10.0838
            """)
    void summingTakesAsLongAsTheSlowestLinkOfTheRing(int size, int stride, double milliseconds) {
        assertThat(1e3 * new Group(size, stride, A100).allReduceSeconds(1e9))
                .isCloseTo(milliseconds, within(2e-4));
    }

    @Test
    void summingIsAScatterAndAGather() {
        for (int size = 2; size <= 128; size *= 2) {
            Group group = new Group(size, 1, A100);
            assertThat(group.allReduceSeconds(1e8)).isEqualTo(2 * group.gatherSeconds(1e8));
        }
    }

    /** Of 16 ranks on two nodes, 7 parts stay in the node and 8 leave it: 8/16 GB at 25 GB/s, and 15 starts. */
    @Test
    void exchangingUsesBothKindsOfLinkAtOnce() {
        assertThat(new Group(16, 1, A100).allToAllSeconds(1e9)).isCloseTo(0.020 + 15 * 20e-6, within(1e-9));
        assertThat(new Group(8, 1, A100).allToAllSeconds(1e9))
                .isCloseTo(7e9 / 8 / 300e9 + 7 * 8e-6, within(1e-9));
    }
}

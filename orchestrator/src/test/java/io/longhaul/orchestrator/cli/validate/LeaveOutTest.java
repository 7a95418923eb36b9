package io.longhaul.orchestrator.cli.validate;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class LeaveOutTest {
    @Test
    void whatIsChosenForAGroupIsChosenByTheOthers() {
        int[][] costs = {{9, 9, 0}, {0, 0, 9}};
        assertThat(LeaveOut.choose(List.of("a", "a", "b"), costs)).containsExactly(0, 0, 1);
        assertThat(LeaveOut.choose(List.of("a", "b", "c"), costs)).containsExactly(1, 1, 1);
    }

    @Test
    void ofEquallyGoodSettingsTheMiddleOneIsTaken() {
        int[][] costs = {{0, 1}, {0, 0}, {0, 0}, {0, 0}, {0, 5}};
        assertThat(LeaveOut.choose(List.of("a", "b"), costs)).containsExactly(2, 2);
    }
}

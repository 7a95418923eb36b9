package io.longhaul.monitor.response;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.monitor.Finding;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class TroubleTest {
    private static Finding finding(Finding.Kind kind, int rank, long seconds) {
        return new Finding(kind, Instant.ofEpochSecond(seconds), OptionalLong.empty(),
                rank < 0 ? OptionalInt.empty() : OptionalInt.of(rank), "", Map.of());
    }

    @Test
    void findingsOfOneFamilyAndRankBelongTogetherWhileTheyAreClose() {
        Finding slow = finding(Finding.Kind.SLOW_RANK, 3, 1000);
        Finding steps = finding(Finding.Kind.SLOW_STEPS, -1, 900);
        assertThat(Trouble.signs(
                List.of(steps, finding(Finding.Kind.SLOW_RANK, 4, 950),
                        finding(Finding.Kind.EARLY_WARNING, -1, 990),
                        finding(Finding.Kind.SLOW_STEPS, -1, 300)),
                slow)).containsExactly(steps);
        assertThat(Trouble.same(finding(Finding.Kind.FAULT_LINE, 2, 0), finding(Finding.Kind.EXITED, 2, 5)))
                .isTrue();
    }

    @Test
    void twoKindsOfFindingsMakeItMoreCertainThanOne() {
        assertThat(Trouble.confidence(List.of())).isZero();
        assertThat(Trouble.confidence(List.of(Finding.Kind.SPIKE, Finding.Kind.SPIKE))).isCloseTo(0.971,
                within(1e-3));
        assertThat(Trouble.confidence(List.of(Finding.Kind.EARLY_WARNING, Finding.Kind.SPIKE)))
                .isCloseTo(0.9855, within(1e-4));
    }
}

package io.longhaul.monitor.node;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.monitor.node.NodeSuspicions.Avoided;
import io.longhaul.monitor.node.NodeSuspicions.Settings;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class NodeSuspicionsTest {
    private static final Instant START = Instant.parse("2026-01-01T00:00:00Z");
    private final NodeSuspicions suspicions = new NodeSuspicions(500, Settings.usual());

    private static Instant day(double days) {
        return START.plusSeconds((long) (days * 86_400));
    }

    @Test
    void hintsAddUpAndFade() {
        assertThat(suspicions.blame("a", day(0), 0.6, "slow")).isFalse();
        assertThat(suspicions.avoided(day(0))).isEmpty();
        assertThat(suspicions.blame("a", day(1), 0.6, "slow again")).isTrue();
        Avoided avoided = suspicions.avoided(day(1)).getFirst();
        assertThat(avoided.reason()).isEqualTo("slow again");
        assertThat(avoided.until()).isBetween(day(4), day(5));
        assertThat(suspicions.avoided(avoided.until().plusSeconds(60))).isEmpty();
        assertThat(suspicions.blame("a", day(300))).isLessThan(1e-9);
    }

    @Test
    void aRepairedNodeIsOnProbation() {
        suspicions.blame("a", day(0), 1, "XID 79");
        suspicions.repaired("a", day(1));
        assertThat(suspicions.avoided(day(1))).isEmpty();
        assertThat(suspicions.blame("a", day(3), 0.5, "slow")).isTrue();
        suspicions.repaired("b", day(1));
        assertThat(suspicions.blame("b", day(9), 0.5, "slow")).isFalse();
    }

    @Test
    void whatHitsManyAtOnceIsNotTheNodesFault() {
        int avoided = 0;
        for (int i = 0; i < 50; i++) {
            avoided += suspicions.blame("n" + i, day(0).plusSeconds(i), 1, "link down") ? 1 : 0;
        }
        assertThat(avoided).isEqualTo(5);
        assertThat(suspicions.avoided(day(0.01))).hasSize(5);
        assertThat(suspicions.blame("n49", START.plus(Duration.ofHours(2)), 1, "link down")).isTrue();
    }

    @Test
    void aPersonsWordHoldsUpToItsTime() {
        suspicions.avoid("a", day(2), "fan is loud");
        assertThat(suspicions.avoided(day(1))).containsExactly(new Avoided("a", 0, "fan is loud", day(2)));
        assertThat(suspicions.avoided(day(2))).isEmpty();
        suspicions.blame("a", day(2), 1, "XID 79");
        suspicions.avoid("a", day(2.5), "look at it");
        assertThat(suspicions.avoided(day(2)).getFirst().until()).as("the longer one").isEqualTo(day(5));
        suspicions.avoid("b", day(9), "fan is loud");
        suspicions.repaired("b", day(3));
        assertThat(suspicions.avoided(day(3))).extracting(Avoided::node).containsExactly("a");
    }

    @Test
    void theWorstComesFirst() {
        suspicions.blame("a", day(0), 1, "x");
        suspicions.blame("b", day(0), 3, "y");
        assertThat(suspicions.avoided(day(0))).extracting(Avoided::node).containsExactly("b", "a");
        assertThat(suspicions.blame("c", day(0))).isZero();
    }
}

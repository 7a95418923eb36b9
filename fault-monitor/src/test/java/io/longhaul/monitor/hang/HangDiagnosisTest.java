package io.longhaul.monitor.hang;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.longhaul.monitor.hang.HangCause.Kind;
import io.longhaul.monitor.hang.RankState.Phase;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class HangDiagnosisTest {
    private static List<RankState> ranks(int count, IntFunction<RankState> state) {
        return IntStream.range(0, count).mapToObj(state).toList();
    }

    /** Waits in collective 100, as the others of the same eight do. */
    private static RankState waits(int rank) {
        return new RankState(rank, rank / 8, 100, 99, Phase.COLLECTIVE, true);
    }

    private static HangCause withOne(RankState other) {
        return HangDiagnosis.of(ranks(16, rank -> rank == other.rank() ? other : waits(rank)));
    }

    @Test
    void blamesTheRankThatDidNotEnter() {
        HangCause cause = withOne(new RankState(11, 1, 99, 99, Phase.COMPUTE, true));
        assertThat(cause.kind()).isEqualTo(Kind.RANK_BEHIND);
        assertThat(cause.ranks()).containsExactly(11);
    }

    @Test
    void tellsDataCheckpointAndSilenceApart() {
        assertThat(withOne(new RankState(3, 0, 99, 99, Phase.DATA, true)).kind()).isEqualTo(Kind.DATA_LOADER);
        assertThat(withOne(new RankState(3, 0, 99, 99, Phase.CHECKPOINT, true)).kind())
                .isEqualTo(Kind.CHECKPOINT);
        assertThat(withOne(new RankState(3, 0, 99, 99, Phase.COMPUTE, false)).kind())
                .isEqualTo(Kind.RANK_SILENT);
        assertThat(HangDiagnosis.of(ranks(8, r -> new RankState(r, 0, 5, 5, Phase.CHECKPOINT, true))))
                .satisfies(c -> assertThat(c.kind()).isEqualTo(Kind.CHECKPOINT))
                .satisfies(c -> assertThat(c.ranks()).isEmpty());
    }

    @Test
    void aCollectiveThatAllEnteredIsTheNetworks() {
        assertThat(HangDiagnosis.of(ranks(16, HangDiagnosisTest::waits)).kind()).isEqualTo(Kind.NETWORK);
        HangCause two = HangDiagnosis.of(
                ranks(8, r -> new RankState(r, 0, 100, r == 2 || r == 5 ? 99 : 100, Phase.COLLECTIVE, true)));
        assertThat(two.kind()).isEqualTo(Kind.NETWORK);
        assertThat(two.ranks()).containsExactly(2, 5);
    }

    @Test
    void accusesNobodyWithoutAMinority() {
        HangCause half = HangDiagnosis.of(
                ranks(8, r -> new RankState(r, 0, r < 4 ? 100 : 99, 99, Phase.COLLECTIVE, true)));
        assertThat(half.kind()).isEqualTo(Kind.MISMATCH);
        assertThat(half.ranks()).isEmpty();
    }

    @Test
    void silenceOfAllIsNoStopOfTraining() {
        assertThat(HangDiagnosis.of(ranks(8, r -> new RankState(r, 0, 5, 5, Phase.UNKNOWN, false))).kind())
                .isEqualTo(Kind.NO_TELEMETRY);
        assertThat(HangDiagnosis.of(List.of()).kind()).isEqualTo(Kind.NO_TELEMETRY);
    }

    @Test
    void theOrderOfReportsDoesNotMatter() {
        List<RankState> ranks = new ArrayList<>(
                ranks(16, r -> r == 9 ? new RankState(9, 1, 97, 97, Phase.COMPUTE, true) : waits(r)));
        HangCause cause = HangDiagnosis.of(ranks);
        for (int seed = 0; seed < 20; seed++) {
            Collections.shuffle(ranks, new Random(seed));
            assertThat(HangDiagnosis.of(ranks)).isEqualTo(cause);
        }
    }

    @Test
    void refusesWhatCannotBe() {
        assertThatThrownBy(() -> new RankState(0, 0, 1, 2, Phase.DATA, true))
                .isInstanceOf(IllegalArgumentException.class);
    }
}

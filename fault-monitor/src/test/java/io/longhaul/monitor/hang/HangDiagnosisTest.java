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

    /** Two copies of two ranks each: rank 3 is silent, rank 2 waits for it, ranks 0 and 1 wait for rank 2. */
    @Test
    void aRankThatItselfWaitsInAnotherGroupIsNotToBlame() {
        HangCause cause = HangDiagnosis.of(List.of(
                new RankState(0, 0, 4, 4, Phase.COLLECTIVE, true),
                new RankState(0, 1, 8, 7, Phase.COLLECTIVE, true),
                new RankState(1, 0, 4, 4, Phase.COLLECTIVE, true),
                new RankState(1, 1, 8, 7, Phase.COLLECTIVE, true),
                new RankState(4, 1, 8, 7, Phase.COLLECTIVE, true),
                new RankState(2, 1, 7, 7, Phase.COLLECTIVE, true),
                new RankState(2, 0, 4, 4, Phase.COLLECTIVE, true),
                new RankState(2, 2, 5, 4, Phase.COLLECTIVE, true),
                new RankState(3, 0, -1, -1, Phase.UNKNOWN, false)));
        assertThat(cause.kind()).isEqualTo(Kind.RANK_SILENT);
        assertThat(cause.ranks()).containsExactly(3);
    }

    @Test
    void ranksThatWaitForEachOtherInTwoGroupsDisagree() {
        List<RankState> states = new ArrayList<>();
        for (int rank = 0; rank < 6; rank++) {
            states.add(new RankState(rank, 0, rank == 0 ? 4 : 5, 4, Phase.COLLECTIVE, true));
        }
        states.addAll(List.of(new RankState(0, 1, 8, 7, Phase.COLLECTIVE, true),
                new RankState(1, 1, 7, 7, Phase.COLLECTIVE, true),
                new RankState(6, 1, 8, 7, Phase.COLLECTIVE, true)));
        HangCause cause = HangDiagnosis.of(states);
        assertThat(cause.kind()).isEqualTo(Kind.MISMATCH);
        assertThat(cause.ranks()).isEmpty();
    }

    /** Of two ranks, neither is a minority; one that says nothing any more does not contradict the other, though. */
    @Test
    void halfOfTheRanksAreBlamedOnlyIfTheyAreSilent() {
        RankState waits = new RankState(0, 0, 9, 8, Phase.COLLECTIVE, true);
        assertThat(HangDiagnosis.of(List.of(waits, new RankState(1, 0, 8, 8, Phase.COMPUTE, true))).kind())
                .isEqualTo(Kind.MISMATCH);
        HangCause silent = HangDiagnosis.of(
                List.of(waits, new RankState(1, 0, -1, -1, Phase.UNKNOWN, false)));
        assertThat(silent.kind()).isEqualTo(Kind.RANK_SILENT);
        assertThat(silent.ranks()).containsExactly(1);
        HangCause most = HangDiagnosis.of(List.of(waits, new RankState(1, 0, -1, -1, Phase.UNKNOWN, false),
                new RankState(2, 0, -1, -1, Phase.UNKNOWN, false)));
        assertThat(most.ranks()).as("most of them: it may be the reporting").isEmpty();
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

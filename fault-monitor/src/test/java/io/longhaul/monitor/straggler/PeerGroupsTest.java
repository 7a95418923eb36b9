package io.longhaul.monitor.straggler;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.monitor.straggler.PeerGroups.Change;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PeerGroupsTest {
    private static final int RANKS = 16;
    private static final int STEPS = 400;
    private static final int SLOW = 11;

    private record Report(int rank, long step, double seconds) {}

    /** Rank by rank and step by step; one rank is slow for a hundred steps. */
    private static List<Report> reports() {
        SplittableRandom random = new SplittableRandom(1);
        List<Report> reports = new ArrayList<>();
        for (int step = 0; step < STEPS; step++) {
            for (int rank = 0; rank < RANKS; rank++) {
                boolean slow = rank == SLOW && step >= 200 && step < 300;
                reports.add(new Report(rank, step, (slow ? 1.5 : 1) * (1 + 0.01 * random.nextGaussian())));
            }
        }
        return reports;
    }

    private static List<Change> changes(List<Report> reports) {
        List<List<Integer>> stages = List.of(IntStream.range(0, 8).boxed().toList(),
                IntStream.range(8, RANKS).boxed().toList());
        PeerGroups groups = new PeerGroups(RANKS, stages, true);
        List<Change> changes = new ArrayList<>();
        reports.forEach(r -> changes.addAll(groups.onStep(r.rank, r.step, r.seconds)));
        return changes;
    }

    @Test
    void namesTheSlowRankAndWhatItCost() {
        assertThat(changes(reports())).extracting(Change::rank).isNotEmpty().containsOnly(SLOW);
        Change last = changes(reports()).getLast();
        assertThat(last.event().kind()).isEqualTo(PeerEvent.Kind.RECOVERED);
        assertThat(last.lostSeconds()).isBetween(35.0, 55.0);
    }

    /** A rank that runs ahead by thirty steps, and every report twice, change nothing. */
    @Test
    void theOrderOfReportsDoesNotMatter() {
        List<Report> mixed = new ArrayList<>();
        List<Report> ahead = reports().stream().filter(r -> r.rank == 3).toList();
        for (Report r : reports()) {
            if (r.rank == 0) {
                int last = (int) Math.min(STEPS - 1, r.step + 30);
                mixed.addAll(ahead.subList(r.step == 0 ? 0 : last, last + 1));
            }
            if (r.rank != 3) {
                mixed.add(r);
                mixed.add(r);
            }
        }
        assertThat(changes(mixed)).isEqualTo(changes(reports()));
    }

    @Test
    void aSilentRankLeavesTheOthersJudged() {
        List<Report> some = reports().stream().filter(r -> r.rank != 9 || r.step < 100).toList();
        assertThat(changes(some)).extracting(Change::rank).isNotEmpty().containsOnly(SLOW);
    }
}

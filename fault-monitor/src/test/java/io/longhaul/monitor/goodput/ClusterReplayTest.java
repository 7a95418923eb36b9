package io.longhaul.monitor.goodput;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.monitor.goodput.ClusterReplay.Job;
import io.longhaul.monitor.goodput.ClusterReplay.Outage;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class ClusterReplayTest {
    /** Two nodes, a save of 10 s every 90 s, a restart of 50 s, in 1000 s. */
    private static double share(Job job, Outage... outages) {
        return ClusterReplay.share(List.of(outages), 1000, 90, job);
    }

    private static Job job(int spares, int tolerated) {
        return new Job(2, spares, tolerated, 10, 50);
    }

    @Test
    void withoutOutagesOnlyTheSavesCost() {
        assertThat(share(job(0, 0))).isCloseTo(0.9, within(1e-12));
    }

    @Test
    void aSpareSavesTheRepair() {
        Outage outage = new Outage(450, 1, 850);
        assertThat(share(job(0, 0), outage)).as("360 s before, 90 s from 900 to 1000")
                .isCloseTo(0.45, within(1e-12));
        assertThat(share(job(1, 0), outage)).as("360 s before, 450 s from 500 on")
                .isCloseTo(0.81, within(1e-12));
        assertThat(share(job(1, 0), outage, new Outage(460, 0, 860))).as("the second one finds no spare")
                .isCloseTo(0.45, within(1e-12));
    }

    @Test
    void aSpareThatIsDownItselfIsOfNoUse() {
        assertThat(share(job(1, 0), new Outage(100, 2, 900), new Outage(450, 1, 850)))
                .isCloseTo(0.45, within(1e-12));
    }

    @Test
    void codedGradientsGoOnAndPayTwice() {
        assertThat(share(job(0, 1), new Outage(450, 1, 850))).isCloseTo(0.45, within(1e-12));
        assertThat(share(job(0, 1), new Outage(450, 1, 850), new Outage(500, 0, 501)))
                .isCloseTo((450 + 360) / 2000.0, within(1e-12));
    }

    @Test
    void agreesWithTheFormulaForRandomFailuresThatAreRepairedAtOnce() {
        SplittableRandom random = new SplittableRandom(3);
        CheckpointInterval formula = new CheckpointInterval(60, 300, 20_000);
        List<Outage> outages = new ArrayList<>();
        double at = 0;
        for (int i = 0; i < 10_000; i++) {
            at -= Math.log1p(-random.nextDouble()) * 20_000;
            outages.add(new Outage(at, random.nextInt(4), at));
        }
        Job job = new Job(4, 0, 0, 60, 300);
        assertThat(ClusterReplay.share(outages, at, formula.daly(), job))
                .isCloseTo(formula.exactShare(formula.daly()), within(0.01));
        double best = ClusterReplay.bestInterval(outages, at, job);
        assertThat(ClusterReplay.share(outages, at, best, job)).isCloseTo(formula.exactShare(formula.best()),
                within(0.01));
    }

    @Test
    void moreSparesNeverTrainLess() {
        for (long seed = 0; seed < 200; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            List<Outage> outages = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                double at = 1000 * random.nextDouble();
                outages.add(new Outage(at, random.nextInt(2), at + 300 * random.nextDouble()));
            }
            // Only the nodes that train fail: a spare then can only help. A save of nothing leaves no rounding.
            Job without = new Job(2, 0, 0, 1e-9, 5);
            assertThat(ClusterReplay.share(outages, 1000, 1e-3, without.withSpares(2))).as("seed %d", seed)
                    .isGreaterThanOrEqualTo(ClusterReplay.share(outages, 1000, 1e-3, without) - 1e-3);
        }
    }

    @Test
    void refusesWhatIsNoJob() {
        assertThatThrownBy(() -> new Job(2, 0, 2, 10, 50)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("tolerated");
        assertThatThrownBy(() -> ClusterReplay.share(List.of(), 0, 1, job(0, 0)))
                .isInstanceOf(IllegalArgumentException.class);
    }
}

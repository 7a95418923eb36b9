package io.longhaul.monitor.goodput;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CheckpointIntervalTest {
    /** Eight GPUs per node, 6.5 failures per thousand node-days. */
    @ParameterizedTest
    @CsvSource({"1024, 120, 600, 28.9, 82, 0.946", "4096, 120, 600, 7.2, 40, 0.881",
            "16384, 120, 600, 1.8, 20, 0.715",
            "16384, 10, 180, 1.8, 5.9, 0.917"})
    void agreesWithFiguresWorkedOutByHand(int gpus, double save, double restart, double hours, double minutes,
            double share) {
        CheckpointInterval job = CheckpointInterval.of(save, restart, gpus / 8, 6.5);
        assertThat(job.failureSeconds() / 3600).isCloseTo(hours, within(0.06));
        assertThat(job.daly() / 60).isCloseTo(minutes, within(1.0));
        assertThat(job.firstOrderShare(job.daly())).isCloseTo(share, within(0.002));
    }

    @Test
    void dalyIsNearTheBestAndNothingIsBetterThanTheBest() {
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < 200; i++) {
            double failures = Math.exp(random.nextDouble(Math.log(600), Math.log(1e6)));
            CheckpointInterval job = new CheckpointInterval(failures * random.nextDouble(0.001, 0.2),
                    failures * random.nextDouble(0, 0.5), failures);
            double best = job.exactShare(job.best());
            assertThat(job.exactShare(job.daly())).isBetween(best - 0.01, best + 1e-6);
            for (int j = 0; j < 20; j++) {
                assertThat(job.exactShare(job.best() * random.nextDouble(0.2, 5)))
                        .isLessThanOrEqualTo(best + 1e-6);
            }
        }
    }

    @Test
    void aReplayOfRandomFailuresAgreesWithTheFormula() {
        CheckpointInterval job = new CheckpointInterval(60, 300, 20_000);
        SplittableRandom random = new SplittableRandom(2);
        double[] failures = new double[20_000];
        double at = 0;
        for (int i = 0; i < failures.length; i++) {
            at += -Math.log1p(-random.nextDouble()) * job.failureSeconds();
            failures[i] = at;
        }
        for (double interval : new double[]{300, job.daly(), 10_000}) {
            assertThat(TraceReplay.share(failures, at, interval, job))
                    .isCloseTo(job.exactShare(interval), within(0.01));
        }
    }

    @Test
    void aReplayWithoutFailuresLosesTheSavesOnly() {
        CheckpointInterval job = new CheckpointInterval(10, 100, 1e6);
        assertThat(TraceReplay.share(new double[0], 1100, 100, job)).isCloseTo(1000.0 / 1100, within(1e-12));
        assertThat(TraceReplay.share(new double[]{-5, 2000}, 1100, 100, job)).isCloseTo(1000.0 / 1100,
                within(1e-12));
        assertThat(TraceReplay.share(new double[]{100, 150, 250}, 350, 100, job)).isZero();
    }

    @Test
    void refusesWhatIsNoJob() {
        assertThatThrownBy(() -> new CheckpointInterval(0, 1, 1))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new CheckpointInterval(1, 1, Double.NaN))
                .isInstanceOf(IllegalArgumentException.class);
    }
}

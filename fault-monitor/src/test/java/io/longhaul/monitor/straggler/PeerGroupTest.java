package io.longhaul.monitor.straggler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.longhaul.monitor.straggler.PeerEvent.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class PeerGroupTest {
    /** Ratio of a worker's time to what is usual. */
    private interface Factor {
        double of(int step, int worker);
    }

    private static List<PeerEvent> events(long seed, int size, double noise, Factor factor) {
        SplittableRandom random = new SplittableRandom(seed);
        PeerGroup group = new PeerGroup(size, PeerSettings.usual());
        List<PeerEvent> events = new ArrayList<>();
        double[] seconds = new double[size];
        for (int step = 0; step < 300; step++) {
            for (int worker = 0; worker < size; worker++) {
                seconds[worker] = factor.of(step, worker) * (1 + noise * random.nextGaussian());
            }
            events.addAll(group.onStep(step, seconds));
        }
        return events;
    }

    @Test
    void accusesNobodyForNoiseHiccupsOrAClusterThatIsSlow() {
        for (int seed = 0; seed < 50; seed++) {
            SplittableRandom random = new SplittableRandom(100 + seed);
            assertThat(
                    events(
                            seed, 16, 0.02,
                            (step, worker) -> (step > 150 ? 1.5 : 1) * (random.nextInt(30) == 0 ? 3 : 1)))
                    .as("seed %d", seed)
                    .isEmpty();
        }
    }

    @Test
    void findsTheSlowWorkerAndItsRecovery() {
        for (double ratio : new double[]{1.06, 1.3, 2}) {
            for (int seed = 0; seed < 20; seed++) {
                List<PeerEvent> events = events(seed, 8, 0.01,
                        (step, worker) -> worker == 3 && step >= 150 && step < 200 ? ratio : 1);
                assertThat(events).as("%s, seed %d", ratio, seed)
                        .extracting(PeerEvent::kind)
                        .containsExactly(Kind.SLOWER_THAN_BEFORE, Kind.RECOVERED);
                assertThat(events).extracting(PeerEvent::worker).containsOnly(3);
                assertThat(events.getFirst().step()).isBetween(157L, 180L);
            }
        }
    }

    @Test
    void findsAWorkerThatWasSlowFromTheBeginning() {
        assertThat(events(1, 4, 0.02, (step, worker) -> worker == 0 ? 2.5 : 1)).extracting(PeerEvent::kind)
                .containsExactly(Kind.SLOWER_THAN_PEERS);
    }

    @Test
    void sparesWorkersThatAlwaysHadALittleMoreToDo() {
        assertThat(events(1, 10, 0.02, (step, worker) -> 1 + 0.01 * worker)).isEmpty();
    }

    @Test
    void findsFourInTenThatBecomeSlowOneAfterTheOther() {
        for (int seed = 0; seed < 20; seed++) {
            List<PeerEvent> events = events(seed, 10, 0.03,
                    (step, worker) -> worker < 4 && step >= 200 + 5 * worker ? 1.25 : 1);
            assertThat(events).as("seed %d", seed)
                    .extracting(PeerEvent::worker)
                    .containsExactlyInAnyOrder(0, 1, 2, 3);
            assertThat(events).extracting(PeerEvent::step).allMatch(step -> step >= 200 && step < 240);
        }
    }

    @Test
    void missingWorkersAccuseNobody() {
        assertThat(events(1, 6, 0.01, (step, worker) -> worker == 5 && step > 100 ? Double.NaN : 1))
                .isEmpty();
        assertThat(events(1, 2, 0.01, (step, worker) -> worker == 1 ? 0 : 1)).isEmpty();
        assertThatThrownBy(() -> new PeerGroup(1, PeerSettings.usual()))
                .isInstanceOf(IllegalArgumentException.class);
    }
}

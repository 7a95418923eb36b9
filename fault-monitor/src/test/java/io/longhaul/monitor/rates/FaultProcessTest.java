package io.longhaul.monitor.rates;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.monitor.rates.FaultProcess.Fault;
import io.longhaul.monitor.rates.FaultProcess.Rates;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class FaultProcessTest {
    private static final int NODES = 2000;
    private static final Duration TIME = Duration.ofDays(3000);

    private static List<Fault> draw(int seed) {
        return new FaultProcess(Rates.llama3(), NODES, new SplittableRandom(seed)).draw(TIME);
    }

    @Test
    void comesWithTheRateAndMixThatWereAskedFor() {
        List<Fault> faults = draw(1);
        double perThousandNodeDays = faults.size() / (NODES / 1000.0 * TIME.toDays());
        assertThat(perThousandNodeDays).isCloseTo(3.79, within(0.15));
        double gpu = faults.stream().filter(f -> f.component().equals("gpu")).count()
                / (double) faults.size();
        assertThat(gpu).isCloseTo(171.0 / 419, within(0.02));
    }

    @Test
    void comesInBurstsAndOnNodesThatWereJustRepaired() {
        List<Fault> faults = draw(2);
        double[] gaps = new double[faults.size() - 1];
        for (int i = 0; i < gaps.length; i++) {
            gaps[i] = faults.get(i + 1).at().minus(faults.get(i).at()).toMillis();
        }
        double mean = java.util.Arrays.stream(gaps).average().orElseThrow();
        double square = java.util.Arrays.stream(gaps)
                .map(g -> (g - mean) * (g - mean))
                .average()
                .orElseThrow();
        assertThat(Math.sqrt(square) / mean).isGreaterThan(1.05);
        Map<Integer, Fault> last = new HashMap<>();
        int again = 0;
        for (Fault fault : faults) {
            Fault before = last.put(fault.node(), fault);
            assertThat(before == null || before.repairedAt().compareTo(fault.at()) <= 0).isTrue();
            again += before != null
                    && fault.at().minus(before.repairedAt()).compareTo(Duration.ofDays(7)) <= 0 ? 1 : 0;
        }
        assertThat(again / (double) faults.size()).isCloseTo(0.31, within(0.04));
    }

    @Test
    void theSameSeedGivesTheSameFaultsInOrder() {
        assertThat(draw(3)).isEqualTo(draw(3)).isNotEqualTo(draw(4));
        assertThat(draw(3)).extracting(Fault::at).isSorted();
        assertThat(new FaultProcess(Rates.llama3(), 1, new SplittableRandom(1)).draw(Duration.ZERO))
                .isEmpty();
    }

    @Test
    void refusesWhatNeverEnds() {
        assertThatThrownBy(() -> new Rates(1, 0.6, 0.4, Duration.ofHours(1), 1, Map.of("gpu", 1.0)))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new Rates(1, 0, 0, Duration.ofHours(1), 1, Map.of()))
                .isInstanceOf(IllegalArgumentException.class);
    }
}

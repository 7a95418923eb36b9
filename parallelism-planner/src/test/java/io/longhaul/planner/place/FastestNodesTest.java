package io.longhaul.planner.place;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.longhaul.planner.cluster.LinkMatrix;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class FastestNodesTest {
    @Test
    void leavesOutTheNodesWithBadCards() {
        for (int seed = 0; seed < 200; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            int n = random.nextInt(6, 30);
            TreeSet<Integer> bad = new TreeSet<>(
                    List.of(random.nextInt(n), random.nextInt(n)));
            double[][] rates = new double[n][n];
            for (int i = 0; i < n; i++) {
                for (int j = 0; j < n; j++) {
                    rates[i][j] = random.nextDouble(20, 25) * (bad.contains(i) || bad.contains(j) ? 0.5 : 1);
                }
            }
            LinkMatrix links = new LinkMatrix(
                    IntStream.range(0, n).mapToObj(i -> "n" + i).toList(), rates, new double[n][n]);

            List<Integer> stay = FastestNodes.of(links, n - bad.size());

            assertThat(stay).as("seed %d", seed)
                    .doesNotContainAnyElementsOf(bad)
                    .hasSize(n - bad.size())
                    .isSorted();
            assertThat(FastestNodes.of(links, n))
                    .containsExactlyElementsOf(IntStream.range(0, n).boxed().toList());
        }
    }

    /** One bad cable does not make a bad node. */
    @Test
    void forgivesASlowLink() {
        double[][] rates = new double[6][6];
        for (double[] row : rates) {
            Arrays.fill(row, 20e9);
        }
        rates[0][1] = 1e9;
        Arrays.fill(rates[5], 15e9);
        LinkMatrix links = new LinkMatrix(List.of("a", "b", "c", "d", "e", "f"), rates, new double[6][6]);

        assertThat(FastestNodes.of(links, 5)).containsExactly(0, 1, 2, 3, 4);
        assertThatThrownBy(() -> FastestNodes.of(links, 7)).hasMessage("needed must be 1 to 6, got 7");
    }
}

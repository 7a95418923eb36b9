package io.longhaul.planner.place;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;

class StageSplitTest {
    /** Splits of 1 to 9 layers over 1 to 4 stages, some of which do not fit. */
    private static final int SEEDS = 4000;

    private static void everySplit(int layers, int stages, int least, Consumer<int[]> visit) {
        place(new int[stages], 0, layers, least, visit);
    }

    private static void place(int[] counts, int stage, int left, int least, Consumer<int[]> visit) {
        if (stage == counts.length - 1) {
            counts[stage] = left;
            if (left >= least) {
                visit.accept(counts);
            }
            return;
        }
        for (int n = least; n <= left; n++) {
            counts[stage] = n;
            place(counts, stage + 1, left - n, least, visit);
        }
    }

    private static double bruteForce(int layers, int stages, int least, ToDoubleFunction<int[]> seconds) {
        double[] best = {Double.POSITIVE_INFINITY};
        everySplit(layers, stages, least, c -> best[0] = Math.min(best[0], seconds.applyAsDouble(c)));
        return best[0];
    }

    private static double slowest(int[] counts, double[] layer, double[] extra, int[] most) {
        double slowest = 0;
        for (int s = 0; s < counts.length; s++) {
            slowest = Math.max(slowest, extra[s] + counts[s] * layer[s]);
            if (counts[s] > most[s]) {
                return Double.POSITIVE_INFINITY;
            }
        }
        return slowest;
    }

    private static double[] draw(SplittableRandom random, int n, double low, double high, boolean whole) {
        return random.doubles(n, low, high).map(x -> whole ? Math.rint(x) : x).toArray();
    }

    @Test
    void noSplitOfEqualLayersBeatsIt() {
        for (int seed = 0; seed < SEEDS; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            int layers = random.nextInt(1, 10);
            int stages = random.nextInt(1, 5);
            int least = random.nextInt(0, 2);
            double[] layer = draw(random, stages, 1, 4, random.nextBoolean());
            double[] extra = draw(random, stages, 0, 8, random.nextBoolean());
            int[] most = random.ints(stages, 1, 10).toArray();
            double expected = bruteForce(layers, stages, least, c -> slowest(c, layer, extra, most));

            Optional<int[]> found = StageSplit.equalLayers(layers, layer, extra, most, least);

            assertThat(found.isPresent()).as("seed %d", seed).isEqualTo(expected < Double.POSITIVE_INFINITY);
            if (found.isPresent()) {
                assertThat(found.get()).as("seed %d", seed)
                        .satisfies(c -> assertThat(sum(c)).isEqualTo(layers));
                assertThat(Arrays.stream(found.get())).allMatch(n -> n >= least);
                assertThat(slowest(found.get(), layer, extra, most)).as("seed %d", seed)
                        .isCloseTo(expected, within(1e-9));
            }
        }
    }

    @Test
    void noSplitHasALessOneForwardOneBackwardTime() {
        int mattered = 0;
        for (int seed = 0; seed < SEEDS; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            int layers = random.nextInt(1, 10);
            int stages = random.nextInt(1, 5);
            int least = random.nextInt(0, 2);
            double[] layer = draw(random, stages, 1, 4, random.nextBoolean());
            double[] extra = draw(random, stages, 0, 8, random.nextBoolean());
            int[] most = random.ints(stages, 1, 10).toArray();
            int microBatches = random.nextInt(1, 6);
            double expected = bruteForce(
                    layers, stages, least,
                    c -> slowest(c, layer, extra, most) == Double.POSITIVE_INFINITY
                            ? Double.POSITIVE_INFINITY
                            : StageSplit.seconds(c, layer, extra, microBatches));

            Optional<int[]> found = StageSplit.fillAndSteady(layers, layer, extra, most, least, microBatches);

            assertThat(found.isPresent()).as("seed %d", seed).isEqualTo(expected < Double.POSITIVE_INFINITY);
            if (found.isPresent()) {
                assertThat(slowest(found.get(), layer, extra, most)).isFinite();
                assertThat(StageSplit.seconds(found.get(), layer, extra, microBatches)).as("seed %d", seed)
                        .isCloseTo(expected, within(1e-9));
                int[] even = StageSplit.equalLayers(layers, layer, extra, most, least).orElseThrow();
                mattered += StageSplit.seconds(even, layer, extra, microBatches) > expected + 1e-9 ? 1 : 0;
            }
        }
        assertThat(mattered).as("cases where the sum of stages changed the split").isGreaterThan(100);
    }

    @Test
    void noSplitOfUnequalLayersBeatsIt() {
        int impossible = 0;
        for (int seed = 0; seed < SEEDS; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            int layers = random.nextInt(1, 10);
            int stages = random.nextInt(1, 5);
            int least = random.nextInt(0, 2);
            double[] seconds = draw(random, layers, 0, 5, random.nextBoolean());
            double[] bytes = draw(random, layers, 0, 5, random.nextBoolean());
            double[] slowness = draw(random, stages, 1, 3, random.nextBoolean());
            double[] extra = draw(random, stages, 0, 8, random.nextBoolean());
            double[] free = draw(random, stages, 5, 25, random.nextBoolean());
            double expected = bruteForce(
                    layers, stages, least, c -> slowest(c, seconds, bytes, slowness, extra, free));

            Optional<int[]> found = StageSplit.unequalLayers(seconds, bytes, slowness, extra, free, least);

            assertThat(found.isPresent()).as("seed %d", seed).isEqualTo(expected < Double.POSITIVE_INFINITY);
            if (found.isPresent()) {
                assertThat(slowest(found.get(), seconds, bytes, slowness, extra, free)).as("seed %d", seed)
                        .isCloseTo(expected, within(1e-9));
                assertThat(Arrays.stream(found.get())).allMatch(n -> n >= least);
            } else {
                impossible++;
            }
        }
        assertThat(impossible).as("cases that do not fit").isBetween(100, SEEDS - 1000);
    }

    private static double slowest(
            int[] counts, double[] seconds, double[] bytes, double[] slowness, double[] extra,
            double[] free) {
        double slowest = 0;
        int layer = 0;
        for (int s = 0; s < counts.length; s++) {
            double own = 0;
            double held = 0;
            for (int n = 0; n < counts[s]; n++, layer++) {
                own += seconds[layer];
                held += bytes[layer];
            }
            if (held > free[s] + 1e-9) {
                return Double.POSITIVE_INFINITY;
            }
            slowest = Math.max(slowest, extra[s] + slowness[s] * own);
        }
        return slowest;
    }

    private static int sum(int[] counts) {
        return Arrays.stream(counts).sum();
    }

    /** 126 layers of Llama 3 405B on 16 stages: the first and the last have one less (Llama 3, section 3.3.2). */
    @Test
    void takesALayerFromTheStagesWithEmbeddingAndLoss() {
        double[] layer = new double[16];
        Arrays.fill(layer, 1);
        double[] extra = new double[16];
        extra[0] = 0.9;
        extra[15] = 0.9;
        int[] most = new int[16];
        Arrays.fill(most, 126);

        int[] counts = StageSplit.equalLayers(126, layer, extra, most, 1).orElseThrow();

        assertThat(counts).containsExactly(7, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 7);
    }

    @Test
    void chunksOfAStageAddUpToIt() {
        int[] counts = {5, 4, 4, 3};

        assertThat(StageSplit.chunked(counts, 2, false).layers()).isEqualTo(List.of(3, 2, 2, 2, 2, 2, 2, 1));
        assertThat(StageSplit.chunked(counts, 2, true).layers()).isEqualTo(List.of(3, 2, 2, 2, 1, 2, 2, 2));
    }
}

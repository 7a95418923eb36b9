package io.longhaul.planner.place;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class MixedPlannerTest {
    private static final int SEEDS = 1500;

    /** Layers cost by the speed of the part; per-step work is the same for all splits, or none. */
    private record Prices(
            double[] layer,
            double embedding,
            double head,
            double hop,
            double crossing,
            double step,
            int most)
            implements
                PartPrices {
        @Override
        public double layerSeconds(int part, int tensor, int microBatch) {
            return layer[part] * microBatch / Math.pow(tensor, 0.8);
        }

        @Override
        public double embeddingSeconds(int part, int tensor, int microBatch) {
            return embedding * layer[part] * microBatch / tensor;
        }

        @Override
        public double headSeconds(int part, int tensor, int microBatch) {
            return head * layer[part] * microBatch / tensor;
        }

        @Override
        public double hopSeconds(int from, int to, int tensor, int microBatch) {
            return (from == to ? hop : crossing) * microBatch;
        }

        @Override
        public double stepSeconds(int part, int tensor, int data, int layers) {
            return step * (data - 1) / data / tensor;
        }

        @Override
        public int mostLayers(
                int part, int tensor, int data, int microBatch, int microBatches, int stage, int stages) {
            return most * tensor / microBatch - part;
        }
    }

    private static Prices prices(SplittableRandom random, int parts) {
        return new Prices(
                random.doubles(parts, 1, 4).toArray(), random.nextDouble(), random.nextDouble(0, 3),
                random.nextDouble(0, 0.2), random.nextDouble(0, 2), random.nextDouble(0, 5),
                random.nextInt(1, 8));
    }

    /** The least time over all sequences of parts, where each may come once, and all splits. */
    private static double bruteForce(int layers, int batch, int[] ranks, int perNode, Prices prices) {
        double best = Double.POSITIVE_INFINITY;
        for (int tensor = 1; tensor <= perNode; tensor *= 2) {
            for (int data = 1; data <= batch; data++) {
                for (int microBatch = 1; batch % data == 0 && microBatch <= batch / data; microBatch++) {
                    if (batch / data % microBatch == 0) {
                        best = Math.min(
                                best,
                                stage(
                                        new ArrayList<>(), new ArrayList<>(), layers, tensor, data,
                                        microBatch,
                                        batch / data / microBatch, ranks, prices));
                    }
                }
            }
        }
        return best;
    }

    private static double stage(
            List<Integer> parts, List<Integer> counts, int left, int tensor, int data, int microBatch,
            int microBatches, int[] ranks, Prices prices) {
        if (left == 0) {
            return seconds(parts, counts, tensor, data, microBatch, microBatches, prices);
        }
        double best = Double.POSITIVE_INFINITY;
        for (int part = 0; part < ranks.length; part++) {
            int own = part;
            long used = parts.stream().filter(p -> p == own).count();
            boolean contiguous = used == 0 || parts.getLast() == part;
            if (contiguous && (used + 1) * tensor * data <= ranks[part]) {
                for (int n = 1; n <= left; n++) {
                    parts.add(part);
                    counts.add(n);
                    best = Math.min(
                            best,
                            stage(parts, counts, left - n, tensor, data, microBatch, microBatches, ranks,
                                    prices));
                    parts.removeLast();
                    counts.removeLast();
                }
            }
        }
        return best;
    }

    private static double seconds(
            List<Integer> parts, List<Integer> counts, int tensor, int data, int microBatch, int microBatches,
            Prices prices) {
        int stages = parts.size();
        double sum = 0;
        double slowest = 0;
        for (int s = 0; s < stages; s++) {
            int part = parts.get(s);
            if (counts.get(s) > prices.mostLayers(part, tensor, data, microBatch, microBatches, s, stages)) {
                return Double.POSITIVE_INFINITY;
            }
            double own = counts.get(s) * prices.layerSeconds(part, tensor, microBatch)
                    + (s == 0 ? prices.embeddingSeconds(part, tensor, microBatch) : 0)
                    + (s == stages - 1 ? prices.headSeconds(part, tensor, microBatch) : 0)
                    + (s == 0 ? 0 : prices.hopSeconds(parts.get(s - 1), part, tensor, microBatch));
            sum += own;
            slowest = Math.max(slowest, own);
        }
        return sum + (microBatches - 1) * slowest + prices.stepSeconds(0, tensor, data, 0);
    }

    @Test
    void noPipelineThroughThePartsIsFaster() {
        int mixed = 0;
        for (int seed = 0; seed < SEEDS; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            int parts = random.nextInt(1, 4);
            int layers = random.nextInt(1, 6);
            int batch = random.nextInt(1, 7);
            int[] ranks = random.ints(parts, 1, 5).toArray();
            int[] perNode = new int[parts];
            Arrays.fill(perNode, 2);
            Prices prices = prices(random, parts);
            double expected = bruteForce(layers, batch, ranks, 2, prices);

            Optional<MixedPlan> found = MixedPlanner.best(layers, batch, ranks, perNode, prices);

            assertThat(found.isPresent()).as("seed %d", seed).isEqualTo(expected < Double.POSITIVE_INFINITY);
            found.ifPresent(plan -> assertThat(plan.seconds()).isCloseTo(expected, within(1e-9)));
            mixed += found.filter(plan -> plan.legs().size() > 1).isPresent() ? 1 : 0;
        }
        assertThat(mixed).as("plans through more than one part").isGreaterThan(SEEDS / 10);
    }

    @Test
    void morePartsAreNeverSlower() {
        for (int seed = 0; seed < SEEDS; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            int[] ranks = random.ints(2, 1, 33).toArray();
            int layers = random.nextInt(1, 25);
            int batch = 1 << random.nextInt(0, 6);
            Prices prices = prices(random, 2);

            double both = seconds(MixedPlanner.best(layers, batch, ranks, new int[]{4, 4}, prices));
            double first = seconds(
                    MixedPlanner.best(layers, batch, new int[]{ranks[0], 0}, new int[]{4, 4}, prices));
            double second = seconds(
                    MixedPlanner.best(layers, batch, new int[]{0, ranks[1]}, new int[]{4, 4}, prices));

            assertThat(both).as("seed %d", seed).isLessThanOrEqualTo(Math.min(first, second));
        }
    }

    private static double seconds(Optional<MixedPlan> plan) {
        return plan.map(MixedPlan::seconds).orElse(Double.POSITIVE_INFINITY);
    }

    /** Twice as fast devices get twice as many layers. */
    @Test
    void layersFollowSpeed() {
        Prices prices = new Prices(new double[]{1, 2}, 0, 0, 0, 0, 0, 100);

        MixedPlan plan = MixedPlanner.best(24, 64, new int[]{4, 4}, new int[]{1, 1}, prices).orElseThrow();

        double layers = plan.legs()
                .stream()
                .filter(leg -> leg.part() == 0)
                .flatMap(leg -> leg.layers().stream())
                .mapToInt(n -> n)
                .sum();
        assertThat(layers).isEqualTo(16);
        assertThat(plan.ranks(0)).isEqualTo(4);
        assertThat(plan.ranks(1)).isEqualTo(4);
    }
}

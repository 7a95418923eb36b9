package io.longhaul.planner.place;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class SequencePackingTest {
    private static final int SEEDS = 2000;

    private static SequenceCost cost(SplittableRandom random) {
        return new SequenceCost(
                random.nextDouble(0, 1e-6), random.nextDouble(1e-4, 1e-3), random.nextInt(2) * 2e-4,
                random.nextInt(300, 2000));
    }

    /** The least time over every number of ranks that fits and every aligned group. */
    private static double bruteForce(int[] lengths, int at, double[] busy, SequenceCost cost) {
        if (at == lengths.length) {
            return Arrays.stream(busy).max().orElseThrow();
        }
        double best = Double.POSITIVE_INFINITY;
        int fewest = SequenceCost.ranks(lengths[at], cost.tokensPerRank());
        for (int width = fewest; width <= busy.length; width *= 2) {
            double seconds = cost.seconds(lengths[at], width);
            for (int first = 0; first + width <= busy.length; first += width) {
                double[] then = busy.clone();
                for (int rank = first; rank < first + width; rank++) {
                    then[rank] += seconds;
                }
                best = Math.min(best, bruteForce(lengths, at + 1, then, cost));
            }
        }
        return best;
    }

    @Test
    void boundIsBelowTheBestPackingAndGrahamsLimitAboveTheFoundOne() {
        double ratio = 0;
        for (int seed = 0; seed < SEEDS; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            SequenceCost cost = cost(random);
            int domain = random.nextInt(1, 5);
            int most = Integer.highestOneBit(domain) * cost.tokensPerRank();
            int[] lengths = random.ints(random.nextInt(1, 5), 1, most + 1).toArray();
            double optimum = bruteForce(lengths, 0, new double[domain], cost);

            SequencePacking found = SequencePacking.pack(lengths, cost.tokensPerRank(), domain, cost);

            assertThat(SequencePacking.bound(lengths, domain, cost)).as("seed %d", seed)
                    .isLessThanOrEqualTo(optimum + 1e-12);
            assertThat(found.seconds()).as("seed %d", seed).isGreaterThanOrEqualTo(optimum - 1e-12);
            double work = 0;
            double slowest = 0;
            double[] busy = new double[domain];
            for (int i = 0; i < lengths.length; i++) {
                double seconds = cost.seconds(lengths[i], found.ranks()[i]);
                work += seconds * found.ranks()[i];
                slowest = Math.max(slowest, seconds);
                assertThat(lengths[i]).isLessThanOrEqualTo(found.ranks()[i] * cost.tokensPerRank());
                for (int rank = found.first()[i]; rank < found.first()[i] + found.ranks()[i]; rank++) {
                    busy[rank] += seconds;
                }
            }
            assertThat(found.seconds()).as("seed %d", seed)
                    .isCloseTo(Arrays.stream(busy).max().orElseThrow(), within(1e-12));
            if (Integer.bitCount(domain) == 1) {
                assertThat(found.seconds()).as("seed %d", seed)
                        .isLessThanOrEqualTo(work / domain + slowest + 1e-12);
            }
            ratio += found.seconds() / optimum / SEEDS;
        }
        assertThat(ratio).as("mean of found over best").isLessThan(1.3);
    }

    /** FlexSP's setting: most sequences short, few very long; long ones alone need the wide groups. */
    @Test
    void shortSequencesAreNotSpreadOverTheRanksThatLongOnesNeed() {
        LengthHistogram lengths = new LengthHistogram(List.of(
                new LengthHistogram.Bucket(1024, 6000), new LengthHistogram.Bucket(4096, 3000),
                new LengthHistogram.Bucket(16384, 900), new LengthHistogram.Bucket(131072, 100)));
        SequenceCost cost = new SequenceCost(2e-9, 2e-5, 1e-5, 8192);

        SequencePlan plan = SequencePlan.best(lengths, 64, 512, cost);

        assertThat(plan.table().getFirst().ranks()).isEqualTo(1);
        assertThat(plan.table().stream().mapToDouble(SequencePlan.Line::work).sum()).isCloseTo(1,
                within(1e-9));
        assertThat(plan.seconds()).isGreaterThanOrEqualTo(plan.boundSeconds())
                .isLessThan(1.25 * plan.boundSeconds())
                .isLessThan(plan.fixedSeconds());
        assertThat(plan.slowSeconds()).isGreaterThanOrEqualTo(plan.seconds());
        assertThat(plan).isEqualTo(SequencePlan.best(lengths, 64, 512, cost));
    }

    @Test
    void oneLengthIsSharedEvenly() {
        LengthHistogram lengths = new LengthHistogram(
                List.of(new LengthHistogram.Bucket(4095, 0), new LengthHistogram.Bucket(4096, 10)));

        SequencePlan plan = SequencePlan.best(lengths, 8, 64, new SequenceCost(1e-9, 1e-5, 1e-6, 4096));

        assertThat(plan.imbalance()).isCloseTo(0, within(1e-9));
        assertThat(plan.seconds()).isCloseTo(plan.boundSeconds(), within(1e-9));
    }

    @Test
    void saysWhatDoesNotFit() {
        LengthHistogram lengths = new LengthHistogram(List.of(new LengthHistogram.Bucket(10_000, 1)));

        assertThatThrownBy(() -> SequencePlan.best(lengths, 8, 1, new SequenceCost(1e-9, 1e-5, 0, 1000)))
                .hasMessage("the longest sequence (10000 tokens) must fit into 8 ranks of 1000 tokens");
    }
}

package io.longhaul.planner.search;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.planner.search.BranchAndBound.Opened;
import io.longhaul.planner.search.BranchAndBound.Result;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BranchAndBoundTest {
    /** A range of drawn costs, halved until single; some cannot be chosen, many are equal. */
    private record Range(int from, int to) {}

    private record Costs(double[] costs, Random slack) implements BranchAndBound.Space<Range, Integer> {
        @Override
        public List<Range> roots() {
            int third = costs.length / 3;
            return List.of(new Range(0, third), new Range(third, costs.length));
        }

        @Override
        public double bound(Range r) {
            double least = Double.POSITIVE_INFINITY;
            for (int i = r.from; i < r.to; i++) {
                least = Math.min(least, costs[i]);
            }
            return least == Double.POSITIVE_INFINITY ? 0 : least * slack.nextDouble();
        }

        @Override
        public long size(Range r) {
            return r.to - r.from;
        }

        @Override
        public void open(Range r, Opened<Range, Integer> into) {
            if (r.to - r.from <= 2) {
                for (int i = r.from; i < r.to; i++) {
                    into.leaf(i, costs[i]);
                }
                return;
            }
            int middle = (r.from + r.to) / 2;
            into.node(new Range(middle, r.to));
            into.node(new Range(r.from, middle));
        }
    }

    @Test
    void findsTheCheapestLeafAndAccountsForAll() {
        long pruned = 0;
        for (long seed = 0; seed < 2000; seed++) {
            Random random = new Random(seed);
            double[] costs = new double[3 + random.nextInt(60)];
            int cheapest = -1;
            for (int i = 0; i < costs.length; i++) {
                costs[i] = random.nextInt(4) == 0 ? Double.POSITIVE_INFINITY : 1 + random.nextInt(9);
                if (costs[i] < (cheapest < 0 ? Double.POSITIVE_INFINITY : costs[cheapest])) {
                    cheapest = i;
                }
            }
            Result<Integer> found = BranchAndBound.search(
                    new Costs(costs, random), Comparator.naturalOrder());
            List<Integer> expected = new ArrayList<>();
            if (cheapest >= 0) {
                expected.add(cheapest);
            }
            assertThat(found.best().stream().toList()).as("seed " + seed).isEqualTo(expected);
            assertThat(found.nominal()).as("seed " + seed).isEqualTo(costs.length);
            assertThat(found.priced() + found.pruned()).as("seed " + seed).isEqualTo(costs.length);
            assertThat(found.bound()).as("seed " + seed)
                    .isGreaterThan(found.cost() == Double.POSITIVE_INFINITY
                            ? 0
                            : found.cost());
            pruned += found.pruned();
        }
        assertThat(pruned).isPositive();
    }
}

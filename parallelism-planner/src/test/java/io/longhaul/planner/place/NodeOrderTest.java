package io.longhaul.planner.place;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.planner.cluster.LinkMatrix;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class NodeOrderTest {
    private static final int SEEDS = 2000;
    private static final int[][] GRIDS = {{1, 1}, {2, 1}, {1, 4}, {5, 1}, {2, 2}, {2, 3}, {3, 2}};

    static LinkMatrix links(SplittableRandom random, int nodes, double worstGBps) {
        double[][] rates = new double[nodes][nodes];
        double[][] latencies = new double[nodes][nodes];
        for (int i = 0; i < nodes; i++) {
            for (int j = 0; j < nodes; j++) {
                rates[i][j] = 1e9 * random.nextDouble(worstGBps, 25);
                latencies[i][j] = random.nextDouble(0, 5e-5);
            }
        }
        return new LinkMatrix(names(nodes), rates, latencies);
    }

    private static List<String> names(int nodes) {
        return IntStream.range(0, nodes).mapToObj(i -> "node" + i).toList();
    }

    private static NodeTraffic traffic(SplittableRandom random, int[] grid) {
        double slack = switch (random.nextInt(3)) {
            case 0 -> 0;
            case 1 -> random.nextDouble(0, 0.05);
            default -> Double.POSITIVE_INFINITY;
        };
        return new NodeTraffic(grid[0], grid[1], random.nextDouble(0, 2e8), 2, random.nextDouble(0, 2e9),
                slack);
    }

    private static void permutations(List<Integer> chosen, int nodes, Consumer<List<Integer>> visit) {
        if (chosen.size() == nodes) {
            visit.accept(chosen);
            return;
        }
        for (int i = 0; i < nodes; i++) {
            if (!chosen.contains(i)) {
                chosen.add(i);
                permutations(chosen, nodes, visit);
                chosen.removeLast();
            }
        }
    }

    /** Seconds by the definition, independent of {@link GridCost}. */
    private static double seconds(LinkMatrix links, NodeTraffic t, List<Integer> order) {
        double slowest = 0;
        for (int d = 0; d < t.columns(); d++) {
            double column = 0;
            for (int p = 0; p + 1 < t.stages(); p++) {
                column += t.hops() * links.seconds(
                        order.get(p * t.columns() + d), order.get((p + 1) * t.columns() + d), t.hopBytes());
            }
            slowest = Math.max(slowest, column);
        }
        double seen = 0;
        for (int p = 0; p < t.stages() && t.columns() > 1; p++) {
            double ring = 0;
            for (int d = 0; d < t.columns(); d++) {
                ring = Math.max(
                        ring,
                        links.seconds(
                                order.get(p * t.columns() + d),
                                order.get(p * t.columns() + (d + 1) % t.columns()),
                                t.ringBytes() / t.columns()));
            }
            double hidden = p == 0 ? 0 : p * t.slackSeconds();
            seen = Math.max(seen, 2 * (t.columns() - 1) * ring - hidden);
        }
        return slowest + seen;
    }

    @Test
    void findsTheBestOrderOfFewNodesAndTheBoundIsBelowIt() {
        int best = 0;
        for (int seed = 0; seed < SEEDS; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            NodeTraffic traffic = traffic(random, GRIDS[random.nextInt(GRIDS.length)]);
            LinkMatrix links = links(random, traffic.nodes(), random.nextDouble(1, 24));
            double[] optimum = {Double.POSITIVE_INFINITY};
            permutations(
                    new ArrayList<>(), traffic.nodes(),
                    order -> optimum[0] = Math.min(optimum[0], seconds(links, traffic, order)));

            NodePlacement exact = NodeOrder.best(links, traffic);
            NodePlacement found = new NodeOrder(links, traffic).improved();

            assertThat(exact.seconds()).as("seed %d", seed).isCloseTo(optimum[0], within(1e-12));
            assertThat(exact.gap()).as("seed %d", seed).isZero();
            assertThat(found.seconds()).as("seed %d", seed)
                    .isCloseTo(seconds(links, traffic, found.order()), within(1e-12));
            assertThat(found.boundSeconds()).as("seed %d", seed).isLessThanOrEqualTo(optimum[0] + 1e-12);
            best += found.seconds() <= optimum[0] * (1 + 1e-9) ? 1 : 0;
        }
        assertThat(best).as("seeds whose optimum was found").isGreaterThanOrEqualTo(SEEDS * 98 / 100);
    }

    @Test
    void placesEveryNodeOnceAndNeverWorseThanGiven() {
        for (int seed = 0; seed < 40; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            NodeTraffic traffic = traffic(random, new int[]{random.nextInt(1, 7), random.nextInt(1, 7)});
            LinkMatrix links = links(random, traffic.nodes(), 1);

            NodePlacement found = NodeOrder.best(links, traffic);

            assertThat(found.order()).containsExactlyInAnyOrderElementsOf(
                    IntStream.range(0, traffic.nodes()).boxed().toList());
            assertThat(found.seconds()).isLessThanOrEqualTo(found.givenSeconds());
            assertThat(found.boundSeconds()).isLessThanOrEqualTo(found.seconds());
            assertThat(found).isEqualTo(NodeOrder.best(links, traffic));
        }
    }

    /** Two halls, named in turn; gradients travel inside a hall, only micro-batches from one to the other. */
    @Test
    void keepsRingsInsideAHall() {
        int n = 16;
        double[][] rates = new double[n][n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                rates[i][j] = i % 2 == j % 2 ? 25e9 : 5e9;
            }
        }
        LinkMatrix links = new LinkMatrix(names(n), rates, new double[n][n]);

        NodePlacement found = NodeOrder.best(links, new NodeTraffic(4, 4, 1e8, 2, 4e9, 0));

        for (int stage = 0; stage < 4; stage++) {
            List<Integer> row = found.order().subList(4 * stage, 4 * stage + 4);
            assertThat(row.stream().map(node -> node % 2).distinct()).as("halls of stage %d", stage)
                    .hasSize(1);
        }
        // 6 rounds of 1 GB at 25 GB/s; 2 passes over two hops of 4 ms and one of 20 ms.
        assertThat(found.ringSeconds()).isCloseTo(0.24, within(1e-9));
        assertThat(found.hopSeconds()).isCloseTo(0.056, within(1e-9));
    }

    @Test
    void saysHowManyNodesTheGridHas() {
        LinkMatrix links = links(new SplittableRandom(1), 5, 1);

        assertThatThrownBy(() -> NodeOrder.best(links, new NodeTraffic(2, 2, 1, 2, 1, 0)))
                .hasMessage("stages * columns (2 * 2) must be the number of nodes (5)");
    }
}

package io.longhaul.planner.place;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * What no placement in the grid can beat. Columns and rings are bounded by themselves; both bounds hold for every
 * placement, so their sum does.
 */
final class NodeOrderBound {
    private NodeOrderBound() {}

    static double seconds(GridCost grid) {
        return columnSeconds(grid) + ringSeconds(grid);
    }

    /**
     * The slowest column takes at least the mean. All columns together are a forest of {@code columns} trees: it weighs
     * at least as much as the lightest one, which Kruskal's first edges are. And every end of a column touches one
     * edge, every other node two: half of the sum of the lightest such edges is a bound as well.
     */
    static double columnSeconds(GridCost grid) {
        if (grid.stages == 1) {
            return 0;
        }
        return Math.max(lightestForest(grid), lightestDegrees(grid)) / grid.columns;
    }

    private static double lightestForest(GridCost grid) {
        int n = grid.nodes;
        int wanted = n - grid.columns;
        Components parts = new Components(n);
        double sum = 0;
        for (int edge : byWeight(grid.hop, n)) {
            if (wanted > 0 && parts.join(edge / n, edge % n)) {
                sum += grid.hop[edge];
                wanted--;
            }
        }
        return sum;
    }

    private static double lightestDegrees(GridCost grid) {
        int n = grid.nodes;
        double sum = 0;
        double[] second = new double[n];
        for (int i = 0; i < n; i++) {
            double[] two = lightestTwo(grid.hop, i, n);
            sum += two[0];
            second[i] = two[1];
        }
        Arrays.sort(second);
        for (int i = 0; i < n - 2 * grid.columns; i++) {
            sum += second[i];
        }
        return sum / 2;
    }

    private static double[] lightestTwo(double[] weights, int node, int n) {
        double first = Double.POSITIVE_INFINITY;
        double second = Double.POSITIVE_INFINITY;
        for (int j = 0; j < n; j++) {
            double weight = weights[node * n + j];
            if (j != node && weight < second) {
                second = Math.max(first, weight);
                first = Math.min(first, weight);
            }
        }
        return new double[]{first, second};
    }

    /**
     * The rings of the first {@code k} stages are disjoint circles. Links up to some time can hold no more of them than
     * fit into the connected parts that remain when nodes with fewer than two such links are taken away; the least time
     * that holds {@code k}, less the slack of the {@code k}-th, is a bound for every {@code k}.
     */
    static double ringSeconds(GridCost grid) {
        if (grid.columns == 1) {
            return 0;
        }
        int n = grid.nodes;
        int[] edges = byWeight(grid.ring, n);
        double bound = 0;
        int low = 0;
        for (int k = 1; k <= grid.stages && grid.slack[k - 1] < Double.POSITIVE_INFINITY; k++) {
            int high = edges.length - 1;
            while (low < high) {
                int middle = (low + high) / 2;
                if (circles(edges, middle + 1, grid) >= k) {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            bound = Math.max(bound, grid.ring[edges[low]] - grid.slack[k - 1]);
        }
        return bound;
    }

    /** Circles of {@code columns} nodes, at most, in the graph of the first {@code count} edges. */
    private static int circles(int[] edges, int count, GridCost grid) {
        int n = grid.nodes;
        int needed = grid.columns > 2 ? 2 : 1;
        int[] degree = new int[n];
        for (int e = 0; e < count; e++) {
            degree[edges[e] / n]++;
            degree[edges[e] % n]++;
        }
        boolean[] linked = new boolean[n * n];
        for (int e = 0; e < count; e++) {
            linked[edges[e]] = true;
        }
        boolean[] gone = new boolean[n];
        for (boolean changed = true; changed;) {
            changed = false;
            for (int i = 0; i < n; i++) {
                if (!gone[i] && degree[i] < needed) {
                    gone[i] = true;
                    changed = true;
                    for (int j = 0; j < n; j++) {
                        degree[j] -= linked[i < j ? i * n + j : j * n + i] ? 1 : 0;
                    }
                }
            }
        }
        Components parts = new Components(n);
        for (int e = 0; e < count; e++) {
            if (!gone[edges[e] / n] && !gone[edges[e] % n]) {
                parts.join(edges[e] / n, edges[e] % n);
            }
        }
        int circles = 0;
        for (int i = 0; i < n; i++) {
            circles += parts.find(i) == i ? parts.size[i] / grid.columns : 0;
        }
        return circles;
    }

    /** Pairs {@code i < j} as {@code i * n + j}, lightest first. */
    private static int[] byWeight(double[] weights, int n) {
        return IntStream.range(0, n * n)
                .filter(e -> e / n < e % n)
                .boxed()
                .sorted((a, b) -> Double.compare(weights[a], weights[b]))
                .mapToInt(e -> e)
                .toArray();
    }

    /** Connected parts of a graph. */
    private static final class Components {
        private final int[] parent;
        private final int[] size;

        Components(int n) {
            parent = IntStream.range(0, n).toArray();
            size = new int[n];
            Arrays.fill(size, 1);
        }

        int find(int node) {
            while (parent[node] != node) {
                parent[node] = parent[parent[node]];
                node = parent[node];
            }
            return node;
        }

        boolean join(int a, int b) {
            int one = find(a);
            int other = find(b);
            if (one == other) {
                return false;
            }
            int large = size[one] >= size[other] ? one : other;
            int small = large == one ? other : one;
            parent[small] = large;
            size[large] += size[small];
            return true;
        }
    }
}

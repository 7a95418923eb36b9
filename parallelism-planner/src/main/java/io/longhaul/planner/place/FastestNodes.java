package io.longhaul.planner.place;

import io.longhaul.planner.cluster.LinkMatrix;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** Which nodes to leave out as spares when there are more than a plan needs. */
public final class FastestNodes {
    private FastestNodes() {}

    /**
     * Takes the node away whose median link to those left is slowest, until as many are left as needed. A rule, not an
     * optimum: the median forgives a single bad cable and finds a bad card.
     *
     * @param needed at most the matrix's nodes
     * @return nodes that stay, ascending
     */
    public static List<Integer> of(LinkMatrix links, int needed) {
        if (needed < 1 || needed > links.nodes()) {
            throw new IllegalArgumentException("needed must be 1 to " + links.nodes() + ", got " + needed);
        }
        List<Integer> left = new ArrayList<>(IntStream.range(0, links.nodes()).boxed().toList());
        while (left.size() > needed) {
            int slowest = 0;
            double least = Double.POSITIVE_INFINITY;
            for (int i = 0; i < left.size(); i++) {
                double median = median(links, left, left.get(i));
                if (median <= least) {
                    least = median;
                    slowest = i;
                }
            }
            left.remove(slowest);
        }
        return List.copyOf(left);
    }

    private static double median(LinkMatrix links, List<Integer> nodes, int node) {
        double[] rates = nodes.stream()
                .filter(n -> n != node)
                .mapToDouble(n -> links.bytesPerSecond(node, n))
                .toArray();
        Arrays.sort(rates);
        return rates[rates.length / 2];
    }
}

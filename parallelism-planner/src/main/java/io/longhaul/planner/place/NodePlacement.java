package io.longhaul.planner.place;

import java.util.List;

/**
 * Which node takes which place, and what that is worth.
 *
 * @param order nodes by rank: all of the first stage, then all of the second, and so on
 * @param hopSeconds of the slowest pipeline, from end to end
 * @param ringSeconds of the ring that is seen for longest
 * @param boundSeconds that no order can beat
 * @param givenSeconds of the nodes in the order of the matrix
 */
public record NodePlacement(
        List<Integer> order,
        double hopSeconds,
        double ringSeconds,
        double boundSeconds,
        double givenSeconds) {
    public NodePlacement {
        order = List.copyOf(order);
    }

    public double seconds() {
        return hopSeconds + ringSeconds;
    }

    /** Share by which the best order may be faster, in [0, 1]; 0 proves that none is. */
    public double gap() {
        return seconds() > 0 ? Math.max(0, 1 - boundSeconds / seconds()) : 0;
    }
}

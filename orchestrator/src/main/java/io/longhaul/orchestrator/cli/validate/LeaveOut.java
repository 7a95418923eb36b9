package io.longhaul.orchestrator.cli.validate;

import java.util.List;
import java.util.stream.IntStream;

/**
 * Chooses settings for each item by all items of other groups, so that the item's score says what to expect of groups
 * that nobody has seen.
 *
 * <p>Of settings that do equally well the middle one is taken: neither end of the grid, and not the shipped settings,
 * which were chosen with all items in sight.
 */
final class LeaveOut {
    private LeaveOut() {}

    /**
     * @param groups group of each item
     * @param costs what each setting costs on each item, {@code [setting][item]}, settings in the order of the grid
     * @return the setting for each item
     */
    static int[] choose(List<String> groups, int[][] costs) {
        int[] chosen = new int[groups.size()];
        for (int item = 0; item < chosen.length; item++) {
            String left = groups.get(item);
            int[] others = IntStream.range(0, chosen.length)
                    .filter(i -> !groups.get(i).equals(left))
                    .toArray();
            int[] sums = new int[costs.length];
            for (int setting = 0; setting < sums.length; setting++) {
                int[] cost = costs[setting];
                sums[setting] = IntStream.of(others).map(i -> cost[i]).sum();
            }
            int least = IntStream.of(sums).min().orElseThrow();
            int[] best = IntStream.range(0, sums.length).filter(s -> sums[s] == least).toArray();
            chosen[item] = best[best.length / 2];
        }
        return chosen;
    }
}

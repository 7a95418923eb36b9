package io.longhaul.planner.place;

import java.util.Arrays;
import java.util.Comparator;
import java.util.PriorityQueue;

/**
 * Sequences of one batch on the ranks of a data and context domain, each on as many ranks as it needs: a power of two,
 * aligned, as Megatron-LM's hybrid context parallelism forms its groups.
 *
 * <p>Widest sequences first, so that the ranks of a group are always equally far and none of them waits; among equals
 * the longest first onto the group that is free first. Where the number of ranks is a power of two, the slowest
 * takes at most the mean plus the longest sequence (Graham 1966); {@link #bound} is what no choice of ranks and groups
 * can beat.
 *
 * @param ranks of each sequence
 * @param first rank of each sequence's group
 * @param seconds of the slowest rank
 */
public record SequencePacking(int[] ranks, int[] first, double seconds) {

    /**
     * @param lengths of the sequences, >= 1
     * @param widths ranks of each, powers of two, at most {@code domain}
     * @param domain ranks that there are
     */
    public static SequencePacking pack(int[] lengths, int[] widths, int domain, SequenceCost cost) {
        Integer[] order = new Integer[lengths.length];
        double[] seconds = new double[lengths.length];
        for (int i = 0; i < order.length; i++) {
            order[i] = i;
            seconds[i] = cost.seconds(lengths[i], widths[i]);
        }
        Arrays.sort(
                order,
                Comparator.comparingInt((Integer i) -> -widths[i]).thenComparingDouble(i -> -seconds[i]));
        double[] busy = new double[domain];
        int[] first = new int[lengths.length];
        int next = 0;
        for (int width = Integer.highestOneBit(domain); width >= 1; width /= 2) {
            PriorityQueue<Integer> groups = new PriorityQueue<>(
                    Comparator.comparingDouble((Integer rank) -> busy[rank]).thenComparingInt(rank -> rank));
            for (int rank = 0; rank + width <= domain; rank += width) {
                groups.add(rank);
            }
            for (; next < order.length && widths[order[next]] == width; next++) {
                int rank = groups.remove();
                first[order[next]] = rank;
                Arrays.fill(busy, rank, rank + width, busy[rank] + seconds[order[next]]);
                groups.add(rank);
            }
        }
        if (next < order.length) {
            throw new IllegalArgumentException(
                    "ranks of a sequence must be a power of two up to " + domain + ", got "
                            + widths[order[next]]);
        }
        return new SequencePacking(widths.clone(), first, Arrays.stream(busy).max().orElse(0));
    }

    /**
     * Each sequence on the fewest ranks that keep to so many tokens per rank.
     *
     * @param tokensPerRank at most what fits; fewer spread the long sequences wider
     */
    public static SequencePacking pack(int[] lengths, int tokensPerRank, int domain, SequenceCost cost) {
        int[] widths = Arrays.stream(lengths).map(l -> SequenceCost.ranks(l, tokensPerRank)).toArray();
        return pack(lengths, widths, domain, cost);
    }

    /**
     * Seconds that no choice of ranks and groups can beat: all ranks busy with every sequence on as few ranks as fit,
     * or the slowest sequence alone on as many ranks as are best for it.
     */
    public static double bound(int[] lengths, int domain, SequenceCost cost) {
        double work = 0;
        double slowest = 0;
        for (int length : lengths) {
            int fewest = SequenceCost.ranks(length, cost.tokensPerRank());
            work += fewest * cost.seconds(length, fewest);
            double best = Double.POSITIVE_INFINITY;
            for (int width = fewest; width <= domain; width *= 2) {
                best = Math.min(best, cost.seconds(length, width));
            }
            slowest = Math.max(slowest, best);
        }
        return Math.max(work / domain, slowest);
    }
}

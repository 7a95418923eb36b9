package io.longhaul.planner.place;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * How many ranks the sequences of a corpus get, and what a step takes, over batches drawn from their lengths.
 *
 * @param tokensPerRank a sequence gets the fewest ranks, a power of two, that have no more than so many tokens each
 * @param seconds of a step, mean
 * @param slowSeconds of a step that 95 % of them keep to
 * @param boundSeconds that no choice of ranks and groups can beat, mean
 * @param fixedSeconds with every sequence on as many ranks as the longest needs, mean
 * @param imbalance by how much the slowest rank takes longer than the mean of all, as a share
 * @param table one line for each number of ranks
 */
public record SequencePlan(
        int tokensPerRank,
        double seconds,
        double slowSeconds,
        double boundSeconds,
        double fixedSeconds,
        double imbalance,
        List<Line> table) {
    /**
     * Sequences that get this number of ranks.
     *
     * @param shortest tokens of the shortest that does, of those drawn
     * @param longest tokens of the longest
     * @param sequences share of all sequences; likewise tokens and work
     */
    public record Line(int ranks, int shortest, int longest, double sequences, double tokens, double work) {}

    private static final int BATCHES = 64;
    private static final int SEED = 1;

    public SequencePlan {
        table = List.copyOf(table);
    }

    /**
     * The best limit of tokens per rank, of what fits into memory and its parts by powers of the root of two.
     *
     * @param domain ranks over which data and context are spread
     * @param batch sequences per step
     * @throws IllegalArgumentException if the longest sequence does not fit into all ranks
     */
    public static SequencePlan best(LengthHistogram lengths, int domain, int batch, SequenceCost cost) {
        int widest = Integer.highestOneBit(domain);
        if (SequenceCost.ranks(lengths.longest(), cost.tokensPerRank()) > widest) {
            throw new IllegalArgumentException(
                    "the longest sequence (" + lengths.longest() + " tokens) must fit into " + widest
                            + " ranks of "
                            + cost.tokensPerRank() + " tokens");
        }
        SplittableRandom random = new SplittableRandom(SEED);
        int[][] batches = new int[BATCHES][];
        for (int i = 0; i < BATCHES; i++) {
            batches[i] = lengths.draw(batch, random);
        }
        int best = cost.tokensPerRank();
        double least = Double.POSITIVE_INFINITY;
        for (double limit = best; SequenceCost.ranks(lengths.longest(), (int) limit) <= widest
                && limit >= 1; limit /= Math.sqrt(2)) {
            double seconds = Arrays.stream(seconds(batches, (int) limit, domain, cost)).sum();
            if (seconds < least) {
                least = seconds;
                best = (int) limit;
            }
        }
        return report(batches, best, domain, cost, lengths.longest());
    }

    private static double[] seconds(int[][] batches, int tokensPerRank, int domain, SequenceCost cost) {
        return Arrays.stream(batches)
                .mapToDouble(b -> SequencePacking.pack(b, tokensPerRank, domain, cost).seconds())
                .toArray();
    }

    private static SequencePlan report(
            int[][] batches, int tokensPerRank, int domain, SequenceCost cost, int longest) {
        double[] seconds = seconds(batches, tokensPerRank, domain, cost);
        int fixed = SequenceCost.ranks(longest, cost.tokensPerRank());
        double bound = 0;
        double same = 0;
        double work = 0;
        for (int[] batch : batches) {
            int[] widths = new int[batch.length];
            Arrays.fill(widths, fixed);
            bound += SequencePacking.bound(batch, domain, cost) / batches.length;
            same += SequencePacking.pack(batch, widths, domain, cost).seconds() / batches.length;
            for (int length : batch) {
                work += work(length, tokensPerRank, cost);
            }
        }
        double mean = Arrays.stream(seconds).average().orElseThrow();
        double[] sorted = seconds.clone();
        Arrays.sort(sorted);
        return new SequencePlan(
                tokensPerRank, mean, sorted[(int) Math.ceil(0.95 * sorted.length) - 1], bound, same,
                Math.max(0, mean / (work / domain / batches.length) - 1),
                table(batches, tokensPerRank, cost));
    }

    private static double work(int length, int tokensPerRank, SequenceCost cost) {
        int ranks = SequenceCost.ranks(length, tokensPerRank);
        return ranks * cost.seconds(length, ranks);
    }

    private static List<Line> table(int[][] batches, int tokensPerRank, SequenceCost cost) {
        int[] all = Arrays.stream(batches).flatMapToInt(Arrays::stream).sorted().toArray();
        double tokens = Arrays.stream(all).asDoubleStream().sum();
        double work = Arrays.stream(all).mapToDouble(l -> work(l, tokensPerRank, cost)).sum();
        List<Line> lines = new ArrayList<>();
        for (int from = 0, to; from < all.length; from = to) {
            int ranks = SequenceCost.ranks(all[from], tokensPerRank);
            double ownTokens = 0;
            double ownWork = 0;
            for (to = from; to < all.length && SequenceCost.ranks(all[to], tokensPerRank) == ranks; to++) {
                ownTokens += all[to];
                ownWork += work(all[to], tokensPerRank, cost);
            }
            lines.add(
                    new Line(ranks, all[from], all[to - 1], (to - from) / (double) all.length,
                            ownTokens / tokens, ownWork / work));
        }
        return lines;
    }
}

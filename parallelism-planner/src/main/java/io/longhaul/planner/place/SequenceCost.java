package io.longhaul.planner.place;

/**
 * What one sequence takes, forward and backward: {@code square * length^2 + linear * length} on one rank, shared evenly by
 * the ranks that it is spread over, which exchange keys and values for {@code exchange * length * (ranks - 1) / ranks}
 * (the costs of FlexSP, ByteScale and Zeppelin).
 *
 * @param square seconds per token squared, >= 0: attention
 * @param linear seconds per token, >= 0: everything else
 * @param exchange seconds per token of what is not hidden of the exchange, >= 0
 * @param tokensPerRank that fit into the memory of one rank, >= 1
 */
public record SequenceCost(double square, double linear, double exchange, int tokensPerRank) {
    public SequenceCost {
        if (!(square >= 0 && linear >= 0 && exchange >= 0 && square + linear > 0) || tokensPerRank < 1) {
            throw new IllegalArgumentException(
                    "square, linear and exchange must be >= 0, not both of the first 0, and tokensPerRank >= 1, got "
                            + square + ", " + linear + ", " + exchange + ", " + tokensPerRank);
        }
    }

    /** Seconds of a sequence on so many ranks, each of them. */
    public double seconds(int length, int ranks) {
        double alone = (square * length + linear) * length;
        return (alone + exchange * length * (ranks - 1)) / ranks;
    }

    /** The fewest ranks, a power of two, on which no rank has more than so many tokens. */
    public static int ranks(int length, int tokensPerRank) {
        int needed = Math.ceilDiv(length, tokensPerRank);
        return needed <= 1 ? 1 : Integer.highestOneBit(needed - 1) << 1;
    }
}

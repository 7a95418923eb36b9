package io.longhaul.planner.place;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** How long the sequences of a corpus are. */
public record LengthHistogram(List<Bucket> buckets) {
    /**
     * @param longest tokens of the longest sequences in the bucket; those of the bucket before are shorter
     * @param count of sequences
     */
    public record Bucket(int longest, long count) {}

    public LengthHistogram {
        buckets = List.copyOf(buckets);
        int before = 0;
        long all = 0;
        for (Bucket bucket : buckets) {
            if (bucket.longest() <= before || bucket.count() < 0) {
                throw new IllegalArgumentException(
                        "lengths must rise from 1 on and counts be >= 0, got " + bucket.count() + " of up to "
                                + bucket.longest() + " after " + before);
            }
            before = bucket.longest();
            all += bucket.count();
        }
        if (all == 0) {
            throw new IllegalArgumentException("there must be a bucket with sequences");
        }
    }

    /** Tokens of the longest sequence. */
    public int longest() {
        return buckets.stream().filter(b -> b.count() > 0).mapToInt(Bucket::longest).max().orElseThrow();
    }

    /** So many lengths drawn from it, evenly within a bucket. */
    int[] draw(int sequences, SplittableRandom random) {
        double[] upTo = new double[buckets.size()];
        double sum = 0;
        for (int i = 0; i < upTo.length; i++) {
            sum += buckets.get(i).count();
            upTo[i] = sum;
        }
        int[] lengths = new int[sequences];
        for (int i = 0; i < sequences; i++) {
            int at = Arrays.binarySearch(upTo, random.nextDouble() * sum);
            // A number between two bounds belongs to the bucket above it, as does the bound itself.
            int bucket = at < 0 ? -at - 1 : at + 1;
            int shortest = bucket == 0 ? 1 : buckets.get(bucket - 1).longest() + 1;
            lengths[i] = random.nextInt(shortest, buckets.get(bucket).longest() + 1);
        }
        return lengths;
    }
}

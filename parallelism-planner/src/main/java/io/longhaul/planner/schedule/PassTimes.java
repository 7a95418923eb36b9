package io.longhaul.planner.schedule;

import java.util.Collections;
import java.util.List;

/**
 * What the passes of one micro-batch take on each chunk of the model, first to last, and between stages.
 *
 * @param chunks by position, {@code stages * chunksPerStage} of them ({@code stages} for DualPipe, whose directions
 *     share them)
 * @param transferSeconds from stage i to i + 1 and back; the last entry is from the last stage to the first
 * @param overlap transfers run beside the sender's next pass; otherwise the sender waits for them
 * @param weightShare share of a chunk's activations that a split backward pass keeps until the weight gradients are
 *     done, in [0, 1]
 */
public record PassTimes(
        List<Chunk> chunks,
        List<Double> transferSeconds,
        boolean overlap,
        double weightShare) {
    public PassTimes {
        chunks = List.copyOf(chunks);
        transferSeconds = List.copyOf(transferSeconds);
        if (!(weightShare >= 0 && weightShare <= 1)) {
            throw new IllegalArgumentException("weightShare must be in [0, 1], got " + weightShare);
        }
        for (double seconds : transferSeconds) {
            requireNotNegative("transferSeconds", seconds);
        }
    }

    /**
     * @param inputSeconds gradients of inputs
     * @param weightSeconds gradients of weights; a backward pass that is not split takes both
     * @param firstSeconds before which the first forward pass cannot begin: all stages gather their weights at once
     * @param lastSeconds that the stage works on after its last weight gradients: their sum over ranks, as far as it is
     *     not hidden; no other stage waits for it
     * @param activationBytes kept for one micro-batch from its forward pass on
     */
    public record Chunk(
            double forwardSeconds,
            double inputSeconds,
            double weightSeconds,
            double firstSeconds,
            double lastSeconds,
            double activationBytes) {
        public Chunk {
            requireNotNegative("forwardSeconds", forwardSeconds);
            requireNotNegative("inputSeconds", inputSeconds);
            requireNotNegative("weightSeconds", weightSeconds);
            requireNotNegative("firstSeconds", firstSeconds);
            requireNotNegative("lastSeconds", lastSeconds);
            requireNotNegative("activationBytes", activationBytes);
        }

        /** Of every micro-batch, without extras. */
        public double seconds() {
            return forwardSeconds + inputSeconds + weightSeconds;
        }
    }

    private static void requireNotNegative(String field, double value) {
        if (!(value >= 0 && value < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException(field + " must be finite and >= 0, got " + value);
        }
    }

    /** The same times on every chunk, free transfers, one byte of activations. */
    public static PassTimes equal(int positions, int stages, double forward, double input, double weight) {
        return new PassTimes(
                Collections.nCopies(positions, new Chunk(forward, input, weight, 0, 0, 1)),
                Collections.nCopies(stages, 0.0), true, 1);
    }
}

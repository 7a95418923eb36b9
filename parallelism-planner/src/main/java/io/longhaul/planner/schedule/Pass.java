package io.longhaul.planner.schedule;

/**
 * One pass of one micro-batch through one model chunk, packed into an int so that a schedule is an array.
 *
 * <p>Layout, high to low: micro-batch (18 bits), lane (10 bits), kind (3 bits). A lane is what a stage holds more than
 * one of: its model chunks, or the two directions of DualPipe.
 */
final class Pass {
    static final int FORWARD = 0;
    /** Gradients of inputs only. */
    static final int INPUT = 1;
    /** Gradients of weights only. */
    static final int WEIGHT = 2;
    /** Both gradients in one. */
    static final int BACKWARD = 3;
    /** A forward pass that runs together with the backward pass that follows it in the list, and ends with it. */
    static final int JOINT_FORWARD = 4;

    static final int MOST_MICRO_BATCHES = 1 << 18;
    static final int MOST_LANES = 1 << 10;

    private Pass() {}

    static int of(int kind, int lane, int microBatch) {
        return microBatch << 13 | lane << 3 | kind;
    }

    static int kind(int pass) {
        return pass & 7;
    }

    static boolean forward(int pass) {
        return kind(pass) == FORWARD || kind(pass) == JOINT_FORWARD;
    }

    static int lane(int pass) {
        return pass >>> 3 & MOST_LANES - 1;
    }

    static int microBatch(int pass) {
        return pass >>> 13;
    }
}

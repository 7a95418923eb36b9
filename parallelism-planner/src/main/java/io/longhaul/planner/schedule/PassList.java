package io.longhaul.planner.schedule;

import java.util.Arrays;

/** Passes of one stage in the order in which it runs them; counts micro-batches so that schedules need not. */
final class PassList {
    private final int[] passes;
    private final int[][] next;
    private final int microBatches;
    private int size;

    /** @param microBatches that each lane will see */
    PassList(int lanes, int microBatches) {
        this.microBatches = microBatches;
        this.passes = new int[lanes * microBatches * 3];
        this.next = new int[5][lanes];
    }

    /** The next micro-batch of this kind and lane, if there is one left. */
    void add(int kind, int lane) {
        if (next[kind][lane] < microBatches) {
            add(kind, lane, next[kind][lane]);
        }
    }

    void add(int kind, int lane, int microBatch) {
        passes[size++] = Pass.of(kind, lane, microBatch);
        switch (kind) {
            case Pass.FORWARD, Pass.JOINT_FORWARD -> {
                next[Pass.FORWARD][lane] = microBatch + 1;
                next[Pass.JOINT_FORWARD][lane] = microBatch + 1;
            }
            case Pass.WEIGHT -> next[Pass.WEIGHT][lane] = microBatch + 1;
            default -> {
                next[Pass.INPUT][lane] = microBatch + 1;
                next[Pass.BACKWARD][lane] = microBatch + 1;
                // Both gradients at once leave none open.
                next[Pass.WEIGHT][lane] += kind == Pass.BACKWARD ? 1 : 0;
            }
        }
    }

    /** Micro-batches of the lane that had this kind of pass. */
    int done(int kind, int lane) {
        return next[kind][lane];
    }

    int[] toArray() {
        return Arrays.copyOf(passes, size);
    }
}

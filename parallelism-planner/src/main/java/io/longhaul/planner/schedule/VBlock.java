package io.longhaul.planner.schedule;

/**
 * V-Half and V-Min (Qi et al., Pipeline Parallelism with Controllable Memory, 2024): the start times of one
 * micro-batch's four passes on a stage, in units of one pass, repeated every six units. Stages run these passes in the
 * order of the times; {@link WeightFill} puts weight gradients where a stage would wait.
 */
final class VBlock {
    private static final int PERIOD = 6;

    private VBlock() {}

    static int[][] orders(int stages, int microBatches, boolean half) {
        int[][] lines = new int[stages][];
        for (int stage = 0; stage < stages; stage++) {
            lines[stage] = line(half ? half(stages, stage) : least(stages, stage), microBatches);
        }
        int chunksInFlight = 2 * (half ? (stages + 2) / 2 : (stages + 4) / 3);
        return new WeightFill(lines, microBatches, chunksInFlight).run();
    }

    /** Forward and input-gradient passes by their times in the repeated block. */
    private static int[] line(int[] at, int microBatches) {
        int[] lane = {0, 1, 1, 0};
        int[] line = new int[4 * microBatches];
        int[] next = new int[4];
        for (int k = 0; k < line.length; k++) {
            int first = -1;
            for (int i = 0; i < 4; i++) {
                if (next[i] < microBatches
                        && (first < 0 || at[i] + PERIOD * next[i] < at[first] + PERIOD * next[first])) {
                    first = i;
                }
            }
            line[k] = Pass.of(first < 2 ? Pass.FORWARD : Pass.INPUT, lane[first], next[first]++);
        }
        return line;
    }

    /** Forward and backward of chunk 0 and 1 follow each other at once; a wait keeps slots apart. */
    private static int[] least(int p, int i) {
        int wait = p % 3 == 0 ? 2 : 0;
        return new int[]{i, 2 * p - 1 - i, 2 * p + wait + i, 4 * p + wait - 1 - i};
    }

    private static int[] half(int p, int i) {
        int wait = p % 2 == 0 ? 3 : 0;
        return new int[]{2 * i, 3 * p - 2 - i, 3 * p + wait - 1 + 2 * i, 6 * p + wait - 2 - i};
    }
}

package io.longhaul.planner.schedule;

import java.util.Arrays;

/**
 * Puts weight gradients where a stage would wait, in a pipeline whose passes all take one unit: a stage runs the next
 * pass of its line if what it needs is there and memory allows, else the oldest open weight gradient.
 */
final class WeightFill {
    private final int[][] lines;
    private final int stages;
    private final int microBatches;
    private final int most;
    private final int[] at;
    private final PassList[] passes;
    private final int[][] forwardEnd;
    private final int[][] inputEnd;
    private final int[][] waiting;
    private final int[] opened;
    private final int[] closed;
    private final int[] held;

    /**
     * @param lines forward and input-gradient passes of each stage, in a V of two lanes
     * @param most chunks that a stage may hold at once
     */
    WeightFill(int[][] lines, int microBatches, int most) {
        this.lines = lines;
        this.stages = lines.length;
        this.microBatches = microBatches;
        this.most = most;
        this.at = new int[stages];
        this.passes = new PassList[stages];
        this.forwardEnd = new int[2 * stages][microBatches];
        this.inputEnd = new int[2 * stages][microBatches];
        this.waiting = new int[stages][2 * microBatches];
        this.opened = new int[stages];
        this.closed = new int[stages];
        this.held = new int[stages];
        for (int stage = 0; stage < stages; stage++) {
            passes[stage] = new PassList(2, microBatches);
        }
        for (int i = 0; i < 2 * stages; i++) {
            Arrays.fill(forwardEnd[i], Integer.MAX_VALUE);
            Arrays.fill(inputEnd[i], Integer.MAX_VALUE);
        }
    }

    int[][] run() {
        int left = stages * microBatches * 6;
        for (int time = 0; left > 0; time++) {
            int before = left;
            for (int stage = 0; stage < stages; stage++) {
                left -= step(stage, time) ? 1 : 0;
            }
            if (left == before) {
                throw new IllegalStateException("no stage can go on with " + left + " passes left");
            }
        }
        return Arrays.stream(passes).map(PassList::toArray).toArray(int[][]::new);
    }

    private boolean step(int stage, int time) {
        if (at[stage] < lines[stage].length && ready(stage, lines[stage][at[stage]], time)) {
            int pass = lines[stage][at[stage]++];
            int position = position(stage, Pass.lane(pass));
            passes[stage].add(Pass.kind(pass), Pass.lane(pass), Pass.microBatch(pass));
            if (Pass.kind(pass) == Pass.FORWARD) {
                forwardEnd[position][Pass.microBatch(pass)] = time + 1;
                held[stage]++;
            } else {
                inputEnd[position][Pass.microBatch(pass)] = time + 1;
                waiting[stage][opened[stage]++] = Pass.lane(pass);
            }
            return true;
        }
        if (closed[stage] < opened[stage]) {
            passes[stage].add(Pass.WEIGHT, waiting[stage][closed[stage]++]);
            held[stage]--;
            return true;
        }
        return false;
    }

    private boolean ready(int stage, int pass, int time) {
        int position = position(stage, Pass.lane(pass));
        int microBatch = Pass.microBatch(pass);
        if (Pass.kind(pass) == Pass.FORWARD) {
            return held[stage] < most && (position == 0 || forwardEnd[position - 1][microBatch] <= time);
        }
        return forwardEnd[position][microBatch] <= time
                && (position == 2 * stages - 1 || inputEnd[position + 1][microBatch] <= time);
    }

    private int position(int stage, int lane) {
        return lane == 0 ? stage : 2 * stages - 1 - stage;
    }
}

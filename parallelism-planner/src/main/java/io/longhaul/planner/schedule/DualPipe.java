package io.longhaul.planner.schedule;

import java.util.ArrayDeque;
import java.util.Queue;

/**
 * DualPipe (DeepSeek-AI 2024, section 3.2.1 and figure 5): half of the micro-batches enter at each end; in the middle
 * part a forward pass of one direction runs together with a backward pass of the other. Lane 0 runs from the first
 * stage to the last, lane 1 back. Micro-batches are counted per lane.
 */
final class DualPipe {
    private DualPipe() {}

    static int[] order(int stages, int stage, int microBatches) {
        int half = stages / 2;
        // Distance from the nearer end; the second half of the stages sees the lanes with their roles exchanged.
        int end = Math.min(stage, stages - 1 - stage);
        int near = stage < half ? 0 : 1;
        int far = 1 - near;
        int perLane = microBatches / 2;
        int inner = half - end - 1;
        PassList passes = new PassList(2, perLane);
        for (int i = 0; i < 2 * inner; i++) {
            passes.add(Pass.FORWARD, near);
        }
        for (int i = 0; i <= end; i++) {
            passes.add(Pass.FORWARD, near);
            passes.add(Pass.FORWARD, far);
        }
        for (int i = 0; i < inner; i++) {
            passes.add(Pass.INPUT, far);
            passes.add(Pass.WEIGHT, far);
            passes.add(Pass.FORWARD, far);
        }
        for (int i = 0; i < perLane - stages + end + 1; i++) {
            passes.add(Pass.JOINT_FORWARD, near);
            passes.add(Pass.BACKWARD, far);
            passes.add(Pass.JOINT_FORWARD, far);
            passes.add(Pass.BACKWARD, near);
        }
        for (int i = 0; i < inner; i++) {
            passes.add(Pass.BACKWARD, far);
            passes.add(Pass.JOINT_FORWARD, far);
            passes.add(Pass.BACKWARD, near);
        }
        drain(passes, end, inner, near, far);
        return passes.toArray();
    }

    /** The second half of these backward passes leaves weight gradients for the bubbles of the others. */
    private static void drain(PassList passes, int end, int inner, int near, int far) {
        Queue<Integer> open = new ArrayDeque<>();
        for (int i = 0; i < 2 * (end + 1); i++) {
            int lane = i % 2 == 0 ? far : near;
            if (i <= end) {
                passes.add(Pass.BACKWARD, lane);
            } else {
                passes.add(Pass.INPUT, lane);
                open.add(lane);
            }
        }
        for (int i = 0; i < inner; i++) {
            passes.add(Pass.WEIGHT, open.remove());
            passes.add(Pass.INPUT, near);
            open.add(near);
        }
        open.forEach(lane -> passes.add(Pass.WEIGHT, lane));
    }
}

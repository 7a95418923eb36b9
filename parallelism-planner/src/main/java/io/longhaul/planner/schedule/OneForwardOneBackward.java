package io.longhaul.planner.schedule;

/** 1F1B: {@code p - 1 - stage} forward passes ahead, then one of each (Narayanan et al. 2019). */
final class OneForwardOneBackward {
    private OneForwardOneBackward() {}

    static int[] order(int stages, int stage, int microBatches) {
        PassList passes = new PassList(1, microBatches);
        for (int i = 0; i < stages - 1 - stage; i++) {
            passes.add(Pass.FORWARD, 0);
        }
        for (int i = 0; i < microBatches; i++) {
            passes.add(Pass.FORWARD, 0);
            passes.add(Pass.BACKWARD, 0);
        }
        return passes.toArray();
    }
}

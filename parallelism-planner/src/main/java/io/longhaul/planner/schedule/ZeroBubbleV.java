package io.longhaul.planner.schedule;

/**
 * ZB-V (Qi et al. 2024, section 6): two chunks in a V, the loss on the first stage. Weight gradients are computed at
 * once where no other stage waits and late where one does. At most {@code 2p} chunks are in flight on any stage.
 */
final class ZeroBubbleV {
    private ZeroBubbleV() {}

    static int[] order(int stages, int stage, int microBatches) {
        PassList passes = new PassList(2, microBatches);
        fill(passes, stages, stage);
        while (passes.done(Pass.FORWARD, 1) < microBatches) {
            passes.add(Pass.FORWARD, 0);
            backward(passes, 0);
            passes.add(Pass.FORWARD, 1);
            backward(passes, 1);
        }
        drain(passes, stages, stage);
        return passes.toArray();
    }

    private static void fill(PassList passes, int stages, int stage) {
        for (int i = 0; i < 2 * (stages - stage) - 1; i++) {
            passes.add(Pass.FORWARD, 0);
        }
        for (int i = 0; i < stage; i++) {
            passes.add(Pass.FORWARD, 1);
            passes.add(Pass.FORWARD, 0);
        }
        for (int i = 0; i < stages - stage; i++) {
            passes.add(Pass.FORWARD, 1);
            backward(passes, 1);
        }
    }

    private static void backward(PassList passes, int lane) {
        passes.add(Pass.INPUT, lane);
        passes.add(Pass.WEIGHT, lane);
    }

    private static void drain(PassList passes, int stages, int stage) {
        for (int i = 0; i < stage; i++) {
            passes.add(Pass.INPUT, 0);
            passes.add(Pass.INPUT, 1);
        }
        for (int i = 0; i < stages - stage; i++) {
            backward(passes, 0);
        }
        for (int lane = 1; lane >= 0; lane--) {
            while (passes.done(Pass.WEIGHT, lane) < passes.done(Pass.INPUT, lane)) {
                passes.add(Pass.WEIGHT, lane);
            }
        }
    }
}

package io.longhaul.planner.schedule;

/**
 * ZB-H1 and ZB-H2 (Qi et al. 2024, section 2): 1F1B whose weight gradients wait, so that inputs' gradients reach the
 * stages before earlier. No stage holds more than {@code inFlight} micro-batches whose weight gradients are open:
 * {@code p} in H1, which is what the first stage of 1F1B holds, and {@code 2p - 1} in H2.
 */
final class ZeroBubble {
    private ZeroBubble() {}

    static int[] order(int stages, int stage, int microBatches, boolean second) {
        int ahead = second ? 2 * (stages - stage) - 1 : stages - stage;
        int inFlight = second ? 2 * stages - 1 : stages;
        PassList passes = new PassList(1, microBatches);
        for (int i = 0; i < ahead; i++) {
            passes.add(Pass.FORWARD, 0);
        }
        while (passes.done(Pass.INPUT, 0) < microBatches) {
            passes.add(Pass.INPUT, 0);
            boolean full = passes.done(Pass.FORWARD, 0) - passes.done(Pass.WEIGHT, 0) >= inFlight;
            if (full || passes.done(Pass.FORWARD, 0) == microBatches) {
                passes.add(Pass.WEIGHT, 0);
            }
            passes.add(Pass.FORWARD, 0);
        }
        while (passes.done(Pass.WEIGHT, 0) < microBatches) {
            passes.add(Pass.WEIGHT, 0);
        }
        return passes.toArray();
    }
}

package io.longhaul.planner.schedule;

/**
 * Interleaved 1F1B in Megatron-LM's order: micro-batches go through a stage's chunks in groups; forward passes ahead
 * are {@code 2 (p - 1 - stage) + (v - 1) group} (Narayanan et al. 2021, section 2.2).
 */
final class Interleaved {
    private Interleaved() {}

    static int[] order(int stages, int stage, int chunks, int microBatches, int group) {
        int total = chunks * microBatches;
        int ahead = Math.min(total, 2 * (stages - 1 - stage) + (chunks - 1) * group);
        PassList passes = new PassList(chunks, microBatches);
        for (int k = 0; k < total + ahead; k++) {
            if (k < total) {
                int chunk = chunk(k, chunks, microBatches, group);
                passes.add(Pass.FORWARD, chunk);
            }
            if (k >= ahead) {
                int chunk = chunks - 1 - chunk(k - ahead, chunks, microBatches, group);
                passes.add(Pass.BACKWARD, chunk);
            }
        }
        return passes.toArray();
    }

    /** Chunk of the {@code k}-th pass; the last group takes what is left of the micro-batches. */
    private static int chunk(int k, int chunks, int microBatches, int group) {
        int round = k / (group * chunks);
        int members = Math.min(group, microBatches - round * group);
        return (k - round * group * chunks) / members;
    }
}

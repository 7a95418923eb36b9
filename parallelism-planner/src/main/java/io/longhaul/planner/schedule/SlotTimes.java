package io.longhaul.planner.schedule;

import java.util.List;

/** {@link PassTimes} laid out for the inner loop. */
final class SlotTimes {
    private final int lanes;
    private final int stages;
    private final int last;
    private final double[][] seconds;
    private final double[] first;
    private final double[] after;
    private final double[] bytes;
    private final double[] transfer;

    /** @throws IllegalArgumentException if the times are of another pipeline */
    SlotTimes(Orders orders, PassTimes times) {
        List<PassTimes.Chunk> chunks = times.chunks();
        if (chunks.size() != orders.positions() || times.transferSeconds().size() != orders.stages()) {
            throw new IllegalArgumentException(
                    "times must have " + orders.positions() + " chunks and " + orders.stages()
                            + " transfers, got " + chunks.size() + " and " + times.transferSeconds().size());
        }
        this.lanes = orders.lanes();
        this.stages = orders.stages();
        this.last = orders.perLane() - 1;
        int slots = stages * lanes;
        this.seconds = new double[5][slots];
        this.first = new double[slots];
        this.after = new double[slots];
        this.bytes = new double[slots];
        for (int slot = 0; slot < slots; slot++) {
            PassTimes.Chunk chunk = chunks.get(orders.position(slot));
            seconds[Pass.FORWARD][slot] = chunk.forwardSeconds();
            seconds[Pass.JOINT_FORWARD][slot] = chunk.forwardSeconds();
            seconds[Pass.INPUT][slot] = chunk.inputSeconds();
            seconds[Pass.WEIGHT][slot] = chunk.weightSeconds();
            seconds[Pass.BACKWARD][slot] = chunk.inputSeconds() + chunk.weightSeconds();
            first[slot] = chunk.firstSeconds();
            after[slot] = chunk.lastSeconds();
            bytes[slot] = chunk.activationBytes();
        }
        this.transfer = times.transferSeconds().stream().mapToDouble(Double::doubleValue).toArray();
    }

    double seconds(int stage, int pass) {
        return seconds[Pass.kind(pass)][stage * lanes + Pass.lane(pass)];
    }

    /** Of all passes of one micro-batch in a slot. */
    double everyMicroBatch(int slot) {
        return seconds[Pass.FORWARD][slot] + seconds[Pass.BACKWARD][slot];
    }

    /** Before which a pass cannot begin. */
    double first(int stage, int pass) {
        return Pass.microBatch(pass) == 0 && Pass.forward(pass) ? first[stage * lanes + Pass.lane(pass)] : 0;
    }

    /** For which the stage works on after a pass. */
    double after(int stage, int pass) {
        int kind = Pass.kind(pass);
        boolean weights = kind == Pass.WEIGHT || kind == Pass.BACKWARD;
        return weights && Pass.microBatch(pass) == last ? after[stage * lanes + Pass.lane(pass)] : 0;
    }

    double bytes(int stage, int pass) {
        return bytes[stage * lanes + Pass.lane(pass)];
    }

    /** Between neighbours; the last and the first stage are neighbours in an interleaved schedule. */
    double transfer(int a, int b) {
        return a == b ? 0 : transfer[Math.abs(a - b) == 1 ? Math.min(a, b) : stages - 1];
    }
}

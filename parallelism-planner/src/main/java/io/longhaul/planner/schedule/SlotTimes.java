package io.longhaul.planner.schedule;

import java.util.List;

/** {@link PassTimes} laid out for the inner loop. */
final class SlotTimes {
    private final int lanes;
    private final int stages;
    private final int last;
    private final double[][] seconds;
    private final double[] firstExtra;
    private final double[] lastExtra;
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
        this.firstExtra = new double[slots];
        this.lastExtra = new double[slots];
        this.bytes = new double[slots];
        for (int slot = 0; slot < slots; slot++) {
            PassTimes.Chunk chunk = chunks.get(orders.position(slot));
            seconds[Pass.FORWARD][slot] = chunk.forwardSeconds();
            seconds[Pass.JOINT_FORWARD][slot] = chunk.forwardSeconds();
            seconds[Pass.INPUT][slot] = chunk.inputSeconds();
            seconds[Pass.WEIGHT][slot] = chunk.weightSeconds();
            seconds[Pass.BACKWARD][slot] = chunk.inputSeconds() + chunk.weightSeconds();
            firstExtra[slot] = chunk.firstExtraSeconds();
            lastExtra[slot] = chunk.lastExtraSeconds();
            bytes[slot] = chunk.activationBytes();
        }
        this.transfer = times.transferSeconds().stream().mapToDouble(Double::doubleValue).toArray();
    }

    double seconds(int stage, int pass) {
        int slot = stage * lanes + Pass.lane(pass);
        int kind = Pass.kind(pass);
        int microBatch = Pass.microBatch(pass);
        double time = seconds[kind][slot];
        if (microBatch == 0 && Pass.forward(pass)) {
            time += firstExtra[slot];
        }
        if (microBatch == last && (kind == Pass.WEIGHT || kind == Pass.BACKWARD)) {
            time += lastExtra[slot];
        }
        return time;
    }

    double bytes(int stage, int pass) {
        return bytes[stage * lanes + Pass.lane(pass)];
    }

    /** Between neighbours; the last and the first stage are neighbours in an interleaved schedule. */
    double transfer(int a, int b) {
        return a == b ? 0 : transfer[Math.abs(a - b) == 1 ? Math.min(a, b) : stages - 1];
    }
}

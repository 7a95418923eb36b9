package io.longhaul.bench.calculon;

import io.longhaul.bench.calculon.Device.Network;
import io.longhaul.bench.calculon.Execution.Exchange;
import io.longhaul.bench.calculon.Execution.Overlap;
import io.longhaul.bench.calculon.Execution.Recompute;

/**
 * Seconds and bytes of one block for one micro-batch on one rank. A block in the middle of a chunk and one at its edge
 * differ in their tensor-parallel exchange only.
 */
final class Block {
    private static final double BYTES = 2;

    private final Device device;
    private final Application app;
    private final Execution run;
    private final Network network;
    private final int peers;

    double forwardSeconds;
    double recomputeSeconds;
    double inputSeconds;
    double weightSeconds;
    double inputFlopSeconds;
    double weightFlopSeconds;
    double inputMemorySeconds;
    double weightMemorySeconds;
    double optimizerSeconds;
    double optimizerFlopSeconds;
    double optimizerMemorySeconds;
    /** Sums of running totals, as the published code adds them. */
    double recomputeFlopSeconds;
    double recomputeMemorySeconds;
    final Exchanged middle = new Exchanged();
    final Exchanged edge = new Exchanged();

    double weightBytes;
    double workingBytes;
    double keptBytes;
    double gradientBytes;
    double wholeGradientBytes;
    double activationGradientBytes;
    double optimizerBytes;
    final double checkpointBytes;
    final double activationValues;
    final double scatteredValues;

    private double forwardFlopSeconds;
    private double forwardMemorySeconds;

    /** Seconds of the exchange: on the link and not hidden, forward, of input gradients, again in the backward pass. */
    static final class Exchanged {
        double forwardExposed;
        double inputLink;
        double inputExposed;
        double againLink;
        double againExposed;
    }

    Block(Device device, Application app, Execution run) {
        this.device = device;
        this.app = app;
        this.run = run;
        this.network = device.networks()[run.tensorNetwork()];
        this.peers = run.tensor();
        long rows = (long) run.microBatch() * app.sequence();
        activationValues = (double) rows * app.hidden();
        scatteredValues = (double) (rows / peers) * app.hidden();
        checkpointBytes = run.recompute() == Recompute.FULL ? activationValues * BYTES : 0;
        attention(rows);
        feedForward(rows);
        if (run.recompute() == Recompute.FULL) {
            keptBytes = 0;
        }
    }

    private boolean scatters() {
        return run.exchange() == Exchange.SCATTER_GATHER;
    }

    private double betweenValues() {
        return scatters() ? scatteredValues : activationValues;
    }

    private void attention(long rows) {
        boolean full = run.recompute() == Recompute.FULL;
        boolean core = run.recompute() != Recompute.NONE;
        boolean again = core || run.redo();
        double width = (double) app.heads() * app.headSize();
        opening(full);
        if (run.overlap() == Overlap.NONE) {
            exchange(false, again, true);
            add(Operation.fork(activationValues, 3).recomputedIf(again).keepsInput(!again));
            for (int i = 0; i < 3; i++) {
                add(Operation.linear(rows, app.hidden(), Math.floor(width / peers))
                        .recomputedIf(full)
                        .inputOf(true));
            }
        } else {
            tiled(rows, app.hidden(), 3 * width, false, full, again);
        }
        double heads = Math.floor((double) run.microBatch() * app.heads() / peers);
        double scores = Math.floor((double) app.heads() / peers) * app.sequence() * app.sequence()
                * run.microBatch();
        add(Operation.product(heads, app.sequence(), app.headSize(), app.sequence())
                .recomputedIf(core)
                .keepsOutput(!core));
        add(Operation.softMax(scores).recomputedIf(core).keepsOutput(!core));
        add(Operation.dropOut(scores).recomputedIf(core).keepsInput(!core));
        add(Operation.product(heads, app.sequence(), app.sequence(), app.headSize()).recomputedIf(full));
        if (run.overlap() == Overlap.NONE) {
            add(Operation.linear(rows, Math.floor(width / peers), app.hidden()).recomputedIf(full));
            exchange(true, full, false);
        } else {
            tiled(rows, width, app.hidden(), true, full, full);
        }
        closing(full);
    }

    private void feedForward(long rows) {
        boolean full = run.recompute() == Recompute.FULL;
        boolean again = full || run.redo();
        double inner = Math.floor((double) app.feedForward() / peers);
        opening(full);
        if (run.overlap() == Overlap.NONE) {
            exchange(false, again, true);
            add(Operation.linear(rows, app.hidden(), inner).recomputedIf(full).keepsInput(!again));
        } else {
            tiled(rows, app.hidden(), app.feedForward(), false, full, again);
        }
        add(Operation.gelu(Math.floor((double) app.feedForward() * rows / peers)).recomputedIf(full));
        if (run.overlap() == Overlap.NONE) {
            add(Operation.linear(rows, inner, app.hidden()).recomputedIf(full));
            exchange(true, full, false);
        } else {
            tiled(rows, app.feedForward(), app.hidden(), true, full, full);
        }
        closing(full);
    }

    private void opening(boolean full) {
        add(Operation.fork(betweenValues(), 2).recomputedIf(full));
        add(Operation.layerNorm(betweenValues(), app.hidden()).recomputedIf(full).inputOf(true));
    }

    private void closing(boolean full) {
        add(Operation.dropOut(betweenValues()).recomputedIf(full));
        add(Operation.residual(betweenValues()).recomputedIf(full).inputOf(true));
    }

    /** @param reduces after the block's multiplications, rather than before them */
    private void exchange(boolean reduces, boolean again, boolean kept) {
        if (peers == 1) {
            return;
        }
        double values = activationValues;
        double sums = values * (peers - 1) / peers;
        double touched = 2 * BYTES * values;
        double share = values * BYTES / peers;
        boolean identityForward = !scatters() && !reduces;
        boolean identityBackward = !scatters() && reduces;
        Operation op = Operation.exchange(
                reduces ? sums : 0, reduces ? 0 : sums, identityForward ? 0 : touched,
                identityBackward ? 0 : touched,
                scatters() ? share : reduces ? values * BYTES : 0, values * BYTES,
                scatters() ? share : reduces ? 0 : values * BYTES).keepsInput(kept);
        account(op);
        exchangeSeconds(middle, op, reduces, again, scatters());
        exchangeSeconds(edge, op, reduces, again, run.exchange() != Exchange.ALL_REDUCE);
    }

    private void exchangeSeconds(Exchanged sum, Operation op, boolean reduces, boolean again,
            boolean split) {
        double bytes = activationValues * BYTES;
        double forward = op.forwardFlopSeconds(device) + op.forwardMemorySeconds(device);
        double backward = op.inputFlopSeconds(device) + op.inputMemorySeconds(device);
        double collective = collectiveSeconds(bytes, split);
        if (split || reduces) {
            forward += collective;
        }
        if (split || !reduces) {
            backward += collective;
        }
        sum.forwardExposed += forward;
        sum.inputLink += backward;
        sum.inputExposed += backward;
        if (again && (split || reduces)) {
            sum.againLink += collective;
            sum.againExposed += collective;
        }
    }

    private double collectiveSeconds(double bytes, boolean split) {
        return split ? network.scatterSeconds(bytes, peers) : network.allReduceSeconds(bytes, peers);
    }

    /** A multiplication in tiles, each exchanged while the next is computed. */
    private void tiled(long rows, double wholeIn, double wholeOut, boolean reduces, boolean recomputed,
            boolean again) {
        double in = reduces ? Math.floor(wholeIn / peers) : wholeIn;
        double out = reduces ? wholeOut : Math.floor(wholeOut / peers);
        double kept;
        double gradient;
        if (scatters()) {
            kept = reduces ? rows * in : Math.floor(rows * in / peers);
            gradient = reduces ? 2 * Math.floor(rows * out / peers) : rows * out;
        } else {
            kept = reduces ? 0 : rows * in;
            gradient = reduces ? 2 * rows * out : 0;
        }
        Operation op = Operation.linear(rows, in, out, kept, gradient).recomputedIf(recomputed);
        double bytes = BYTES * rows * (reduces ? out : in);
        double forwardMiddle = tileLink(bytes, reduces, scatters());
        double backwardMiddle = tileLink(bytes, !reduces, scatters());
        boolean splitAtEdge = run.exchange() != Exchange.ALL_REDUCE;
        double againMiddle = again ? againLink(bytes, reduces, scatters()) : 0;

        double[] forward = overlapped(
                op.forwardFlopSeconds(device), op.forwardMemorySeconds(device), forwardMiddle);
        double[] input = overlapped(
                op.inputFlopSeconds(device), op.inputMemorySeconds(device), backwardMiddle);
        double[] weight = overlapped(
                op.weightFlopSeconds(device), op.weightMemorySeconds(device), againMiddle);
        account(op);
        forwardSeconds += forward[0];
        if (recomputed) {
            recomputeSeconds += forward[0];
        }
        inputSeconds += input[0];
        weightSeconds += weight[0];
        double edgeBackward = tileLink(bytes, !reduces, splitAtEdge);
        middle.inputLink += backwardMiddle;
        edge.inputLink += edgeBackward;
        for (Exchanged sum : new Exchanged[]{middle, edge}) {
            sum.forwardExposed += forward[1];
            sum.inputExposed += input[1];
            // What is exposed when gathered again is taken from the forward pass.
            sum.againExposed += again ? forward[1] : 0;
        }
        middle.againLink += againMiddle;
        edge.againLink += again ? againLink(bytes, reduces, splitAtEdge) : 0;
    }

    /** @param sums the collective adds up, or has an all-reduce's part in this pass */
    private double tileLink(double bytes, boolean sums, boolean split) {
        if (peers == 1 || !split && !sums) {
            return 0;
        }
        double adding = sums ? device.vectorSeconds(bytes / BYTES * (peers - 1) / peers) : 0;
        return collectiveSeconds(bytes, split) + adding;
    }

    private double againLink(double bytes, boolean reduces, boolean split) {
        return peers == 1 || !split && !reduces ? 0 : collectiveSeconds(bytes, split);
    }

    /** Seconds of a tiled multiplication, and those of its exchange that nothing hides. */
    private double[] overlapped(double flopSeconds, double memorySeconds, double link) {
        double compute = flopSeconds + memorySeconds;
        if (link == 0) {
            return new double[]{compute, 0};
        }
        double slowedFlops = flopSeconds / (1 - network.processorUsage());
        double tile = compute / peers;
        double linkTile = link / peers;
        double excess = linkTile - slowedFlops / peers;
        double seconds;
        double exposed;
        if (excess > 0) {
            seconds = tile + (peers - 1) * (slowedFlops + memorySeconds) / peers;
            exposed = (peers - 1) * excess;
        } else {
            seconds = tile + (peers - 1) * tile + (peers - 1) * linkTile * network.processorUsage();
            exposed = 0;
        }
        if (run.overlap() == Overlap.PIPE) {
            exposed += linkTile;
            seconds += linkTile;
        }
        return new double[]{seconds, exposed};
    }

    private void add(Operation op) {
        account(op);
        double forward = op.forwardFlopSeconds(device) + op.forwardMemorySeconds(device);
        forwardSeconds += forward;
        if (op.recomputed) {
            recomputeSeconds += forward;
        }
        inputSeconds += op.inputFlopSeconds(device) + op.inputMemorySeconds(device);
        weightSeconds += op.weightFlopSeconds(device) + op.weightMemorySeconds(device);
    }

    /** Everything but the seconds of passes, which overlap decides. */
    private void account(Operation op) {
        forwardFlopSeconds += op.forwardFlopSeconds(device);
        forwardMemorySeconds += op.forwardMemorySeconds(device);
        if (op.recomputed) {
            recomputeFlopSeconds += forwardFlopSeconds;
            recomputeMemorySeconds += forwardMemorySeconds;
        }
        inputFlopSeconds += op.inputFlopSeconds(device);
        inputMemorySeconds += op.inputMemorySeconds(device);
        weightFlopSeconds += op.weightFlopSeconds(device);
        weightMemorySeconds += op.weightMemorySeconds(device);
        int shards = run.sharding() ? run.data() : 1;
        double optimizerFlops = device.vectorSeconds(op.weights / shards * 11);
        double optimizerMemory = device.memorySeconds(12 * op.weights / shards);
        optimizerFlopSeconds += optimizerFlops;
        optimizerMemorySeconds += optimizerMemory;
        optimizerSeconds += optimizerFlops + optimizerMemory;
        weightBytes += BYTES * op.weights;
        if (!op.reused) {
            workingBytes += op.activationBytes;
        }
        keptBytes += op.activationBytes;
        if (!op.outputKept) {
            keptBytes -= op.outputBytes;
        }
        if (!op.inputKept) {
            keptBytes -= op.activationBytes;
        }
        gradientBytes += BYTES * op.weights / shards;
        wholeGradientBytes += 4 * op.weights;
        activationGradientBytes += op.gradientBytes;
        optimizerBytes += 12 * op.weights / shards;
    }
}

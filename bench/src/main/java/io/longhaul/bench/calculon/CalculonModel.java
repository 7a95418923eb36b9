package io.longhaul.bench.calculon;

import io.longhaul.bench.calculon.Device.Network;
import io.longhaul.bench.calculon.Execution.Exchange;
import io.longhaul.bench.calculon.Execution.Recompute;

/**
 * Seconds of a step and bytes of a rank.
 *
 * <p>Its seconds per sample are what Calculon minimises: an execution's batch is the largest multiple of its
 * data-parallel ranks.
 */
public final class CalculonModel {
    private final Device device;
    private final Application app;

    /** What an execution costs. */
    public record Cost(double seconds, double bytes) {}

    public CalculonModel(Device device, Application app) {
        this.device = device;
        this.app = app;
    }

    /** Whether the groups fit the tiers that they are on. */
    public boolean fitsNetworks(Execution run) {
        int[] size = {1, 1};
        boolean[] used = {false, false};
        place(size, used, run.tensorNetwork(), run.tensor());
        place(size, used, run.pipelineNetwork(), run.pipeline());
        place(size, used, run.dataNetwork(), run.data());
        for (int tier = 0; tier < 2; tier++) {
            Network network = device.networks()[tier];
            if (used[tier]
                    && (size[tier] > network.size()
                            || network.filled() && network.size() % size[tier] != 0)) {
                return false;
            }
        }
        return true;
    }

    private static void place(int[] size, boolean[] used, int tier, int members) {
        if (members > 1) {
            used[tier] = true;
            size[tier] *= members;
        }
    }

    /** The block's part alone: what later terms only add to. */
    Block block(Execution run) {
        return new Block(device, app, run);
    }

    public Cost price(Execution run) {
        Block block = block(run);
        int stageBlocks = app.blocks() / run.pipeline();
        int chunkBlocks = stageBlocks / run.chunks();
        int middle = chunkBlocks - 1;
        int microBatches = run.microBatches();
        double transfer = device.networks()[run.pipelineNetwork()].transferSeconds(transferBytes(run, block));

        double forwardMiddle = block.forwardSeconds + block.middle.forwardExposed;
        double forwardEdge = block.forwardSeconds + block.edge.forwardExposed + transfer;
        double backward = block.recomputeSeconds + block.inputSeconds + block.weightSeconds;
        double backwardMiddle = backward + block.middle.againExposed + block.middle.inputExposed;
        double backwardEdge = backward + block.edge.againExposed + block.edge.inputExposed + transfer;
        double chunkForward = middle * forwardMiddle + forwardEdge;
        double chunkBackward = middle * backwardMiddle + backwardEdge;

        double transfers = run.pipeline() > 1 ? 2.0 * microBatches * run.chunks() * transfer : 0;
        double exchanged = microBatches * run.chunks()
                * (middle * exposed(block.middle) + exposed(block.edge));
        int missing = microBatches % run.pipeline() == 0
                ? 0
                : (run.chunks() - 1) * (run.pipeline() - microBatches % run.pipeline());
        double bubble = (run.pipeline() - 1 + missing) * (chunkForward + chunkBackward);
        double seconds = (double) stageBlocks * microBatches * (block.forwardSeconds + backward)
                + stageBlocks * block.optimizerSeconds + exchanged + transfers + bubble
                + dataSeconds(run, block, chunkBlocks, backwardMiddle, backwardEdge, chunkBackward, transfer);
        return new Cost(seconds, bytes(run, block, stageBlocks));
    }

    private static double exposed(Block.Exchanged e) {
        return e.forwardExposed + e.inputExposed + e.againExposed;
    }

    private static double transferBytes(Execution run, Block block) {
        if (run.pipeline() == 1) {
            return 0;
        }
        return 2 * (run.exchange() == Exchange.ALL_REDUCE ? block.activationValues : block.scatteredValues);
    }

    private double dataSeconds(
            Execution run, Block block, int chunkBlocks, double backwardMiddle, double backwardEdge,
            double chunkBackward, double transfer) {
        if (run.data() == 1) {
            return 0;
        }
        Network network = device.networks()[run.dataNetwork()];
        double perBlock = run.sharding()
                ? 2 * network.scatterSeconds(block.weightBytes, run.data())
                : network.allReduceSeconds(block.weightBytes, run.data());
        if (!run.dataOverlap()) {
            return perBlock * chunkBlocks * run.chunks();
        }
        double window = chunkWindow(run, block, chunkBlocks - 1, backwardMiddle, backwardEdge);
        double compute = block.inputFlopSeconds + block.weightFlopSeconds + block.recomputeFlopSeconds
                + (run.sharding() ? 0 : block.optimizerFlopSeconds);
        double chunk = chunkBlocks * perBlock;
        double usage = network.processorUsage();

        double excess = chunk - (run.pipeline() * window - colliding(run, chunk, chunkBackward) * transfer)
                + run.pipeline() * chunkBlocks * compute * usage;
        double chunks = (run.chunks() - 1) * (excess > 0 ? excess : chunk * usage);

        double lastWindow = 0;
        if (chunkBlocks > 1) {
            lastWindow = window - transfer - (backwardMiddle + backwardEdge) / 2
                    + (run.sharding() ? 0 : block.optimizerSeconds - block.optimizerMemorySeconds);
        }
        double lastExcess = (chunkBlocks - 1) * perBlock + compute * usage - lastWindow;
        double last = lastExcess > 0 ? lastExcess : (chunkBlocks - 1) * perBlock * usage;
        return perBlock + chunks + last;
    }

    /** Seconds of a chunk's backward pass during which gradients can travel. */
    private static double chunkWindow(
            Execution run, Block block, int middle, double backwardMiddle, double backwardEdge) {
        double less = block.inputMemorySeconds + block.weightMemorySeconds + block.recomputeMemorySeconds
                - (run.sharding() ? 0 : block.optimizerSeconds - block.optimizerMemorySeconds);
        boolean shared = run.dataNetwork() == run.tensorNetwork();
        return middle * (backwardMiddle - less - (shared ? busy(block.middle) : 0)) + backwardEdge - less
                - (shared ? busy(block.edge) : 0);
    }

    private static double busy(Block.Exchanged e) {
        return e.againLink + e.inputLink;
    }

    /** Transfers between stages that meet gradients on the same tier. */
    private static double colliding(Execution run, double chunk, double chunkBackward) {
        if (run.dataNetwork() != run.pipelineNetwork()) {
            return 0;
        }
        int rest = run.microBatches() % run.pipeline();
        return Math.min(Math.floor(chunk / chunkBackward), rest == 0 ? run.pipeline() : rest);
    }

    private static double bytes(Execution run, Block block, int stageBlocks) {
        double inFlight = Math.min(run.microBatches(), run.pipeline());
        if (run.chunks() > 1) {
            inFlight *= 1 + (run.pipeline() - 1) / ((double) run.chunks() * run.pipeline());
        }
        double activations = run.recompute() == Recompute.FULL
                ? block.workingBytes + stageBlocks * block.checkpointBytes * inFlight
                : block.workingBytes + block.keptBytes * (stageBlocks * inFlight - 1);
        return block.weightBytes * stageBlocks + activations + block.wholeGradientBytes
                + block.gradientBytes * (stageBlocks - 1) + block.optimizerBytes * stageBlocks
                + block.activationGradientBytes;
    }
}

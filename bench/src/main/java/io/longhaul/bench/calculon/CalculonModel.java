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

    Block block(Execution run) {
        return new Block(device, app, run);
    }

    /** Seconds of a block's passes without its exchange. */
    double blockSeconds(Execution run) {
        Block block = block(run);
        return block.forwardSeconds + block.inputSeconds + block.weightSeconds;
    }

    /** A block takes no less than its multiplications at the best rate. */
    double leastFlopSeconds(int tensor, int microBatch) {
        double rows = (double) microBatch * app.sequence();
        double width = (double) app.heads() * app.headSize();
        double weights = 4 * width * app.hidden() + 2.0 * app.hidden() * app.feedForward();
        double products = 2 * width * app.sequence();
        return 2 * 3 * rows * (weights + products) / tensor
                / (device.matrixFlops() * device.matrixSteps()[0][1]);
    }

    public Cost price(Execution run) {
        return price(run, block(run));
    }

    Cost price(Execution run, Block block) {
        Passes passes = new Passes(run, block, transferSeconds(run, run.pipelineNetwork(), block));
        int stageBlocks = app.blocks() / run.pipeline();
        return new Cost(
                pipelineSeconds(run, block, passes) + dataSeconds(run, block, passes),
                bytes(run, block, stageBlocks));
    }

    /** Least over executions that differ in the networks of pipeline and data and in overlap of the latter. */
    double leastSeconds(Execution run) {
        Block block = block(run);
        double transfer = Math.min(transferSeconds(run, 0, block), transferSeconds(run, 1, block));
        return pipelineSeconds(run, block, new Passes(run, block, transfer));
    }

    /** Seconds that a micro-batch takes in a block, in the middle of a chunk and at its edge, and in a chunk. */
    private final class Passes {
        final int chunkBlocks;
        final double transfer;
        final double backwardMiddle;
        final double backwardEdge;
        final double chunkForward;
        final double chunkBackward;

        Passes(Execution run, Block block, double transfer) {
            this.transfer = transfer;
            chunkBlocks = app.blocks() / run.pipeline() / run.chunks();
            double backward = block.recomputeSeconds + block.inputSeconds + block.weightSeconds;
            backwardMiddle = backward + block.middle.againExposed + block.middle.inputExposed;
            backwardEdge = backward + block.edge.againExposed + block.edge.inputExposed + transfer;
            chunkForward = (chunkBlocks - 1) * (block.forwardSeconds + block.middle.forwardExposed)
                    + block.forwardSeconds + block.edge.forwardExposed + transfer;
            chunkBackward = (chunkBlocks - 1) * backwardMiddle + backwardEdge;
        }
    }

    private double transferSeconds(Execution run, int network, Block block) {
        double values = run.pipeline() == 1
                ? 0
                : run.exchange() == Exchange.ALL_REDUCE ? block.activationValues : block.scatteredValues;
        return device.networks()[network].transferSeconds(2 * values);
    }

    private double pipelineSeconds(Execution run, Block block, Passes passes) {
        int stageBlocks = app.blocks() / run.pipeline();
        int microBatches = run.microBatches();
        double transfers = run.pipeline() > 1 ? 2.0 * microBatches * run.chunks() * passes.transfer : 0;
        double exchanged = microBatches * run.chunks()
                * ((passes.chunkBlocks - 1) * exposed(block.middle) + exposed(block.edge));
        int missing = microBatches % run.pipeline() == 0
                ? 0
                : (run.chunks() - 1) * (run.pipeline() - microBatches % run.pipeline());
        double bubble = (run.pipeline() - 1 + missing) * (passes.chunkForward + passes.chunkBackward);
        return (double) stageBlocks * microBatches
                * (block.forwardSeconds + block.recomputeSeconds + block.inputSeconds + block.weightSeconds)
                + stageBlocks * block.optimizerSeconds + exchanged + transfers + bubble;
    }

    private static double exposed(Block.Exchanged e) {
        return e.forwardExposed + e.inputExposed + e.againExposed;
    }

    private double dataSeconds(Execution run, Block block, Passes passes) {
        if (run.data() == 1) {
            return 0;
        }
        Network network = device.networks()[run.dataNetwork()];
        double perBlock = run.sharding()
                ? 2 * network.scatterSeconds(block.weightBytes, run.data())
                : network.allReduceSeconds(block.weightBytes, run.data());
        if (!run.dataOverlap()) {
            return perBlock * passes.chunkBlocks * run.chunks();
        }
        int chunkBlocks = passes.chunkBlocks;
        double window = chunkWindow(run, block, passes);
        double compute = block.inputFlopSeconds + block.weightFlopSeconds + block.recomputeFlopSeconds
                + (run.sharding() ? 0 : block.optimizerFlopSeconds);
        double chunk = chunkBlocks * perBlock;
        double usage = network.processorUsage();

        double excess = chunk
                - (run.pipeline() * window - colliding(run, chunk, passes.chunkBackward) * passes.transfer)
                + run.pipeline() * chunkBlocks * compute * usage;
        double chunks = (run.chunks() - 1) * (excess > 0 ? excess : chunk * usage);

        double lastWindow = 0;
        if (chunkBlocks > 1) {
            lastWindow = window - passes.transfer - (passes.backwardMiddle + passes.backwardEdge) / 2
                    + (run.sharding() ? 0 : block.optimizerSeconds - block.optimizerMemorySeconds);
        }
        double lastExcess = (chunkBlocks - 1) * perBlock + compute * usage - lastWindow;
        double last = lastExcess > 0 ? lastExcess : (chunkBlocks - 1) * perBlock * usage;
        return perBlock + chunks + last;
    }

    /** Seconds of a chunk's backward pass during which gradients can travel. */
    private static double chunkWindow(Execution run, Block block, Passes passes) {
        double less = block.inputMemorySeconds + block.weightMemorySeconds + block.recomputeMemorySeconds
                - (run.sharding() ? 0 : block.optimizerSeconds - block.optimizerMemorySeconds);
        boolean shared = run.dataNetwork() == run.tensorNetwork();
        return (passes.chunkBlocks - 1) * (passes.backwardMiddle - less - (shared ? busy(block.middle) : 0))
                + passes.backwardEdge - less
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

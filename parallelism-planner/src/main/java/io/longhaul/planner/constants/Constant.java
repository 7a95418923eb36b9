package io.longhaul.planner.constants;

/**
 * What the data sheets do not say. Each has a prior, a value that physics or a published measurement suggests and how
 * far from it, as a standard deviation of its logarithm, hardware and software of some kind may be.
 */
public enum Constant {
    /** Rate of large matrix multiplications within a training step over the best one measured alone. */
    MATMUL_RATE(0.85, 0.25),
    /**
     * Bytes that a multiplication moves at the memory's rate while nothing is computed, over those of its three
     * matrices; makes small and thin ones slow.
     */
    MATMUL_TRAFFIC(2.0, 0.7),
    /** Loss of rate where the last tiles are partly empty: share of the padding that is paid for. */
    TILE_PADDING(0.6, 0.7),
    /** Time of products whose sum length is no multiple of 8 values, which matrix units cannot load, over others. */
    MISALIGNED_TIME(16, 0.7),
    /** Rate of 8-bit and 4-bit multiplications over what their peak promises beyond bf16. */
    LOW_PRECISION_RATE(0.8, 0.3),
    /** Rate of fused attention over that of large matrix multiplications. */
    ATTENTION_RATE(0.6, 0.4),
    /** Passes over the scores where attention is not fused, over those of separate softmax and dropout. */
    SCORE_TRAFFIC(1.0, 0.4),
    /** Bytes of norms, activations, residuals and casts over those of one unfused kernel each. */
    ELEMENTWISE_TRAFFIC(1.0, 0.4),
    /** Seconds that each kernel costs beyond its work. */
    KERNEL_SECONDS(3e-6, 0.5),
    /** Seconds that the host takes to start a kernel; limits steps of small models. */
    HOST_SECONDS(1.5e-5, 0.5),
    /** Rate of fast links over their data sheet. */
    FAST_LINK_RATE(0.7, 0.4),
    /** Rate of links between nodes over their data sheet. */
    SLOW_LINK_RATE(0.7, 0.5),
    /** Latency of a collective's step on fast links, seconds. */
    FAST_LATENCY(1.0e-5, 0.6),
    /** The same between nodes. */
    SLOW_LATENCY(2.5e-5, 0.6),
    /** Share of tensor-parallel traffic that is waited for where the software overlaps it. */
    TENSOR_EXPOSED(0.6, 0.4),
    /** Share of data-parallel traffic that is waited for where the software overlaps it. */
    DATA_EXPOSED(0.3, 0.6),
    /** Share of the traffic between stages that is waited for. */
    TRANSFER_EXPOSED(0.7, 0.6),
    /** Share of the traffic to and from experts that is waited for where the software overlaps it. */
    EXPERT_EXPOSED(0.8, 0.4),
    /** Rate of grouped multiplications of experts over plain ones. */
    EXPERT_RATE(0.8, 0.4),
    /** Bytes that sorting tokens by expert and back moves, over those of its kernels. */
    EXPERT_TRAFFIC(1.0, 0.5),
    /** Passes of the optimizer over its state, over one read and one write of each. */
    OPTIMIZER_TRAFFIC(1.3, 0.5),
    /** Seconds of a step that no part of the model explains: data, clipping, logging. */
    STEP_SECONDS(0.02, 1.0),
    /** Slow-down of every rank's waiting for the slowest, per doubling of their number. */
    STRAGGLING(0.005, 1.0),

    /** Activations that are kept over those of the tensor list. */
    ACTIVATION_BYTES(1.0, 0.25),
    /** Model states over those of the tensor list. */
    STATE_BYTES(1.0, 0.08),
    /** Bytes of logits and their gradients, over one copy in fp32 and one in 2 bytes. */
    LOGIT_BYTES(1.0, 0.3),
    /** Bytes that the runtime, communicators and workspaces hold. */
    RUNTIME_BYTES(3e9, 0.4),
    /** What the allocator holds over what is in use. */
    RESERVED_BYTES(1.06, 0.05);

    private final double prior;
    private final double spread;

    Constant(double prior, double spread) {
        this.prior = prior;
        this.spread = spread;
    }

    /** Value before anything was measured, in the unit that the description names. */
    public double prior() {
        return prior;
    }

    /** Standard deviation of the logarithm before anything was measured. */
    public double spread() {
        return spread;
    }

    /** Bears on memory and not on time. */
    public boolean ofMemory() {
        return ordinal() >= ACTIVATION_BYTES.ordinal();
    }
}

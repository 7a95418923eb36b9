package io.longhaul.bench.calculon;

/**
 * One operation of a block, on one rank and micro-batch: FLOP and values of 2 bytes in its passes, what it keeps, and
 * how it takes part in the exchange between tensor-parallel ranks.
 */
final class Operation {
    private static final double BYTES = 2;

    /** FLOP forward, of input gradients and of weight gradients. */
    final double forwardFlops;
    final double inputFlops;
    final double weightFlops;
    private final double forwardBytes;
    private final double inputBytes;
    private final double weightBytes;
    final double weights;
    final double activationBytes;
    final double outputBytes;
    final double gradientBytes;
    private final boolean matrix;
    boolean recomputed;
    /** Its input is another's too and counted there; its input or its output is dropped after the forward pass. */
    boolean reused;
    boolean inputKept = true;
    boolean outputKept = true;

    private Operation(
            double forwardFlops, double inputFlops, double weightFlops, double forwardBytes,
            double inputBytes, double weightBytes, double weights, double activationBytes, double outputBytes,
            double gradientBytes, boolean matrix) {
        this.forwardFlops = forwardFlops;
        this.inputFlops = inputFlops;
        this.weightFlops = weightFlops;
        this.forwardBytes = forwardBytes;
        this.inputBytes = inputBytes;
        this.weightBytes = weightBytes;
        this.weights = weights;
        this.activationBytes = activationBytes;
        this.outputBytes = outputBytes;
        this.gradientBytes = gradientBytes;
        this.matrix = matrix;
    }

    /** Rows times a matrix of {@code in x out} weights; {@code kept} and {@code gradient} values of its input and output. */
    static Operation linear(double rows, double in, double out, double kept, double gradient) {
        double flops = 2 * rows * in * out;
        double touched = kept + gradient;
        return new Operation(
                flops, flops, flops, BYTES * (rows * in + rows * out + in * out),
                BYTES * (in * out + touched), BYTES * (in * out + touched), in * out, BYTES * kept,
                BYTES * rows * out, BYTES * gradient, true);
    }

    static Operation linear(double rows, double in, double out) {
        return linear(rows, in, out, rows * in, rows * out);
    }

    /** Many products of {@code rows x inner} by {@code inner x columns}. */
    static Operation product(double many, double rows, double inner, double columns) {
        double inputs = many * (rows * inner + inner * columns);
        double output = many * rows * columns;
        double flops = 2 * many * rows * inner * columns;
        return new Operation(
                flops, 2 * flops, 0, BYTES * (inputs + output), BYTES * (inputs + output), 0, 0,
                BYTES * inputs, BYTES * output, BYTES * output, true);
    }

    static Operation layerNorm(double values, double hidden) {
        return new Operation(
                9 * values, 14 * values, 7 * values, BYTES * (2 * values + 2 * hidden),
                BYTES * (2 * hidden + 2 * values), BYTES * (2 * hidden + 2 * values), 2 * hidden,
                BYTES * values, BYTES * values, BYTES * values, false);
    }

    /** Keeps a mask of one byte a value. */
    static Operation dropOut(double values) {
        double bytes = 2 * BYTES * values + values;
        return new Operation(
                values, values, 0, bytes, bytes, 0, 0, values, BYTES * values, values, false);
    }

    /** Fused with the multiplication before it: keeps nothing. */
    static Operation gelu(double values) {
        return new Operation(
                8 * values, 13 * values, 0, 2 * BYTES * values, 2 * BYTES * values, 0, 0, 0, BYTES * values,
                0, false);
    }

    static Operation softMax(double values) {
        return new Operation(
                5 * values, 8 * values, 0, 2 * BYTES * values, 2 * BYTES * values, 0, 0, BYTES * values,
                BYTES * values, BYTES * values, false);
    }

    static Operation residual(double values) {
        return new Operation(
                values, 2 * values, 0, 3 * BYTES * values, 3 * BYTES * values, 0, 0, 2 * BYTES * values,
                BYTES * values, BYTES * values, false);
    }

    /** Feeds many users, whose gradients are summed. */
    static Operation fork(double values, int users) {
        return new Operation(
                0, users * values, 0, 0, BYTES * values * (users + 1), 0, 0, BYTES * values, 0, 0, false);
    }

    /** What a collective costs the device itself. */
    static Operation exchange(double forwardFlops, double inputFlops, double forwardBytes,
            double inputBytes, double activationBytes, double outputBytes, double gradientBytes) {
        return new Operation(
                forwardFlops, inputFlops, 0, forwardBytes, inputBytes, 0, 0, activationBytes, outputBytes,
                gradientBytes, false);
    }

    Operation recomputedIf(boolean condition) {
        recomputed = condition;
        return this;
    }

    Operation inputOf(boolean another) {
        reused = another;
        inputKept = !another;
        return this;
    }

    Operation keepsInput(boolean kept) {
        inputKept = kept;
        return this;
    }

    Operation keepsOutput(boolean kept) {
        outputKept = kept;
        return this;
    }

    private double compute(Device device, double flops) {
        return matrix ? device.matrixSeconds(flops) : device.vectorSeconds(flops);
    }

    double forwardFlopSeconds(Device device) {
        return compute(device, forwardFlops);
    }

    double inputFlopSeconds(Device device) {
        return compute(device, inputFlops);
    }

    double weightFlopSeconds(Device device) {
        return compute(device, weightFlops);
    }

    double forwardMemorySeconds(Device device) {
        return device.memorySeconds(forwardBytes);
    }

    double inputMemorySeconds(Device device) {
        return device.memorySeconds(inputBytes);
    }

    double weightMemorySeconds(Device device) {
        return weights == 0 ? 0 : device.memorySeconds(weightBytes);
    }
}

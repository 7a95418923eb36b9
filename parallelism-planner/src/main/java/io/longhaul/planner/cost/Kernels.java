package io.longhaul.planner.cost;

import io.longhaul.planner.cluster.Accelerator;
import io.longhaul.planner.constants.Constant;
import io.longhaul.planner.constants.Constants;
import io.longhaul.planner.constants.Software;
import io.longhaul.planner.layout.Precision;

/** Seconds of single kernels on one device. */
final class Kernels {
    /** Edge of the square of results that one group of threads computes. */
    private static final double TILE = 128;
    /** Sum length that kernels step through at once. */
    private static final double STEP = 64;
    private static final double VALUE_BYTES = 2;
    /** Rate of plain fp32 over what matrix units really reach in 2 bytes: 67 of about 670 on H100, 19 of 230 on A100. */
    private static final double FP32_SHARE = 0.1;
    /** Kernels that are replayed as a graph or compiled together, over single ones. */
    private static final double FUSED_STARTS = 0.4;

    private final Accelerator device;
    private final Constants constants;
    private final double rate;

    Kernels(Accelerator device, Constants constants) {
        this.device = device;
        this.constants = constants;
        this.rate = device.peakFlops() * device.efficiency() * constants.of(Constant.MATMUL_RATE);
    }

    /** FLOP/s of large multiplications. */
    private double rate(Precision precision) {
        double gain = switch (precision) {
            case FP8, MXFP8 -> device.fp8Flops() / device.peakFlops();
            case NVFP4 -> device.fp4Flops() / device.peakFlops();
            case FP32 -> FP32_SHARE;
            case FP16, BF16 -> 1;
        };
        return gain <= 1
                ? gain * rate
                : rate * Math.max(1, 1 + (gain - 1) * constants.of(Constant.LOW_PRECISION_RATE));
    }

    /**
     * Seconds to multiply {@code [rows, inner]} by {@code [inner, columns]}: the work at the full rate, with the
     * partly empty tiles at the edges, and the traffic that nothing hides. The rate over the full one is then about
     * {@code 1 / (1 + x (1/rows + 1/columns + 1/inner))}.
     */
    double matmul(double rows, double columns, double inner, Precision precision) {
        double padding = padded(rows, TILE) * padded(columns, TILE) * padded(inner, STEP) - 1;
        double work = 2 * rows * columns * inner / rate(precision)
                * (1 + constants.of(Constant.TILE_PADDING) * padding);
        double bytes = VALUE_BYTES * (rows * columns + columns * inner + rows * inner);
        return work + constants.of(Constant.MATMUL_TRAFFIC) * bytes / device.memoryBandwidth();
    }

    private static double padded(double size, double unit) {
        return Math.ceil(size / unit) * unit / size;
    }

    /** Seconds of elementwise kernels that read and write so many bytes in all. */
    double elementwise(double bytes) {
        return constants.of(Constant.ELEMENTWISE_TRAFFIC) * bytes / device.memoryBandwidth();
    }

    /** Seconds to sort tokens by expert, so many bytes read and written. */
    double sorts(double bytes) {
        return constants.of(Constant.EXPERT_TRAFFIC) * bytes / device.memoryBandwidth();
    }

    /** Seconds of fused attention. */
    double fusedAttention(double flops, int headSize) {
        return flops / (rate * constants.of(Constant.ATTENTION_RATE)) * padded(headSize, STEP);
    }

    /**
     * Seconds of attention by separate kernels, forward: both products over the whole square of scores, and the passes
     * over the scores.
     *
     * @param batches samples times heads
     */
    double plainAttention(double batches, double queries, double keys, int headSize, double passBytes,
            Precision precision) {
        Precision p = precision == Precision.FP32 ? precision : Precision.BF16;
        double products = matmul(queries, keys, headSize, p) + matmul(queries, headSize, keys, p);
        double scores = passBytes * queries * keys * constants.of(Constant.SCORE_TRAFFIC);
        double slow = headSize % 8 == 0 ? 1 : Math.max(1, constants.of(Constant.MISALIGNED_TIME));
        return batches * (slow * products + scores / device.memoryBandwidth());
    }

    /** Seconds that so many kernels cost on the device beyond their work. */
    double starts(double kernels, Software software) {
        return (software.fusedKernels() ? FUSED_STARTS : 1) * kernels * constants.of(Constant.KERNEL_SECONDS);
    }

    /** Seconds that the host takes to start so many kernels, which runs ahead of the device if it can. */
    double hostSeconds(double kernels, Software software) {
        return (software.fusedKernels() ? FUSED_STARTS : 1) * kernels * constants.of(Constant.HOST_SECONDS);
    }
}

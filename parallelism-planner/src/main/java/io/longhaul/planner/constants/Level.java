package io.longhaul.planner.constants;

import java.util.EnumSet;
import java.util.Set;

/**
 * Where constants differ. Each level adds its own small offset to the logarithm of a constant, so that hardware or
 * software without measurements falls back to what is known of its kind.
 */
public enum Level {
    /** Everything. */
    ALL(1.0, EnumSet.allOf(Constant.class)),
    /** Frameworks that share code. */
    FAMILY(0.4, EnumSet.allOf(Constant.class)),
    /** A framework, whatever its version. */
    FRAMEWORK(0.4, EnumSet.of(
            Constant.MATMUL_RATE, Constant.ELEMENTWISE_TRAFFIC, Constant.KERNEL_SECONDS,
            Constant.HOST_SECONDS,
            Constant.TENSOR_EXPOSED, Constant.DATA_EXPOSED, Constant.EXPERT_RATE, Constant.STEP_SECONDS,
            Constant.ACTIVATION_BYTES, Constant.STATE_BYTES, Constant.RUNTIME_BYTES,
            Constant.LOGIT_BYTES)),
    /** Devices that run the same kernels. */
    GENERATION(0.25, EnumSet.of(
            Constant.MATMUL_RATE, Constant.MATMUL_TRAFFIC, Constant.LOW_PRECISION_RATE,
            Constant.ATTENTION_RATE, Constant.ELEMENTWISE_TRAFFIC, Constant.KERNEL_SECONDS)),
    /** A kind of device. */
    DEVICE(0.3, EnumSet.of(Constant.MATMUL_RATE, Constant.FAST_LINK_RATE)),
    /** A cluster. */
    CLUSTER(0.3, EnumSet.of(
            Constant.MATMUL_RATE, Constant.FAST_LINK_RATE, Constant.SLOW_LINK_RATE, Constant.SLOW_LATENCY,
            Constant.STRAGGLING,
            Constant.HOST_SECONDS, Constant.STEP_SECONDS, Constant.ACTIVATION_BYTES, Constant.STATE_BYTES,
            Constant.RUNTIME_BYTES)),
    /** A model on a cluster. */
    GROUP(0.2, EnumSet.of(Constant.MATMUL_RATE, Constant.ACTIVATION_BYTES));

    private final double share;
    private final Set<Constant> constants;

    Level(double share, Set<Constant> constants) {
        this.share = share;
        this.constants = constants;
    }

    /** Standard deviation, before anything was measured, of this level's offset to the logarithm of a constant. */
    public double spread(Constant constant) {
        return constants.contains(constant) ? share * constant.spread() : 0;
    }
}

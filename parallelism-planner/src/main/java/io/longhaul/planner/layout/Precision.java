package io.longhaul.planner.layout;

/** Number format of matrix multiplications; weights and activations are kept in 2 bytes except in {@link #FP32}. */
public enum Precision {
    FP32, FP16, BF16,
    /** One scale per tensor. */
    FP8,
    /** One scale per block of 32. */
    MXFP8,
    /** 4-bit values, one scale per block of 16. */
    NVFP4;

    /** Bytes of a weight or activation that is kept or sent. */
    public int bytes() {
        return this == FP32 ? 4 : 2;
    }
}

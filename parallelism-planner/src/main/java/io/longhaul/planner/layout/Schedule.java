package io.longhaul.planner.layout;

/** Order in which a pipeline stage works through forward and backward passes of micro-batches. */
public enum Schedule {
    /** One forward, one backward (Narayanan et al. 2019). */
    ONE_F_ONE_B,
    /** Several model chunks per stage (Narayanan et al. 2021, section 2.2). */
    INTERLEAVED,
    /** Weight gradients fill a part of the bubble, in the memory of 1F1B (Qi et al. 2024, ZB-H1). */
    ZB_H1,
    /** No bubble for twice the memory (Qi et al. 2024, ZB-H2). */
    ZB_H2,
    /** Two chunks per stage in a V, no bubble in the memory of 1F1B (Qi et al. 2024, ZB-V). */
    ZB_V,
    /** V schedule in half of 1F1B's memory (Qi et al. 2024, V-Half). */
    V_HALF,
    /** V schedule in a third of 1F1B's memory (Qi et al. 2024, V-Min). */
    V_MIN,
    /** Micro-batches from both ends of the pipeline, two copies of the weights (DeepSeek-AI 2024). */
    DUAL_PIPE;

    /** Weight gradients are computed apart from those of inputs. */
    public boolean splitsBackward() {
        return this != ONE_F_ONE_B && this != INTERLEAVED;
    }

    /** Chunks per stage lie in a V: the first stage holds the first and the last layers. */
    public boolean vShaped() {
        return this == ZB_V || this == V_HALF || this == V_MIN;
    }
}

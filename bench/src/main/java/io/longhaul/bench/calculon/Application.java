package io.longhaul.bench.calculon;

/** A GPT: blocks of multi-head attention and an ungated feed-forward, without embedding and output layer. */
public record Application(
        String name,
        int hidden,
        int feedForward,
        int sequence,
        int heads,
        int headSize,
        int blocks) {
    /** Brown et al. 2020, table 2.1. */
    public static final Application GPT3_175B = new Application(
            "gpt3-175B", 12288, 49152, 2048, 96, 128, 96);
    /** Narayanan et al. 2021, table 1, last row. */
    public static final Application MEGATRON_1T = new Application(
            "megatron-1T", 25600, 102400, 2048, 160, 160, 128);
    /** Smith et al. 2022. */
    public static final Application TURING_530B = new Application(
            "turing-530B", 20480, 81920, 2048, 128, 160, 105);
}

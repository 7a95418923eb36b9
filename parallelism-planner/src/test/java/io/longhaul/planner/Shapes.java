package io.longhaul.planner;

import io.longhaul.planner.cluster.Accelerator;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.model.ModelShape;

/** Published model shapes. */
public final class Shapes {
    private Shapes() {}

    /** GPT with a feed-forward of four times the width and tied embeddings. */
    public static ModelShape gpt(int layers, int hidden, int heads, int vocab, int sequence) {
        return new ModelShape(
                layers, hidden, 4 * hidden, heads, heads, vocab, sequence, false, true, 0, 0, 0);
    }

    /** Llama: gated feed-forward, two embeddings. */
    public static ModelShape llama(int layers, int hidden, int ffn, int heads, int kvHeads, int vocab,
            int sequence) {
        return new ModelShape(
                layers, hidden, ffn, heads, kvHeads, vocab, sequence, true, false, 0, 0, 0);
    }

    /** Brown et al. 2020, table 2.1, with the vocabulary padded as Megatron-LM does. */
    public static ModelShape gpt3() {
        return gpt(96, 12288, 96, 51200, 2048);
    }

    /** Jiang et al. 2024, table 1. */
    public static ModelShape mixtral() {
        return new ModelShape(32, 4096, 14336, 32, 8, 32000, 4096, true, false, 8, 2, 14336);
    }

    public static Machine.Cluster cluster(String accelerator, int nodes) {
        Accelerator device = Accelerator.named(accelerator).orElseThrow();
        return new Machine.Cluster(
                device, nodes, device.devicesPerNode(), device.intraNodeBandwidth(),
                device.interNodeBandwidth());
    }
}

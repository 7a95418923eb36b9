package io.longhaul.planner.constants;

/**
 * What a training framework of some time does to kernels and traffic.
 *
 * @param family frameworks that share code for a step
 * @param fusedAttention attention keeps no scores in memory
 * @param overlapsTensor tensor-parallel traffic runs beside multiplications
 * @param overlapsData data-parallel traffic runs beside the backward pass
 * @param splitsTransfers each tensor-parallel rank sends its part of what goes to the next stage
 * @param fusedKernels elementwise kernels are compiled together, or kernels are replayed as graphs
 * @param sumsInFp32 gradients of micro-batches are summed in fp32; never with fp16
 */
public record Software(
        Family family,
        boolean fusedAttention,
        boolean overlapsTensor,
        boolean overlapsData,
        boolean splitsTransfers,
        boolean fusedKernels,
        boolean sumsInFp32) {

    /** Frameworks by the code of their step. */
    public enum Family {
        /** Megatron-LM and its DeepSpeed fork before fused attention, 2019 to 2022. */
        MEGATRON_2021,
        /** Megatron-LM from 2023, Megatron-Core and what is built on it. */
        MEGATRON_CORE,
        /** Fully sharded data parallelism in PyTorch. */
        FSDP,
        /** DeepSpeed's ZeRO. */
        DEEPSPEED, OTHER
    }

    public static final Software MEGATRON_2021 = new Software(Family.MEGATRON_2021, false, false, false,
            false,
            false, false);
    public static final Software MEGATRON_CORE = new Software(Family.MEGATRON_CORE, true, false, true, true,
            false, true);
    /** As vendors run it in benchmarks: tensor-parallel traffic overlapped, kernels as graphs. */
    public static final Software MEGATRON_TUNED = new Software(Family.MEGATRON_CORE, true, true, true, true,
            true, false);
    public static final Software FSDP = new Software(Family.FSDP, true, false, true, true, false, true);
    public static final Software DEEPSPEED = new Software(Family.DEEPSPEED, true, false, true, true, false,
            false);
    public static final Software OTHER = new Software(Family.OTHER, true, false, true, true, false, false);

    public Software withFusedAttention(boolean fused) {
        return new Software(family, fused, overlapsTensor, overlapsData, splitsTransfers, fusedKernels,
                sumsInFp32);
    }

    /** With traffic beside compute or not. */
    public Software withOverlap(boolean tensor, boolean data) {
        return new Software(family, fusedAttention, tensor, data, splitsTransfers, fusedKernels,
                sumsInFp32);
    }

    public Software withFusedKernels(boolean fused) {
        return new Software(family, fusedAttention, overlapsTensor, overlapsData, splitsTransfers, fused,
                sumsInFp32);
    }

    public Software withSumsInFp32(boolean sums) {
        return new Software(family, fusedAttention, overlapsTensor, overlapsData, splitsTransfers,
                fusedKernels,
                sums);
    }
}

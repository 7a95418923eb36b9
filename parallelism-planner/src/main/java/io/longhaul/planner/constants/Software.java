package io.longhaul.planner.constants;

/**
 * What a training framework of some time does to kernels and traffic.
 *
 * @param family frameworks that share code for a step
 * @param fusedAttention attention keeps no scores in memory
 * @param overlapsTensor tensor-parallel traffic runs beside multiplications
 * @param overlapsData data-parallel traffic runs beside the backward pass
 * @param fusedKernels elementwise kernels are compiled together, or kernels are replayed as graphs
 * @param sumsInFp32 gradients of micro-batches are summed in fp32; never with fp16
 * @param overlapsExperts traffic to experts runs beside another micro-batch's compute
 * @param fusedExperts sorting, scaling, activation and casting of tokens for experts are part of other kernels
 */
public record Software(
        Family family,
        boolean fusedAttention,
        boolean overlapsTensor,
        boolean overlapsData,
        boolean fusedKernels,
        boolean sumsInFp32,
        boolean overlapsExperts,
        boolean fusedExperts) {

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

    public static final Software MEGATRON_2021 = of(Family.MEGATRON_2021, false, false, false);
    public static final Software MEGATRON_CORE = of(Family.MEGATRON_CORE, true, true, true);
    /** As vendors run it in benchmarks: tensor-parallel traffic overlapped, kernels as graphs. */
    public static final Software MEGATRON_TUNED = of(Family.MEGATRON_CORE, true, true, false)
            .withOverlap(true, true)
            .withFusedKernels(true);
    public static final Software FSDP = of(Family.FSDP, true, true, true);
    public static final Software DEEPSPEED = of(Family.DEEPSPEED, true, true, false);
    public static final Software OTHER = of(Family.OTHER, true, true, false);

    private static Software of(Family family, boolean fusedAttention, boolean overlapsData,
            boolean sumsInFp32) {
        return new Software(family, fusedAttention, false, overlapsData, false, sumsInFp32, false, false);
    }

    public Software withFusedAttention(boolean fused) {
        return new Software(family, fused, overlapsTensor, overlapsData, fusedKernels, sumsInFp32,
                overlapsExperts, fusedExperts);
    }

    /** With traffic beside compute or not. */
    public Software withOverlap(boolean tensor, boolean data) {
        return new Software(family, fusedAttention, tensor, data, fusedKernels, sumsInFp32, overlapsExperts,
                fusedExperts);
    }

    public Software withFusedKernels(boolean fused) {
        return new Software(family, fusedAttention, overlapsTensor, overlapsData, fused, sumsInFp32,
                overlapsExperts, fusedExperts);
    }

    public Software withSumsInFp32(boolean sums) {
        return new Software(family, fusedAttention, overlapsTensor, overlapsData, fusedKernels, sums,
                overlapsExperts, fusedExperts);
    }

    /** With traffic to experts beside compute or not, and their tokens sorted by kernels of their own or not. */
    public Software withExperts(boolean overlap, boolean fused) {
        return new Software(family, fusedAttention, overlapsTensor, overlapsData, fusedKernels, sumsInFp32,
                overlap, fused);
    }
}

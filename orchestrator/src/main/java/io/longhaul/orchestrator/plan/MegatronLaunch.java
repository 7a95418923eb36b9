package io.longhaul.orchestrator.plan;

import io.longhaul.planner.layout.ContextKind;
import io.longhaul.planner.layout.LayerSplit;
import io.longhaul.planner.layout.Offload;
import io.longhaul.planner.layout.OptimizerKind;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.layout.Schedule;
import io.longhaul.planner.legal.Facts;
import io.longhaul.planner.legal.Version;
import java.util.Map;

/** Every choice of a layout as Megatron-LM's options and environment (megatron/training/arguments.py). */
final class MegatronLaunch {
    private static final Version STAGES_PER_RANK = Version.of("core_v0.11.0");
    private static final Version ATTENTION_BACKEND = Version.of("core_v0.11.0");
    private static final Version LAYOUT_STRING = Version.of("core_v0.13.1");
    private static final Version LAYER_WISE_OPTIMIZER = Version.of("core_v0.18.0");
    private static final int BLACKWELL = 100;
    /** Share of a layer's activations that the offloaded modules keep, at least. */
    private static final double MODULES = 0.25;

    private final ParallelLayout layout;
    private final int layers;
    private final int ranksPerNode;
    private final Version version;
    private final Arguments a;

    private MegatronLaunch(ParallelLayout layout, int layers, int ranksPerNode, Version version,
            Arguments a) {
        this.layout = layout;
        this.layers = layers;
        this.ranksPerNode = ranksPerNode;
        this.version = version;
        this.a = a;
    }

    /**
     * Adds the layout's options.
     *
     * @param layers of the model
     * @param experts whether the model has any
     */
    static void add(Arguments a, ParallelLayout layout, int layers, boolean experts, int ranksPerNode,
            Version version) {
        MegatronLaunch launch = new MegatronLaunch(layout, layers, ranksPerNode, version, a);
        launch.pipeline();
        launch.context();
        if (experts) {
            a.add("--expert-model-parallel-size", layout.expert());
            if (layout.expertTensor() != layout.tensor()) {
                a.add("--expert-tensor-parallel-size", layout.expertTensor());
            }
        }
        launch.recompute();
        launch.sharding();
        launch.optimizer();
        launch.offload();
        launch.precision();
        if (launch.since(ATTENTION_BACKEND)) {
            a.add("--attention-backend", "flash");
        } else {
            a.flag("--use-flash-attn");
        }
    }

    private boolean since(Version first) {
        return version.compareTo(first) >= 0;
    }

    private void pipeline() {
        a.add("--tensor-model-parallel-size", layout.tensor())
                .flagIf(layout.sequenceParallel(), "--sequence-parallel")
                .add("--pipeline-model-parallel-size", layout.pipeline());
        LayerSplit split = layout.split().filter(s -> !s.even()).orElse(null);
        if (split != null) {
            if (since(LAYOUT_STRING)) {
                a.add("--pipeline-model-parallel-layout", LayoutString.of(split));
            } else {
                a.add("--decoder-first-pipeline-num-layers", split.layers().getFirst())
                        .add("--decoder-last-pipeline-num-layers", split.layers().getLast());
            }
        } else if (layout.schedule() == Schedule.INTERLEAVED) {
            if (since(STAGES_PER_RANK)) {
                a.add("--num-virtual-stages-per-pipeline-rank", layout.chunks());
            } else {
                a.add("--num-layers-per-virtual-pipeline-stage",
                        layers / layout.pipeline() / layout.chunks());
            }
        }
    }

    private void context() {
        if (layout.context() == 1) {
            return;
        }
        a.add("--context-parallel-size", layout.context());
        if (layout.contextKind() == ContextKind.ALL_TO_ALL) {
            a.add("--cp-comm-type", "a2a");
        } else if (layout.contextKind() == ContextKind.HIERARCHICAL) {
            long inner = Facts.contextInNode(layout.context(), layout.tensor(), ranksPerNode);
            a.add("--cp-comm-type", "a2a+p2p")
                    .add("--hierarchical-context-parallel-sizes", Long.toString(inner),
                            Long.toString(layout.context() / inner));
        }
    }

    private void recompute() {
        a.recompute(layout.recompute(), layout.chunks());
    }

    private void sharding() {
        int stage = layout.sharding().stage();
        int replicas = layout.sharding().replicas();
        // Muon that is not sharded has its gradients reduced after the backward pass in older releases.
        a.flagIf(stage > 0 || layout.optimizer() != OptimizerKind.MUON, "--overlap-grad-reduce");
        if (stage == 0) {
            return;
        }
        if (stage >= 2) {
            a.flag("--use-megatron-fsdp")
                    .add("--data-parallel-sharding-strategy",
                            stage == 2 ? "optim_grads" : "optim_grads_params")
                    .add("--ckpt-format", "fsdp_dtensor");
        }
        if (layout.optimizer() == OptimizerKind.MUON && !since(LAYER_WISE_OPTIMIZER)) {
            return; // It shards itself, see optimizer().
        }
        a.flag("--use-distributed-optimizer");
        // Layer by layer sharded optimizers gather weights in one go.
        a.flagIf(layout.optimizer() == OptimizerKind.ADAM || layout.optimizer() == OptimizerKind.ADAM_8BIT,
                "--overlap-param-gather");
        if (replicas > 1) {
            a.add("--num-distributed-optimizer-instances", replicas);
            if (stage >= 2) {
                a.add("--outer-dp-sharding-strategy", "no_shard");
            }
        }
    }

    private void optimizer() {
        switch (layout.optimizer()) {
            case ADAM, LOW_RANK -> {
            }
            case ADAM_8BIT -> a.flag("--use-precision-aware-optimizer")
                    .add("--exp-avg-dtype", "fp8")
                    .add("--exp-avg-sq-dtype", "fp8");
            case MUON -> a.add(
                    "--optimizer",
                    layout.sharding().stage() > 0 && !since(LAYER_WISE_OPTIMIZER) ? "dist_muon" : "muon");
            case LION -> a.add("--optimizer", "lion");
        }
    }

    private void offload() {
        Offload offload = layout.offload();
        if (offload.optimizer() > 0) {
            a.flag("--use-precision-aware-optimizer", "--optimizer-cpu-offload")
                    .add("--optimizer-offload-fraction", offload.optimizer())
                    .flag("--overlap-cpu-optimizer-d2h-h2d");
        }
        if (offload.activations() == 0) {
            return;
        }
        if (!fineGrained(layout)) {
            // All layers but one at most: the last one is needed first.
            long some = Math.clamp(Math.round(offload.activations() * layers), 1, layers - 1);
            a.add("--cpu-offloading-num-layers", some);
            return;
        }
        a.flag("--fine-grained-activation-offloading");
        if (layout.recompute().kind() == Recompute.Kind.SELECTIVE) {
            // What attention's core keeps is recomputed, and its output is offloaded only together with it.
            a.add("--offload-modules", "attn_norm", "qkv_linear", "mlp_norm");
        } else {
            a.add("--offload-modules", "attn_norm", "qkv_linear", "core_attn", "attn_proj", "mlp_norm");
        }
        if (offload.activations() < MODULES) {
            a.add("--activation-offload-fraction", offload.activations() / MODULES);
        }
    }

    /** Offload by layers needs a single stage and no recomputation. */
    private static boolean fineGrained(ParallelLayout layout) {
        return layout.pipeline() > 1 || layout.recompute().kind() != Recompute.Kind.NONE;
    }

    private void precision() {
        switch (layout.precision()) {
            case FP32 -> {
            }
            case FP16 -> a.flag("--fp16");
            case BF16 -> a.flag("--bf16");
            case FP8 -> a.flag("--bf16").add("--fp8-format", "hybrid").add("--fp8-recipe", "tensorwise");
            case MXFP8 -> a.flag("--bf16").add("--fp8-format", "e4m3").add("--fp8-recipe", "mxfp8");
            case NVFP4 -> a.flag("--bf16").add("--fp4-format", "e2m1").add("--fp4-recipe", "nvfp4");
        }
    }

    /** @param capability ten times the device's compute capability, 0 if it has none */
    static void environment(Map<String, String> environment, ParallelLayout layout, int capability) {
        if (layout.sharding().stage() < 2 && capability < BLACKWELL
                && (layout.tensor() > 1 || layout.context() > 1)) {
            // Communication has to be queued before the compute that it is to overlap with. FSDP refuses it.
            environment.put("CUDA_DEVICE_MAX_CONNECTIONS", "1");
        }
        if (layout.offload().activations() > 0 && fineGrained(layout)) {
            environment.put("NVTE_CPU_OFFLOAD_V1", "1");
        }
    }
}

package io.longhaul.orchestrator.plan;

import io.longhaul.orchestrator.run.Recipe;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Schedule;
import io.longhaul.planner.legal.Version;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Every choice of a layout as Megatron-DeepSpeed's options and DeepSpeed's configuration file. */
final class DeepSpeedLaunch {
    private static final Version LOG_LEVEL = Version.of("0.19");

    private DeepSpeedLaunch() {}

    static void add(Arguments a, ParallelLayout layout) {
        a.add("--tensor-model-parallel-size", layout.tensor())
                .flagIf(layout.sequenceParallel(), "--sequence-parallel")
                .add("--pipeline-model-parallel-size", layout.pipeline())
                // DeepSpeed's pipeline engine, even with one stage, refuses to shard gradients.
                .flagIf(layout.pipeline() == 1, "--no-pipeline-parallel")
                .flagIf(layout.schedule() == Schedule.ZB_H1, "--enable-zbh1-pipeline");
        if (layout.context() > 1) {
            a.add("--ds-sequence-parallel-size", layout.context());
        }
        a.recompute(layout.recompute(), 1);
        if (layout.offload().activations() > 0) {
            a.flag("--deepspeed-activation-checkpointing", "--checkpoint-in-cpu");
        }
        switch (layout.precision()) {
            case FP32, FP8, MXFP8, NVFP4 -> {
            }
            case FP16 -> a.flag("--fp16");
            case BF16 -> a.flag("--bf16");
        }
        a.flag("--use-flash-attn-v2", "--deepspeed")
                .add("--deepspeed_config", "ds_config.json")
                .add("--zero-stage", layout.sharding().stage())
                .flagIf(layout.offload().optimizer() > 0, "--cpu-optimizer");
    }

    /** The configuration file. */
    static String config(ParallelLayout layout, Recipe recipe, Version version) {
        JsonMapper mapper = new JsonMapper();
        ObjectNode config = mapper.createObjectNode();
        config.put("train_batch_size", recipe.globalBatch());
        config.put("train_micro_batch_size_per_gpu", layout.microBatch());
        config.put("gradient_accumulation_steps", recipe.globalBatch() / layout.data() / layout.microBatch());
        config.put("gradient_clipping", recipe.gradientClip());
        switch (layout.precision()) {
            case FP16 -> config.putObject("fp16").put("enabled", true);
            case BF16 -> config.putObject("bf16").put("enabled", true);
            case FP32, FP8, MXFP8, NVFP4 -> {
            }
        }
        zero(config.putObject("zero_optimization"), layout);
        if (layout.offload().activations() > 0) {
            config.putObject("activation_checkpointing").put("cpu_checkpointing", true);
        }
        config.put("steps_per_print", 1);
        if (version.compareTo(LOG_LEVEL) >= 0) {
            // Progress lines are of level info, and the logger starts at warning.
            config.put("log_level", "info");
        }
        config.put("wall_clock_breakdown", false);
        return mapper.writerWithDefaultPrettyPrinter().writeValueAsString(config);
    }

    private static void zero(ObjectNode zero, ParallelLayout layout) {
        zero.put("stage", layout.sharding().stage()).put("overlap_comm", true);
        if (layout.sharding().replicas() > 1) {
            zero.put("mics_shard_size", layout.replicas() / layout.sharding().replicas());
        }
        if (layout.offload().optimizer() > 0) {
            ObjectNode offload = zero.putObject("offload_optimizer")
                    .put("device", "cpu")
                    .put("pin_memory", true);
            if (layout.offload().optimizer() < 1) {
                offload.put("ratio", layout.offload().optimizer());
            }
        }
    }
}

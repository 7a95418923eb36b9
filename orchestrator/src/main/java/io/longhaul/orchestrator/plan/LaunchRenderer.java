package io.longhaul.orchestrator.plan;

import io.longhaul.orchestrator.run.Recipe;
import io.longhaul.orchestrator.run.RunSpec;
import io.longhaul.orchestrator.run.RunSpec.Framework;
import io.longhaul.orchestrator.run.RunSpec.Layout;
import io.longhaul.orchestrator.run.RunSpec.Model;
import io.longhaul.orchestrator.run.StepRange;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.LongStream;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Command lines of trainers, in the options of Megatron-LM (megatron/training/arguments.py) and DeepSpeed. */
final class LaunchRenderer {
    private LaunchRenderer() {}

    /** Program and arguments of one rank. */
    static List<String> command(RunSpec spec, PlannedRun plan, LaunchContext context, String python) {
        List<String> command = new ArrayList<>(switch (spec.framework()) {
            case REFERENCE -> List.of(python, "-m", "longhaul_trainer");
            case MEGATRON_LM, DEEPSPEED -> List.of("python", "pretrain_gpt.py");
        });
        command.addAll(arguments(spec, plan, context));
        return command;
    }

    static Map<String, String> environment(RunSpec spec, Path worker) {
        Map<String, String> environment = new LinkedHashMap<>();
        if (spec.framework() == Framework.REFERENCE) {
            environment.put("OMP_NUM_THREADS", "1");
            environment.put("PYTHONPATH", worker.toString());
        } else {
            environment.put("CUDA_DEVICE_MAX_CONNECTIONS", "1");
        }
        return environment;
    }

    private static List<String> arguments(RunSpec spec, PlannedRun plan, LaunchContext context) {
        Model model = spec.model();
        Recipe recipe = context.recipe();
        long steps = spec.training().steps(model.sequenceLength());
        boolean reference = spec.framework() == Framework.REFERENCE;
        Arguments a = new Arguments();
        a.add("--num-layers", model.layers())
                .add("--hidden-size", model.hiddenSize())
                .add("--ffn-hidden-size", model.ffnHiddenSize())
                .add("--num-attention-heads", model.attentionHeads());
        if (model.kvHeads() != model.attentionHeads()) {
            a.flag("--group-query-attention").add("--num-query-groups", model.kvHeads());
        }
        a.add("--seq-length", model.sequenceLength())
                .add("--max-position-embeddings", model.sequenceLength())
                .add("--vocab-size", model.vocabSize());
        if (model.gatedMlp()) {
            a.flag("--swiglu");
        }
        if (!model.tiedEmbeddings()) {
            a.flag("--untie-embeddings-and-output-weights");
        }
        model.moe()
                .ifPresent(
                        moe -> a.add("--num-experts", moe.experts())
                                .add("--moe-router-topk", moe.topK())
                                .add("--moe-ffn-hidden-size", moe.expertFfnHiddenSize())
                                .flag("--moe-grouped-gemm")
                                .add("--expert-model-parallel-size", plan.expert()));
        layout(a, plan);
        a.add("--micro-batch-size", plan.microBatch())
                .add("--global-batch-size", recipe.globalBatch())
                .add("--train-iters", steps);
        recipe(a, recipe);
        a.add("--seed", spec.training().seed());
        if (spec.framework() != Framework.DEEPSPEED && plan.zeroStage() > 0) {
            a.flag("--use-distributed-optimizer");
        }
        recompute(a, plan.recompute());
        if (!reference) {
            a.flag("--bf16").flag("--use-flash-attn").add("--tokenizer-type", "NullTokenizer");
            if (plan.layout().tensor() > 1) {
                a.flag("--sequence-parallel");
            }
        }
        if (spec.framework() == Framework.DEEPSPEED) {
            a.flag("--deepspeed")
                    .add("--deepspeed_config", "ds_config.json")
                    .add("--zero-stage", plan.zeroStage());
        }
        a.add("--data-path", context.data())
                .add("--save", context.checkpoints())
                .add("--save-interval", spec.training().checkpointEverySteps())
                .add("--log-interval", 1)
                .add("--eval-interval", spec.training().checkpointEverySteps())
                .add("--eval-iters", reference ? 2 : 10)
                .add("--distributed-backend", reference ? "gloo" : "nccl");
        if (context.resumeStep() > 0) {
            a.add("--load", context.checkpoints()).add("--ckpt-step", context.resumeStep());
        }
        List<String> skipped = context.skipped()
                .stream()
                .flatMapToLong(LaunchRenderer::steps)
                .filter(step -> step > context.resumeStep() && step <= steps)
                .mapToObj(Long::toString)
                .toList();
        if (!skipped.isEmpty()) {
            a.flag("--iterations-to-skip").values(skipped);
        }
        return a.list;
    }

    private static LongStream steps(StepRange range) {
        return LongStream.rangeClosed(range.first(), range.last());
    }

    private static void layout(Arguments a, PlannedRun plan) {
        Layout layout = plan.layout();
        a.add("--tensor-model-parallel-size", layout.tensor())
                .add("--pipeline-model-parallel-size", layout.pipeline());
        if (layout.context() > 1) {
            a.add("--context-parallel-size", layout.context());
        }
    }

    private static void recipe(Arguments a, Recipe recipe) {
        a.add("--lr", number(recipe.learningRate()))
                .add("--min-lr", number(recipe.minLearningRate()))
                .add("--lr-warmup-iters", recipe.warmupSteps())
                .add(
                        "--lr-decay-style",
                        recipe.schedule() == Recipe.Schedule.WSD
                                ? "WSD"
                                : recipe.schedule().name().toLowerCase(Locale.ROOT))
                .add("--lr-decay-iters", recipe.decaySteps());
        if (recipe.schedule() == Recipe.Schedule.WSD) {
            a.add("--lr-wsd-decay-iters", recipe.wsdDecaySteps()).add("--lr-wsd-decay-style", "linear");
        }
        a.add("--weight-decay", number(recipe.weightDecay()))
                .add("--clip-grad", number(recipe.gradientClip()));
    }

    private static void recompute(Arguments a, String recompute) {
        switch (recompute) {
            case "selective" -> a.add("--recompute-granularity", "selective");
            case "full" -> a.add("--recompute-granularity", "full")
                    .add("--recompute-method", "uniform")
                    .add("--recompute-num-layers", 1);
            default -> {
            }
        }
    }

    private static String number(double value) {
        return value == Math.rint(value) && Math.abs(value) < 1e9
                ? Long.toString((long) value)
                : Double.toString(value);
    }

    /** DeepSpeed's configuration file for the plan; empty text for other frameworks. */
    static String config(RunSpec spec, PlannedRun plan) {
        if (spec.framework() != Framework.DEEPSPEED) {
            return "";
        }
        JsonMapper mapper = new JsonMapper();
        ObjectNode config = mapper.createObjectNode();
        Recipe recipe = spec.training().recipe();
        config.put("train_batch_size", recipe.globalBatch());
        config.put("train_micro_batch_size_per_gpu", plan.microBatch());
        config.put("gradient_accumulation_steps",
                recipe.globalBatch() / plan.layout().data() / plan.microBatch());
        config.put("gradient_clipping", recipe.gradientClip());
        config.putObject("bf16").put("enabled", true);
        config.putObject("zero_optimization").put("stage", plan.zeroStage()).put("overlap_comm", true);
        config.put("steps_per_print", 1);
        config.put("wall_clock_breakdown", false);
        return mapper.writerWithDefaultPrettyPrinter().writeValueAsString(config);
    }

    private static final class Arguments {
        private final List<String> list = new ArrayList<>();

        Arguments add(String name, long value) {
            return add(name, Long.toString(value));
        }

        Arguments add(String name, String value) {
            list.add(name);
            list.add(value);
            return this;
        }

        Arguments flag(String name) {
            list.add(name);
            return this;
        }

        void values(List<String> values) {
            list.addAll(values);
        }
    }
}

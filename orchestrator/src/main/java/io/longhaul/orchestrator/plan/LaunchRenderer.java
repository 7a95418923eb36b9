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

/**
 * Command lines of trainers: Megatron-LM (megatron/training/arguments.py), Megatron-DeepSpeed (megatron/arguments.py)
 * with DeepSpeed's configuration file, and the reference trainer, which takes a part of Megatron-LM's options.
 */
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

    static Map<String, String> environment(RunSpec spec, PlannedRun plan, Path worker) {
        Map<String, String> environment = new LinkedHashMap<>();
        if (spec.framework() == Framework.REFERENCE) {
            environment.put("OMP_NUM_THREADS", "1");
            environment.put("PYTHONPATH", worker.toString());
        } else if (plan.layout().tensor() > 1 || plan.layout().context() > 1) {
            // Communication has to be queued before the compute that it is to overlap with.
            environment.put("CUDA_DEVICE_MAX_CONNECTIONS", "1");
        }
        return environment;
    }

    private static List<String> arguments(RunSpec spec, PlannedRun plan, LaunchContext context) {
        Framework framework = spec.framework();
        Arguments a = new Arguments();
        model(a, spec.model(), framework);
        layout(a, plan);
        spec.model().moe().ifPresent(moe -> experts(a, moe, plan));
        a.add("--micro-batch-size", plan.microBatch())
                .add("--global-batch-size", context.recipe().globalBatch())
                .add("--train-iters", spec.training().steps(spec.model().sequenceLength()));
        recipe(a, context.recipe());
        a.add("--seed", spec.training().seed());
        recompute(a, plan.recompute());
        switch (framework) {
            case REFERENCE -> a.flagIf(plan.zeroStage() > 0, "--use-distributed-optimizer");
            case MEGATRON_LM -> {
                accelerator(a, plan);
                // The step time counts on gradients and weights that travel during compute.
                a.flag("--use-flash-attn").flag("--overlap-grad-reduce");
                if (plan.zeroStage() > 0) {
                    a.flag("--use-distributed-optimizer").flag("--overlap-param-gather");
                }
            }
            case DEEPSPEED -> {
                accelerator(a, plan);
                a.flag("--use-flash-attn-v2")
                        .flag("--deepspeed")
                        .add("--deepspeed_config", "ds_config.json")
                        .add("--zero-stage", plan.zeroStage())
                        // DeepSpeed's pipeline engine, even with one stage, refuses to shard gradients.
                        .flagIf(plan.layout().pipeline() == 1, "--no-pipeline-parallel");
            }
        }
        boolean reference = framework == Framework.REFERENCE;
        a.add("--data-path", context.data())
                .add("--save", context.checkpoints())
                .add("--save-interval", spec.training().checkpointEverySteps())
                .add("--log-interval", 1)
                .add("--eval-interval", spec.training().checkpointEverySteps())
                .add("--eval-iters", reference ? 2 : 10)
                .add("--distributed-backend", reference ? "gloo" : "nccl");
        resume(a, spec, context);
        return a.list;
    }

    private static void model(Arguments a, Model model, Framework framework) {
        a.add("--num-layers", model.layers())
                .add("--hidden-size", model.hiddenSize())
                .add("--ffn-hidden-size", model.ffnHiddenSize())
                .add("--num-attention-heads", model.attentionHeads());
        if (model.kvHeads() != model.attentionHeads()) {
            if (framework == Framework.DEEPSPEED) {
                a.add("--num-key-value-heads", model.kvHeads());
            } else {
                a.flag("--group-query-attention").add("--num-query-groups", model.kvHeads());
            }
        }
        a.add("--seq-length", model.sequenceLength())
                .add("--max-position-embeddings", model.sequenceLength())
                .add("--vocab-size", model.vocabSize())
                .flagIf(model.gatedMlp(), "--swiglu")
                .flagIf(!model.tiedEmbeddings(), "--untie-embeddings-and-output-weights");
    }

    /** Tokens travel by all-to-all, as the step time assumes; the balance is the framework's usual one. */
    private static void experts(Arguments a, RunSpec.Moe moe, PlannedRun plan) {
        a.add("--num-experts", moe.experts())
                .add("--moe-router-topk", moe.topK())
                .add("--moe-ffn-hidden-size", moe.expertFfnHiddenSize())
                .flag("--moe-grouped-gemm")
                .add("--moe-token-dispatcher-type", "alltoall")
                .add("--moe-aux-loss-coeff", "0.01")
                .add("--expert-model-parallel-size", plan.expert());
    }

    private static void accelerator(Arguments a, PlannedRun plan) {
        a.flag("--bf16")
                .add("--tokenizer-type", "NullTokenizer")
                .flagIf(plan.layout().tensor() > 1, "--sequence-parallel");
    }

    private static void resume(Arguments a, RunSpec spec, LaunchContext context) {
        long last = context.resumeStep();
        if (last > 0) {
            a.add("--load", context.checkpoints());
            if (spec.framework() == Framework.DEEPSPEED) {
                a.add("--load-tag", "global_step" + last);
            } else {
                a.add("--ckpt-step", last);
            }
            // The recipe on this command line holds, not that of the checkpoint.
            a.flagIf(spec.framework() != Framework.REFERENCE, "--override-opt_param-scheduler");
        }
        long steps = spec.training().steps(spec.model().sequenceLength());
        List<String> skipped = context.skipped()
                .stream()
                .flatMapToLong(LaunchRenderer::steps)
                .filter(step -> step > last && step <= steps)
                .mapToObj(Long::toString)
                .toList();
        if (!skipped.isEmpty()) {
            a.flag("--iterations-to-skip").values(skipped);
        }
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

        Arguments flagIf(boolean condition, String name) {
            return condition ? flag(name) : this;
        }

        void values(List<String> values) {
            list.addAll(values);
        }
    }
}

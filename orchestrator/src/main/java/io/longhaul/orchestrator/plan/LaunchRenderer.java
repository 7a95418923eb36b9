package io.longhaul.orchestrator.plan;

import io.longhaul.orchestrator.run.Recipe;
import io.longhaul.orchestrator.run.RunSpec;
import io.longhaul.orchestrator.run.RunSpec.Framework;
import io.longhaul.orchestrator.run.RunSpec.Model;
import io.longhaul.orchestrator.run.StepRange;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.legal.Capability;
import io.longhaul.planner.legal.Facts;
import io.longhaul.planner.legal.Legality;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.LongStream;

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
        switch (spec.framework()) {
            case REFERENCE -> {
                environment.put("OMP_NUM_THREADS", "1");
                environment.put("PYTHONPATH", worker.toString());
            }
            case MEGATRON_LM -> MegatronLaunch.environment(environment, plan.layout(), capability(spec));
            case DEEPSPEED -> {
                if (plan.layout().tensor() > 1) {
                    // Communication has to be queued before the compute that it is to overlap with.
                    environment.put("CUDA_DEVICE_MAX_CONNECTIONS", "1");
                }
            }
        }
        return environment;
    }

    /** Of the machines; a plan's own nodes may be parts of them. */
    private static int ranksPerNode(RunSpec spec, PlannedRun plan) {
        return spec.cluster() instanceof RunSpec.Cluster.Described d
                ? d.devicesPerNode()
                : plan.ranksPerNode();
    }

    private static int capability(RunSpec spec) {
        return spec.cluster() instanceof RunSpec.Cluster.Described d ? Capability.of(d.accelerator()) : 0;
    }

    private static List<String> arguments(RunSpec spec, PlannedRun plan, LaunchContext context) {
        Framework framework = spec.framework();
        ParallelLayout layout = plan.layout();
        Arguments a = new Arguments();
        model(a, spec.model(), framework);
        spec.model().moe().ifPresent(moe -> experts(a, moe));
        switch (framework) {
            case REFERENCE -> reference(a, layout);
            case MEGATRON_LM ->
                MegatronLaunch.add(a, layout, spec.model().layers(), spec.model().moe().isPresent(),
                        ranksPerNode(spec, plan), spec.frameworkVersion());
            case DEEPSPEED -> DeepSpeedLaunch.add(a, layout);
        }
        a.add("--micro-batch-size", layout.microBatch())
                .add("--global-batch-size", context.recipe().globalBatch())
                .add("--train-iters", spec.training().steps(spec.model().sequenceLength()));
        recipe(a, context.recipe());
        a.add("--seed", spec.training().seed());
        boolean reference = framework == Framework.REFERENCE;
        if (!reference) {
            a.add("--tokenizer-type", "NullTokenizer");
        }
        a.add("--data-path", context.data())
                .add("--save", context.checkpoints())
                .add("--save-interval", spec.training().checkpointEverySteps())
                .add("--log-interval", 1)
                .add("--eval-interval", spec.training().checkpointEverySteps())
                .add("--eval-iters", reference ? 2 : 10)
                .add("--distributed-backend", reference ? "gloo" : "nccl");
        resume(a, spec, context);
        return a.list();
    }

    private static void reference(Arguments a, ParallelLayout layout) {
        a.add("--tensor-model-parallel-size", layout.tensor())
                .add("--pipeline-model-parallel-size", layout.pipeline())
                .flagIf(layout.sharding().stage() > 0, "--use-distributed-optimizer");
        if (layout.recompute().kind() == Recompute.Kind.FULL) {
            a.add("--recompute-granularity", "full")
                    .add("--recompute-method", "uniform")
                    .add("--recompute-num-layers", 1);
        }
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
    private static void experts(Arguments a, RunSpec.Moe moe) {
        a.add("--num-experts", moe.experts())
                .add("--moe-router-topk", moe.topK())
                .add("--moe-ffn-hidden-size", moe.expertFfnHiddenSize())
                // megatron-core adds biases to experts only where they are not split over tensor ranks.
                .flag("--disable-bias-linear", "--moe-grouped-gemm")
                .add("--moe-token-dispatcher-type", "alltoall")
                .add("--moe-aux-loss-coeff", "0.01");
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
        if (!spec.skipsData()) {
            return;
        }
        long steps = spec.training().steps(spec.model().sequenceLength());
        List<String> skipped = context.skipped()
                .stream()
                .flatMapToLong(LaunchRenderer::steps)
                .filter(step -> step > last && step <= steps)
                .mapToObj(Long::toString)
                .toList();
        if (!skipped.isEmpty()) {
            a.add("--iterations-to-skip", skipped.toArray(String[]::new));
        }
    }

    private static LongStream steps(StepRange range) {
        return LongStream.rangeClosed(range.first(), range.last());
    }

    /** What the trainer cannot do of what Longhaul may ask of it, or of what the layout asks as "what if". */
    static List<String> limits(RunSpec spec, PlannedRun plan, Machine machine) {
        List<String> limits = new ArrayList<>();
        if (!spec.skipsData()) {
            limits.add(
                    (spec.framework() == Framework.DEEPSPEED
                            ? "Megatron-DeepSpeed"
                            : "Megatron-LM " + spec.frameworkVersion())
                            + " has no option to leave out the data of chosen steps: after a loss spike the run goes back"
                            + " to its last good checkpoint and reads the same data again");
        }
        Facts facts = Facts.of(spec.model().shape(), machine, plan.layout().globalBatch())
                .layout(plan.layout());
        Legality.of(spec.framework().trainer(), spec.frameworkVersion())
                .broken(facts)
                .forEach(b -> limits.add("not in the launch text: " + b));
        return limits;
    }

    private static void recipe(Arguments a, Recipe recipe) {
        a.add("--lr", recipe.learningRate())
                .add("--min-lr", recipe.minLearningRate())
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
        a.add("--weight-decay", recipe.weightDecay())
                .add("--clip-grad", recipe.gradientClip());
    }

    /** DeepSpeed's configuration file for the plan; empty text for other frameworks. */
    static String config(RunSpec spec, PlannedRun plan) {
        return spec.framework() == Framework.DEEPSPEED
                ? DeepSpeedLaunch.config(plan.layout(), spec.training().recipe(), spec.frameworkVersion())
                : "";
    }
}

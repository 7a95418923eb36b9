package io.longhaul.orchestrator.cli.plan;

import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Precision;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.layout.Schedule;
import io.longhaul.planner.layout.Sharding;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What an ordinary log of an attempt tells: the step times, the most memory that a rank held, and the layout if the
 * trainer printed its arguments, as Megatron-LM and Megatron-DeepSpeed do. What Longhaul's own trainer writes reads
 * alike.
 */
final class AttemptLog {
    /** {@code   tensor_model_parallel_size ...... 8}. */
    private static final Pattern ARGUMENT = Pattern.compile("([a-z][a-z0-9_]+) \\.{3,} (\\S+)\\s*$");
    private static final Pattern MEGATRON_STEP = Pattern
            .compile("elapsed time per iteration \\(ms\\): *(\\d+(?:\\.\\d+)?)");
    private static final Pattern DEEPSPEED_STEP = Pattern.compile("iter time \\(s\\): *(\\d+(?:\\.\\d+)?)");
    /** In MiB. */
    private static final Pattern MEGATRON_MEMORY = Pattern.compile("max reserved: *(\\d+(?:\\.\\d+)?)");
    /** In GiB. */
    private static final Pattern DEEPSPEED_MEMORY = Pattern.compile("Max_CA *(\\d+(?:\\.\\d+)?) *GB");
    /** Compilation, allocator and caches take their time at first. */
    private static final int WARM_UP = 5;

    private final Map<String, String> arguments = new HashMap<>();
    private final List<Double> seconds = new ArrayList<>();
    private double peakBytes;

    static AttemptLog read(Stream<String> lines) {
        AttemptLog log = new AttemptLog();
        lines.forEach(log::line);
        return log;
    }

    private void line(String line) {
        Matcher argument = ARGUMENT.matcher(line);
        if (argument.find()) {
            arguments.put(argument.group(1), argument.group(2));
        }
        figure(MEGATRON_STEP, line).ifPresent(ms -> seconds.add(ms / 1000));
        figure(DEEPSPEED_STEP, line).ifPresent(seconds::add);
        figure(MEGATRON_MEMORY, line).ifPresent(mib -> peakBytes = Math.max(peakBytes, mib * (1 << 20)));
        figure(DEEPSPEED_MEMORY, line).ifPresent(gib -> peakBytes = Math.max(peakBytes, gib * (1 << 30)));
    }

    private static OptionalDouble figure(Pattern pattern, String line) {
        Matcher found = pattern.matcher(line);
        return found.find() ? OptionalDouble.of(Double.parseDouble(found.group(1))) : OptionalDouble.empty();
    }

    int steps() {
        return seconds.size();
    }

    /** Median without the first steps; of a log of few steps without the first; empty without two. */
    OptionalDouble stepSeconds() {
        int skipped = seconds.size() > 2 * WARM_UP ? WARM_UP : 1;
        double[] usual = seconds.stream().skip(skipped).mapToDouble(Double::doubleValue).sorted().toArray();
        return usual.length == 0 ? OptionalDouble.empty() : OptionalDouble.of(usual[usual.length / 2]);
    }

    OptionalDouble peakBytes() {
        return peakBytes > 0 ? OptionalDouble.of(peakBytes) : OptionalDouble.empty();
    }

    /** Empty if the trainer printed no arguments, or none that make a layout. */
    Optional<ParallelLayout> layout() {
        int world = number("world_size", 0);
        int tensor = number("tensor_model_parallel_size", 1);
        int context = number("context_parallel_size", 1);
        int pipeline = number("pipeline_model_parallel_size", 1);
        int microBatch = number("micro_batch_size", 0);
        int globalBatch = number("global_batch_size", 0);
        int share = tensor * context * pipeline;
        if (world < 1 || microBatch < 1 || share < 1 || world % share != 0
                || globalBatch % (microBatch * (world / share)) != 0 || globalBatch < 1) {
            return Optional.empty();
        }
        int data = world / share;
        int expert = number("expert_model_parallel_size", 1);
        ParallelLayout layout = ParallelLayout
                .of(tensor, context, pipeline, data, microBatch, globalBatch / microBatch / data)
                .withSequenceParallel(flag("sequence_parallel") && tensor > 1)
                .withExperts(expert, number("expert_tensor_parallel_size", expert > 1 ? 1 : tensor))
                .withPrecision(precision())
                .withRecompute(switch (arguments.getOrDefault("recompute_granularity", "None")) {
                    case "full" -> Recompute.FULL;
                    case "selective" -> Recompute.SELECTIVE;
                    default -> Recompute.NONE;
                });
        int chunks = number("virtual_pipeline_model_parallel_size", 1);
        ParallelLayout scheduled = chunks > 1 && pipeline > 1
                ? layout.withSchedule(Schedule.INTERLEAVED, chunks)
                : layout;
        int stage = number("zero_stage", flag("use_distributed_optimizer") ? 1 : 0);
        return Optional
                .of(stage > 0 && stage <= 3 ? scheduled.withSharding(Sharding.stage(stage)) : scheduled);
    }

    private Precision precision() {
        String fp8 = arguments.getOrDefault("fp8", "None");
        return !fp8.equals("None") && !fp8.equals("False")
                ? Precision.FP8
                : flag("fp16") ? Precision.FP16 : Precision.BF16;
    }

    private boolean flag(String name) {
        return arguments.getOrDefault(name, "False").equals("True");
    }

    private int number(String name, int otherwise) {
        String text = arguments.getOrDefault(name, "");
        return text.matches("\\d{1,9}") ? Integer.parseInt(text) : otherwise;
    }
}

package io.longhaul.monitor;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads the progress lines of Megatron-LM, its forks and DeepSpeed.
 *
 * <p>Versions differ in prefix (time stamp, rank), in which fields they print, in their order and in the unit
 * of the step time; so fields are found by name and all but the iteration may be missing. What counts is that
 * no value is ever invented: a field is used only if the separator after it arrived, hence every beginning of
 * a line that was cut off reads as nothing or as fewer fields, never as a shorter number.
 *
 * @see <a href="https://github.com/NVIDIA/Megatron-LM/blob/main/megatron/training/training.py">training_log,
 *     evaluate_and_print_results</a>
 * @see <a href="https://github.com/deepspeedai/DeepSpeed/blob/master/deepspeed/runtime/pipe/engine.py">the
 *     pipeline engine's {@code steps: N loss: X iter time (s): T samples/sec: S}</a>
 */
public final class MegatronLog {
    private static final int MAX_LENGTH = 8192;
    private static final Pattern ITERATION = Pattern
            .compile("\\biteration\\s+(\\d{1,15})\\s*/\\s*(\\d{1,15})\\s*\\|");
    private static final Pattern VALIDATION = Pattern.compile(
            "\\b(valid|validation|test) loss at iteration (\\d{1,15})(?: on (validation|test) set)?\\s*\\|");
    private static final Pattern PIPELINE = Pattern.compile(
            "\\bsteps: (\\d{1,15}) loss: (\\S+) iter time \\(s\\): (\\S+) samples/sec: \\S+\\s*$");
    private static final Pattern NUMBER = Pattern.compile(
            "[+-]?(?:\\d+(?:\\.\\d*)?|\\.\\d+)(?:[eE][+-]?\\d+)?");

    private MegatronLog() {}

    /** What a line says. */
    public sealed interface Line {
        /** Optimizer steps done, counted from 1. */
        long step();
    }

    /**
     * Progress of training, over one step with {@code --log-interval 1}, else over the steps since the last line.
     *
     * @param step optimizer steps done, counted from 1
     * @param stepSeconds mean wall-clock time of a step
     * @param loss mean over the interval in nats per token; NaN or infinite if so printed; empty when no step of
     *     the interval made an update, or when the line tells no loss
     * @param globalBatch samples per step
     * @param skippedSteps steps of the interval without an update
     * @param nanSteps steps of the interval whose loss or gradient was not finite
     */
    public record TrainingLine(
            long step,
            OptionalLong totalSteps,
            OptionalLong consumedSamples,
            OptionalDouble stepSeconds,
            OptionalDouble learningRate,
            OptionalLong globalBatch,
            OptionalDouble loss,
            OptionalDouble lossScale,
            OptionalDouble gradientNorm,
            OptionalLong skippedSteps,
            OptionalLong nanSteps) implements Line {
        /** A step of the interval made no update. */
        public boolean skippedUpdate() {
            return skippedSteps.orElse(0) > 0;
        }

        /** A loss or gradient of the interval was not finite. */
        public boolean nan() {
            return nanSteps.orElse(0) > 0;
        }
    }

    /**
     * An evaluation.
     *
     * @param step optimizer steps done
     * @param set {@code validation} or {@code test}
     * @param loss nats per token
     */
    public record ValidationLine(long step, String set, double loss) implements Line {}

    /** What the line says; empty for anything that is not a whole progress line. Linear in the line's length. */
    public static Optional<Line> parse(String line) {
        if (line.length() > MAX_LENGTH) {
            return Optional.empty();
        }
        Matcher iteration = ITERATION.matcher(line);
        if (iteration.find()) {
            int fields = iteration.end();
            // Two processes that write at once can leave the halves of two lines in one.
            return iteration.find(fields) || line.contains("loss at iteration")
                    ? Optional.empty()
                    : training(iteration.reset(), line);
        }
        Matcher validation = VALIDATION.matcher(line);
        if (validation.find()) {
            return validation(validation, line);
        }
        Matcher pipeline = PIPELINE.matcher(line);
        return pipeline.find() ? pipeline(pipeline) : Optional.empty();
    }

    private static Optional<Line> training(Matcher iteration, String line) {
        if (!iteration.find()) {
            throw new IllegalStateException("the iteration was there a moment ago");
        }
        Map<String, String> fields = fields(line.substring(iteration.end()));
        OptionalDouble milliseconds = number(fields, "elapsed time per iteration (ms)");
        OptionalDouble seconds = milliseconds.isPresent()
                ? OptionalDouble.of(milliseconds.getAsDouble() / 1000)
                : number(fields, "elapsed time per iteration (s)");
        TrainingLine parsed = new TrainingLine(
                Long.parseLong(iteration.group(1)),
                OptionalLong.of(Long.parseLong(iteration.group(2))),
                count(fields, "consumed samples", "consumed train samples"),
                seconds,
                number(fields, "learning rate"),
                count(fields, "global batch size", "batch size"),
                number(fields, "lm loss", "loss"),
                number(fields, "loss scale"),
                number(fields, "grad norm"),
                count(fields, "number of skipped iterations"),
                count(fields, "number of nan iterations"));
        boolean empty = parsed.loss.isEmpty() && parsed.stepSeconds.isEmpty() && !parsed.skippedUpdate()
                && !parsed.nan();
        return empty ? Optional.empty() : Optional.of(parsed);
    }

    private static Optional<Line> validation(Matcher validation, String line) {
        OptionalDouble loss = number(fields(line.substring(validation.end())), "lm loss value", "loss value");
        if (loss.isEmpty()) {
            return Optional.empty();
        }
        String of = validation.group(3) == null ? validation.group(1) : validation.group(3);
        String set = of.equals("test") ? of : "validation";
        return Optional.of(new ValidationLine(Long.parseLong(validation.group(2)), set, loss.getAsDouble()));
    }

    private static Optional<Line> pipeline(Matcher line) {
        OptionalDouble loss = value(line.group(2));
        OptionalDouble seconds = value(line.group(3));
        if (loss.isEmpty() || seconds.isEmpty()) {
            return Optional.empty();
        }
        OptionalLong unknown = OptionalLong.empty();
        return Optional.of(
                new TrainingLine(Long.parseLong(line.group(1)), unknown, unknown, seconds,
                        OptionalDouble.empty(), unknown,
                        loss, OptionalDouble.empty(), OptionalDouble.empty(), unknown, unknown));
    }

    /** Fields {@code name: value |} by lower-case name; what follows the last separator was cut off. */
    private static Map<String, String> fields(String text) {
        Map<String, String> fields = new HashMap<>();
        int from = 0;
        for (int bar = text.indexOf('|'); bar >= 0; bar = text.indexOf('|', from)) {
            String field = text.substring(from, bar);
            int colon = field.lastIndexOf(':');
            if (colon > 0) {
                fields.putIfAbsent(
                        field.substring(0, colon).strip().toLowerCase(Locale.ROOT),
                        field.substring(colon + 1).strip());
            }
            from = bar + 1;
        }
        return fields;
    }

    private static OptionalDouble number(Map<String, String> fields, String... names) {
        for (String name : names) {
            String text = fields.get(name);
            if (text != null) {
                return value(text);
            }
        }
        return OptionalDouble.empty();
    }

    private static OptionalLong count(Map<String, String> fields, String... names) {
        OptionalDouble value = number(fields, names);
        return value.isPresent() && value.getAsDouble() == Math.rint(value.getAsDouble())
                && Math.abs(value.getAsDouble()) < 1e15
                        ? OptionalLong.of((long) value.getAsDouble())
                        : OptionalLong.empty();
    }

    private static OptionalDouble value(String text) {
        return switch (text.toLowerCase(Locale.ROOT)) {
            case "nan", "+nan", "-nan" -> OptionalDouble.of(Double.NaN);
            case "inf", "+inf", "infinity" -> OptionalDouble.of(Double.POSITIVE_INFINITY);
            case "-inf", "-infinity" -> OptionalDouble.of(Double.NEGATIVE_INFINITY);
            default -> NUMBER.matcher(text).matches()
                    ? OptionalDouble.of(Double.parseDouble(text))
                    : OptionalDouble.empty();
        };
    }
}

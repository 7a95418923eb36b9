package io.longhaul.monitor;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads the log lines of Megatron-LM's training loop ({@code training_log} and
 * {@code evaluate_and_print_results} in {@code megatron/training/training.py}): fields separated by {@code |}, in
 * any order, with names that vary a little between versions. Anything else, torn lines included, is no line.
 */
public final class MegatronLog {
    private static final Pattern ITERATION = Pattern
            .compile("\\biteration\\s+(\\d{1,15})\\s*/\\s*(\\d{1,15})");
    private static final Pattern FIELD = Pattern.compile("^\\s*([^:|]+?)\\s*:\\s*(\\S+)\\s*$");
    private static final Pattern VALIDATION = Pattern.compile(
            "\\bvalidation loss at iteration\\s+(\\d{1,15})\\b.*?\\|\\s*lm loss(?: value)?:\\s*(\\S+)");

    private MegatronLog() {}

    /** A line of the trainer that says something. */
    public sealed interface Line {
        /** Optimizer step, counted from 1. */
        long step();
    }

    /**
     * @param loss nats per token; not finite if the trainer printed so; empty if the step's data was skipped
     * @param stepSeconds mean wall-clock seconds per step since the last line
     * @param skippedUpdate no update was made in a step of this line
     * @param nan a loss since the last line was not a number
     */
    public record TrainingLine(
            long step,
            long totalSteps,
            OptionalDouble loss,
            OptionalDouble stepSeconds,
            OptionalDouble learningRate,
            OptionalDouble gradientNorm,
            OptionalDouble consumedSamples,
            boolean skippedUpdate,
            boolean nan) implements Line {}

    /** @param loss nats per token on the validation data */
    public record ValidationLine(long step, double loss) implements Line {}

    /** What the line says, or nothing. */
    public static Optional<Line> parse(String line) {
        Matcher validation = VALIDATION.matcher(line);
        if (validation.find()) {
            OptionalDouble loss = number(validation.group(2));
            return loss.isPresent()
                    ? Optional.of(new ValidationLine(Long.parseLong(validation.group(1)), loss.getAsDouble()))
                    : Optional.empty();
        }
        Matcher iteration = ITERATION.matcher(line);
        // The loop ends each line with a separator; without it the line was cut off.
        if (!iteration.find() || !line.stripTrailing().endsWith("|")) {
            return Optional.empty();
        }
        Map<String, String> fields = fields(line);
        OptionalDouble seconds = number(fields.get("elapsed time per iteration (ms)"));
        boolean skipped = number(fields.get("number of skipped iterations")).orElse(0) > 0;
        boolean nan = number(fields.get("number of nan iterations")).orElse(0) > 0;
        OptionalDouble loss = number(fields.getOrDefault("lm loss", fields.get("loss")));
        if (loss.isEmpty() && !skipped && !nan) {
            return Optional.empty();
        }
        return Optional.of(
                new TrainingLine(
                        Long.parseLong(iteration.group(1)),
                        Long.parseLong(iteration.group(2)),
                        loss,
                        seconds.isPresent() ? OptionalDouble.of(seconds.getAsDouble() / 1e3) : seconds,
                        number(fields.get("learning rate")),
                        number(fields.get("grad norm")),
                        number(fields.get("consumed samples")),
                        skipped,
                        nan));
    }

    private static Map<String, String> fields(String line) {
        Map<String, String> fields = new HashMap<>();
        for (String part : line.split("\\|")) {
            Matcher field = FIELD.matcher(part);
            if (field.matches()) {
                fields.put(field.group(1).toLowerCase(Locale.ROOT), field.group(2));
            }
        }
        return fields;
    }

    private static OptionalDouble number(@org.jspecify.annotations.Nullable String text) {
        if (text == null) {
            return OptionalDouble.empty();
        }
        String plain = text.toLowerCase(Locale.ROOT);
        try {
            return OptionalDouble.of(switch (plain) {
                case "nan", "-nan" -> Double.NaN;
                case "inf", "+inf", "infinity" -> Double.POSITIVE_INFINITY;
                case "-inf" -> Double.NEGATIVE_INFINITY;
                default -> Double.parseDouble(plain);
            });
        } catch (NumberFormatException torn) {
            return OptionalDouble.empty();
        }
    }
}

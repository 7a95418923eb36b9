package io.longhaul.monitor.watch;

import io.longhaul.monitor.MegatronLog;
import io.longhaul.monitor.loss.LossPoint;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Progress of training as a log line tells it, in the formats of Megatron-LM, DeepSpeed, NeMo, torchtitan, the
 * Hugging Face trainer, nanoGPT and whoever else prints a step and a loss by name.
 *
 * @param stepSeconds mean wall-clock time of a step
 */
public record Progress(LossPoint point, OptionalDouble stepSeconds) {
    private static final int MAX_LENGTH = 4096;
    private static final String NUMBER = "([+-]?(?:\\d+\\.?\\d*(?:e[+-]?\\d+)?|\\.\\d+|nan|inf(?:inity)?))";
    private static final String SEPARATOR = "[\"']?\\s*[:=]?\\s*";
    private static final Pattern STEP = pattern(
            "(?:global[_ ]?step|iteration|step|iter)s?" + SEPARATOR + "(\\d{1,15})\\b");
    private static final Pattern LOSS = pattern(
            "(?:reduced_train_loss|train[_ /]loss|lm loss|loss)" + SEPARATOR + NUMBER + "(?![\\w.])");
    private static final Pattern NORM = pattern("grad(?:ient)?[_ ]norm" + SEPARATOR + NUMBER + "(?![\\w.])");
    private static final List<Pattern> SECONDS = List.of(
            pattern("(?:train_step_timing in s|step_time_s|iter time \\(s\\)|sec/(?:step|iter))" + SEPARATOR
                    + NUMBER + "(?![\\w.])"));
    private static final List<Pattern> MILLISECONDS = List.of(
            pattern("\\b(?:dt|step_time|time)" + SEPARATOR + NUMBER + "\\s*ms"),
            pattern("time per (?:step|iteration) \\(ms\\)" + SEPARATOR + NUMBER + "(?![\\w.])"));
    private static final Pattern VALIDATION = pattern(
            "\\b(?:val|valid|validation|eval|test)[_ /]?(?:set)?[_ /]?loss");

    private static Pattern pattern(String rest) {
        return Pattern.compile("(?<![\\w])" + rest, Pattern.CASE_INSENSITIVE);
    }

    /** Empty for anything that tells no training loss of a step. */
    public static Optional<Progress> parse(String line) {
        if (line.length() > MAX_LENGTH) {
            return Optional.empty();
        }
        Optional<MegatronLog.Line> known = MegatronLog.parse(line);
        if (known.isPresent()) {
            return known.get() instanceof MegatronLog.TrainingLine t ? Optional.of(of(t)) : Optional.empty();
        }
        OptionalDouble loss = number(LOSS, line);
        Matcher step = STEP.matcher(line);
        if (loss.isEmpty() || !step.find() || VALIDATION.matcher(line).find()) {
            return Optional.empty();
        }
        OptionalDouble seconds = first(SECONDS, line);
        if (seconds.isEmpty()) {
            OptionalDouble milliseconds = first(MILLISECONDS, line);
            seconds = milliseconds.isPresent()
                    ? OptionalDouble.of(milliseconds.getAsDouble() / 1000)
                    : milliseconds;
        }
        return Optional.of(
                new Progress(
                        new LossPoint(Long.parseLong(step.group(1)), loss, number(NORM, line),
                                OptionalDouble.empty(), 0),
                        seconds));
    }

    private static Progress of(MegatronLog.TrainingLine t) {
        // A step without an update has no loss of its own; its NaN is what the loss scale is there for.
        boolean skipped = t.skippedUpdate() && !t.nan();
        OptionalDouble loss = skipped && !Double.isFinite(t.loss().orElse(Double.NaN))
                ? OptionalDouble.empty()
                : t.loss();
        OptionalLong nan = t.nanSteps();
        return new Progress(
                new LossPoint(t.step(), loss, t.gradientNorm(), t.lossScale(), nan.orElse(0)),
                t.stepSeconds());
    }

    private static OptionalDouble first(List<Pattern> patterns, String line) {
        for (Pattern pattern : patterns) {
            OptionalDouble found = number(pattern, line);
            if (found.isPresent()) {
                return found;
            }
        }
        return OptionalDouble.empty();
    }

    private static OptionalDouble number(Pattern pattern, String line) {
        Matcher matcher = pattern.matcher(line);
        if (!matcher.find()) {
            return OptionalDouble.empty();
        }
        String text = matcher.group(1).toLowerCase(Locale.ROOT);
        if (text.endsWith("nan")) {
            return OptionalDouble.of(Double.NaN);
        }
        if (text.contains("inf")) {
            return OptionalDouble
                    .of(text.startsWith("-") ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY);
        }
        return OptionalDouble.of(Double.parseDouble(text));
    }
}

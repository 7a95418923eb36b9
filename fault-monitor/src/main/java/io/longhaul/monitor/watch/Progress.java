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
 * @param point its step numbered as printed
 * @param stepSeconds mean wall-clock time of a step
 * @param doneSteps optimizer steps done; one more than printed where the trainer counts from 0
 * @see <a href="https://github.com/NVIDIA-NeMo/Speech/pull/10128">NeMo's progress printer</a>: at {@code global_step: 0}
 *     one batch of samples has been consumed
 * @see <a href="https://github.com/pytorch/torchtitan/pull/3393">torchtitan's lines</a>, which every rank may write, in
 *     colours, to standard error
 */
public record Progress(
        LossPoint point,
        OptionalDouble stepSeconds,
        OptionalDouble learningRate,
        long doneSteps) {
    private static final int MAX_LENGTH = 4096;
    private static final String NUMBER = "([+-]?(?:\\d+\\.?\\d*(?:e[+-]?\\d+)?|\\.\\d+|nan|inf(?:inity)?))";
    private static final String SEPARATOR = "[\"']?\\s*[:=]?\\s*";
    private static final Pattern COLOUR = Pattern.compile("\u001b\\[[0-9;]{0,16}m");
    // An iteration of NeMo is one of its epoch, so a step of the whole run goes first.
    private static final List<Pattern> STEP = List.of(
            pattern("global[_ ]?step" + SEPARATOR + "(\\d{1,15})\\b"),
            pattern("(?:iteration|step|iter)s?" + SEPARATOR + "(\\d{1,15})\\b"));
    // NeMo's lines may tell a smoothed loss, too, and that of the last validation.
    private static final Pattern NEMO_LOSS = pattern(
            "reduced_train_loss" + SEPARATOR + NUMBER + "(?![\\w.])");
    private static final Pattern LOSS = pattern(
            "(?:train[_ /]loss|lm loss|loss)" + SEPARATOR + NUMBER + "(?![\\w.])");
    private static final Pattern RATE = pattern(
            "(?:lr|learning[_ ]rate)" + SEPARATOR + NUMBER + "(?![\\w.])");
    private static final Pattern NEMO = pattern("reduced_train_loss\\b");
    private static final Pattern TORCHTITAN = pattern("step:\\s+\\d{1,15}\\s+loss:.*\\stps:\\s");
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
    public static Optional<Progress> parse(String coloured) {
        if (coloured.length() > MAX_LENGTH) {
            return Optional.empty();
        }
        String line = plain(coloured);
        Optional<MegatronLog.Line> known = MegatronLog.parse(line);
        if (known.isPresent()) {
            return known.get() instanceof MegatronLog.TrainingLine t ? Optional.of(of(t)) : Optional.empty();
        }
        OptionalLong step = step(line);
        OptionalDouble loss = number(NEMO_LOSS, line);
        if (loss.isEmpty() && !VALIDATION.matcher(line).find()) {
            loss = number(LOSS, line);
        }
        if (loss.isEmpty() || step.isEmpty()) {
            return Optional.empty();
        }
        OptionalDouble seconds = first(SECONDS, line);
        if (seconds.isEmpty()) {
            OptionalDouble milliseconds = first(MILLISECONDS, line);
            seconds = milliseconds.isPresent()
                    ? OptionalDouble.of(milliseconds.getAsDouble() / 1000)
                    : milliseconds;
        }
        long printed = step.getAsLong();
        return Optional.of(
                new Progress(
                        new LossPoint(printed, loss, number(NORM, line), OptionalDouble.empty(), 0), seconds,
                        number(RATE, line), NEMO.matcher(line).find() ? printed + 1 : printed));
    }

    /** As {@link #parse}, but only of what is certainly a progress line of NeMo or torchtitan. */
    public static Optional<Progress> ofNemoOrTorchtitan(String line) {
        if (line.length() > MAX_LENGTH) {
            return Optional.empty();
        }
        String plain = plain(line);
        return NEMO.matcher(plain).find() || TORCHTITAN.matcher(plain).find()
                ? parse(plain)
                : Optional.empty();
    }

    private static String plain(String line) {
        return line.indexOf('\u001b') < 0 ? line : COLOUR.matcher(line).replaceAll("");
    }

    private static OptionalLong step(String line) {
        for (Pattern pattern : STEP) {
            Matcher matcher = pattern.matcher(line);
            if (matcher.find()) {
                return OptionalLong.of(Long.parseLong(matcher.group(1)));
            }
        }
        return OptionalLong.empty();
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
                t.stepSeconds(), t.learningRate(), t.step());
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

package io.longhaul.laws;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A schedule in the words of the trainers that resume with it. */
public final class ScheduleArguments {
    private ScheduleArguments() {}

    /** Megatron-LM's; the override is what makes a resumed run follow them instead of its checkpoint. */
    public static List<String> megatron(ScheduleShape s) {
        boolean falls = s.low() < s.peak();
        List<String> arguments = new ArrayList<>(List.of(
                "--override-opt_param-scheduler", "--lr", number(s.peak()), "--min-lr", number(s.low()),
                "--lr-warmup-iters", Long.toString(s.warmupSteps()),
                "--lr-decay-style", falls ? "WSD" : "constant",
                "--lr-decay-iters", Long.toString(s.decayEnd())));
        if (falls) {
            arguments.addAll(List.of(
                    "--lr-wsd-decay-iters", Long.toString(s.decayEnd() - s.decayStart()),
                    "--lr-wsd-decay-style", "linear"));
        }
        return List.copyOf(arguments);
    }

    /** DeepSpeed's configuration, or what to pass from the client where no scheduler of it can do this. */
    public static String deepSpeed(ScheduleShape s) {
        boolean falls = s.low() < s.peak();
        if (falls && (s.low() > 0 || s.decayStart() > s.warmupSteps())) {
            return String.format(
                    Locale.ROOT,
                    "no scheduler of DeepSpeed's holds a rate and then lets it fall: pass lr_scheduler="
                            + "torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: %s + (1 - %s) * min(1, max(0, (%d - step) / %d)))"
                            + " with lr %s to deepspeed.initialize and leave \"scheduler\" out",
                    number(s.low() / s.peak()), number(s.low() / s.peak()), s.decayEnd(),
                    s.decayEnd() - s.decayStart(),
                    number(s.peak()));
        }
        return String.format(
                Locale.ROOT,
                "{\"scheduler\": {\"type\": \"%s\", \"params\": {\"warmup_min_lr\": 0, \"warmup_max_lr\": %s,"
                        + " \"warmup_num_steps\": %d, \"warmup_type\": \"linear\"%s}}}",
                falls ? "WarmupDecayLR" : "WarmupLR", number(s.peak()), s.warmupSteps(),
                falls ? ", \"total_num_steps\": " + s.decayEnd() : "");
    }

    private static String number(double value) {
        return value == 0
                ? "0"
                : String.format(Locale.ROOT, "%.4g", value)
                        .replaceAll("0+(e|$)", "$1")
                        .replaceAll("\\.(e|$)", "$1");
    }
}

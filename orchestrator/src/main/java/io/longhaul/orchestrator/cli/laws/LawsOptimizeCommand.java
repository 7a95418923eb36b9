package io.longhaul.orchestrator.cli.laws;

import io.longhaul.laws.Continuation;
import io.longhaul.laws.LossBand;
import io.longhaul.laws.RateHistory;
import io.longhaul.laws.ScheduleOptimum;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code longhaul laws optimize}. */
@Command(name = "optimize", mixinStandardHelpOptions = true, description = "The falling schedule with the least predicted final loss for the steps that are left, and the best that Megatron-LM executes.")
public final class LawsOptimizeCommand extends FittedCurves {
    private static final int KNOTS = 64;

    @Option(names = "--total", required = true, paramLabel = "STEPS", description = "steps of the whole run")
    private int total;

    @Option(names = "--low", paramLabel = "RATE", description = "least rate (default: a thousandth of the present one)")
    private @Nullable Double low;

    @Option(names = "--table", paramLabel = "FILE", description = "writes the free optimum as a table of step and lr")
    private @Nullable Path table;

    @Override
    ForecastSvg answer(Fitted fitted) {
        RateHistory past = fitted.last().history();
        int from = past.steps();
        double cap = past.rate(from - 1);
        ScheduleOptimum.Found found = ScheduleOptimum.find(
                fitted.law(), past, from, total(total, fitted), cap, low == null ? 1e-3 * cap : low);
        Continuation.Decay family = found.family();
        RateHistory best = past.then(from, family, total);
        RateHistory free = past.then(from, found.rates(), total);
        LossBand.At end = fitted.band().at(best, total - 1);
        LossBand.At gain = fitted.band()
                .difference(best, past.then(from, new Continuation.Constant(cap), total));
        String arguments = String.format(Locale.ROOT,
                "--override-opt_param-scheduler --lr-decay-style WSD --lr-decay-iters %d --lr-wsd-decay-iters %d"
                        + " --lr-wsd-decay-style %s --lr %.4g --min-lr %.4g",
                total, total - family.start(), family.style().name().toLowerCase(Locale.ROOT), cap,
                family.low());
        say("best decay: %s from step %d to %.3g at step %d: %.4f (90 %%: %.4f to %.4f)",
                family.style().name().toLowerCase(Locale.ROOT), family.start(), family.low(), total,
                end.loss(),
                end.low(), end.high());
        say("  against the present rate to the end: %+.4f (90 %%: %+.4f to %+.4f)", gain.loss(), gain.low(),
                gain.high());
        say("  Megatron-LM: %s", arguments);
        say("free optimum: %.4f, %.4f below", found.loss(), found.familyLoss() - found.loss());
        result.putObject("best")
                .put("style", family.style().name())
                .put("decayStart", family.start())
                .put("low", family.low())
                .put("finalLoss", end.loss())
                .put("low90", end.low())
                .put("high90", end.high())
                .put("effect", gain.loss())
                .put("effectLow90", gain.low())
                .put("effectHigh90", gain.high())
                .put("megatron", arguments);
        var free0 = result.putObject("freeOptimum").put("finalLoss", found.loss());
        var knots = free0.putArray("table");
        List<String> lines = new ArrayList<>(List.of("step,lr"));
        int every = Math.max(1, (total - from) / KNOTS);
        for (int step = from; step < total; step = step == total - 1
                ? total
                : Math.min(total - 1, step + every)) {
            lines.add(String.format(Locale.ROOT, "%d,%.6g", step, free.rate(step)));
            knots.addObject().put("step", step).put("lr", free.rate(step));
        }
        if (table != null) {
            write(table, lines);
        }
        ForecastSvg figure = figure(fitted, "best schedule to step " + total);
        figure.predicted("best decay", best, from, total, fitted.band());
        figure.predicted("free optimum", free, from, total, fitted.band());
        return figure;
    }

    private void write(Path file, List<String> lines) {
        try {
            Files.write(file, lines);
            say("table written to %s", file);
        } catch (IOException e) {
            throw new UncheckedIOException(file + " cannot be written: " + e.getMessage(), e);
        }
    }
}

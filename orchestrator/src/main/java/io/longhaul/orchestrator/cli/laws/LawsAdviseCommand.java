package io.longhaul.orchestrator.cli.laws;

import io.longhaul.laws.Observation;
import io.longhaul.laws.RateHistory;
import io.longhaul.laws.ScheduleAdvisor;
import io.longhaul.laws.ScheduleArguments;
import io.longhaul.laws.ScheduleShape;
import io.longhaul.laws.StepLaw;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code longhaul laws advise}: what the service would do before the next attempt. */
@Command(name = "advise", mixinStandardHelpOptions = true, description = "Whether the last curve's run should go on with another schedule, with the predicted effect and the trainer's arguments.")
public final class LawsAdviseCommand extends FittedCurves {
    @Option(names = "--total", required = true, paramLabel = "STEPS", description = "steps of the whole run")
    private int total;

    @Option(names = "--decay-start", paramLabel = "STEP", description = "step at which the planned linear decay begins (default: none is planned)")
    private @Nullable Long decayStart;

    @Option(names = "--low", paramLabel = "RATE", description = "rate at which the planned decay ends (default 0)")
    private double low;

    @Option(names = "--parameters", paramLabel = "N", description = "weights without embeddings, for advice on the peak")
    private @Nullable Double parameters;

    @Option(names = "--batch-tokens", paramLabel = "TOKENS", description = "tokens per step, for advice on the peak")
    private @Nullable Double batchTokens;

    @Override
    ForecastSvg answer(Fitted fitted) {
        CurveFile run = fitted.last();
        RateHistory past = run.history();
        double peak = past.peak();
        ScheduleShape planned = decayStart == null
                ? new ScheduleShape(peak, peak, run.warmup(), total(total, fitted), total)
                : new ScheduleShape(peak, low, run.warmup(), decayStart, total(total, fitted));
        List<Observation> seen = new ArrayList<>();
        int[] steps = run.curve().steps();
        for (int i = 0; i < steps.length; i++) {
            seen.add(new Observation(steps[i] + 1L, past.rate(steps[i]), run.curve().losses()[i]));
        }
        Optional<StepLaw.Scale> scale = parameters == null || batchTokens == null
                ? Optional.empty()
                : Optional.of(new StepLaw.Scale(parameters, batchTokens * total, batchTokens));
        ScheduleAdvisor.Advice advice = ScheduleAdvisor.advise(
                new ScheduleAdvisor.Situation(
                        planned, step -> past.rate((int) step - 1), seen, past.steps(), total,
                        Math.max(1, total / 20), scale, List.of(), 1));
        result.put("advised", advice.schedule().isPresent()).put("explanation", advice.explanation());
        say("%s: %s", advice.schedule().isPresent() ? "advice" : "no change", advice.explanation());
        ForecastSvg figure = figure(fitted, "advice at step " + past.steps());
        figure.predicted("as planned", whole(past, planned), past.steps(), total, fitted.band());
        advice.schedule().ifPresent(shape -> {
            say("  final loss %.4f (90 %%: %.4f to %.4f), without it %.4f", advice.changed(), advice.low(),
                    advice.high(), advice.unchanged());
            say("  Megatron-LM: %s", String.join(" ", ScheduleArguments.megatron(shape)));
            say("  DeepSpeed: %s", ScheduleArguments.deepSpeed(shape));
            result.put("unchanged", advice.unchanged())
                    .put("finalLoss", advice.changed())
                    .put("low90", advice.low())
                    .put("high90", advice.high())
                    .put("effectLow90", advice.effectLow())
                    .put("effectHigh90", advice.effectHigh())
                    .put("megatron", String.join(" ", ScheduleArguments.megatron(shape)))
                    .put("deepSpeed", ScheduleArguments.deepSpeed(shape));
            figure.predicted("advised", whole(past, shape), past.steps(), total, fitted.band());
        });
        return figure;
    }

    private RateHistory whole(RateHistory past, ScheduleShape shape) {
        double[] rates = new double[total];
        for (int step = 0; step < total; step++) {
            rates[step] = step < past.steps() ? past.rate(step) : shape.rate(step + 1L);
        }
        return RateHistory.of(rates);
    }
}

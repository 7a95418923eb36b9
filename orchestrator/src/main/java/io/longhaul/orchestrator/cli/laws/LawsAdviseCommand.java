package io.longhaul.orchestrator.cli.laws;

import io.longhaul.laws.Continuation;
import io.longhaul.laws.DecayStyle;
import io.longhaul.laws.LossCurve;
import io.longhaul.laws.Observation;
import io.longhaul.laws.RateHistory;
import io.longhaul.laws.ScheduleAdvisor;
import io.longhaul.laws.ScheduleArguments;
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

    @Option(names = "--decay-start", paramLabel = "STEP", description = "step at which the planned linear decay begins, if it is one")
    private @Nullable Integer decayStart;

    @Option(names = "--low", paramLabel = "RATE", description = "rate at which the planned decay ends (default 0)")
    private double low;

    @Option(names = "--planned", paramLabel = "S", description = "what else the run would go on with (default: its last rate): "
            + ScheduleText.FORMS)
    private @Nullable String planned;

    @Option(names = "--parameters", paramLabel = "N", description = "weights without embeddings, for advice on the peak")
    private @Nullable Double parameters;

    @Option(names = "--batch-tokens", paramLabel = "TOKENS", description = "tokens per step, for advice on the peak")
    private @Nullable Double batchTokens;

    @Override
    ForecastSvg answer(Fitted fitted) {
        CurveFile run = fitted.last();
        RateHistory past = run.history();
        RateHistory whole = past.then(past.steps(), planned(past, total(total, fitted)), total);
        List<Observation> seen = new ArrayList<>();
        int[] steps = run.curve().steps();
        for (int i = 0; i < steps.length; i++) {
            seen.add(new Observation(steps[i] + 1L, past.rate(steps[i]), run.curve().losses()[i]));
        }
        Optional<StepLaw.Scale> scale = parameters == null || batchTokens == null
                ? Optional.empty()
                : Optional.of(new StepLaw.Scale(parameters, batchTokens * total, batchTokens));
        List<LossCurve> family = fitted.curves().stream().map(CurveFile::curve).toList();
        ScheduleAdvisor.Advice advice = ScheduleAdvisor.advise(
                new ScheduleAdvisor.Situation(
                        whole, warmup == null ? run.warmup() : warmup, seen, past.steps(),
                        Math.max(1, total / 20), scale,
                        family.subList(0, family.size() - 1), List.of(), 1));
        result.put("advised", advice.schedule().isPresent()).put("explanation", advice.explanation());
        say("%s: %s", advice.schedule().isPresent() ? "advice" : "no change", advice.explanation());
        ForecastSvg figure = figure(fitted, "advice at step " + past.steps());
        figure.predicted("as planned", whole, past.steps(), total, fitted.band());
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
            figure.predicted("advised", past.then(past.steps(), new Continuation.Whole(shape), total),
                    past.steps(), total, fitted.band());
        });
        return figure;
    }

    private Continuation planned(RateHistory past, int total) {
        double now = past.rate(past.steps() - 1);
        if (decayStart != null) {
            return new Continuation.Decay(DecayStyle.LINEAR, now, decayStart, low);
        }
        return ScheduleText.parse(planned == null ? "constant" : planned, now, past.peak(), past.steps(),
                total);
    }
}

package io.longhaul.orchestrator.cli.laws;

import io.longhaul.laws.LossBand;
import io.longhaul.laws.RateHistory;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code longhaul laws predict}. */
@Command(name = "predict", mixinStandardHelpOptions = true, description = "Final loss of the last curve's run under schedules for the steps that are left, with 90 %% intervals.")
public final class LawsPredictCommand extends FittedCurves {
    @Option(names = "--total", required = true, paramLabel = "STEPS", description = "steps of the whole run; may be more or fewer than planned")
    private int total;

    @Option(names = "--schedule", paramLabel = "S", arity = "1..*", description = ScheduleText.FORMS)
    private List<String> schedules = List.of("constant", "cosine:low=0", "linear:low=0",
            "wsd:share=0.2,low=0");

    @Override
    ForecastSvg answer(Fitted fitted) {
        ForecastSvg figure = figure(fitted, "predicted loss to step " + total);
        RateHistory past = fitted.last().history();
        int from = past.steps();
        say("from step %d to %d, %.1f times what was seen:", from, total(total, fitted),
                (double) total / from);
        var all = result.putArray("predictions");
        for (String schedule : schedules) {
            RateHistory whole = past.then(
                    from, ScheduleText.parse(schedule, past.rate(from - 1), past.peak(), from, total), total);
            LossBand.At end = fitted.band().at(whole, total - 1);
            say("  %-40s %.4f (90 %%: %.4f to %.4f)", schedule, end.loss(), end.low(), end.high());
            all.addObject()
                    .put("schedule", schedule)
                    .put("finalLoss", end.loss())
                    .put("low90", end.low())
                    .put("high90", end.high());
            figure.predicted(schedule, whole, from, total, fitted.band());
        }
        return figure;
    }
}

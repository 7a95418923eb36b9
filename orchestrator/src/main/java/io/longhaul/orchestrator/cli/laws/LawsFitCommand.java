package io.longhaul.orchestrator.cli.laws;

import picocli.CommandLine.Command;

/** {@code longhaul laws fit}. */
@Command(name = "fit", mixinStandardHelpOptions = true, description = "Fits the law and says how far it is off each curve.")
public final class LawsFitCommand extends FittedCurves {
    @Override
    ForecastSvg answer(Fitted fitted) {
        ForecastSvg figure = figure(fitted, "multi-power law, fitted");
        CurveFile last = fitted.last();
        figure.predicted("the law", last.history(), last.warmup(), last.history().steps(), fitted.band());
        return figure;
    }
}

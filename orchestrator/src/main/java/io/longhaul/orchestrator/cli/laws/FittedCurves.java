package io.longhaul.orchestrator.cli.laws;

import io.longhaul.laws.LossBand;
import io.longhaul.laws.LossCurve;
import io.longhaul.laws.MultiPowerFit;
import io.longhaul.laws.MultiPowerLaw;
import io.longhaul.laws.RateHistory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** What the commands of {@code longhaul laws} share: curves in, text or JSON and a picture out. */
abstract class FittedCurves implements Callable<Integer> {
    private static final int USAGE = 2;
    private static final int POINTS = 100;
    private static final double TENTH = 0.1;

    @Parameters(paramLabel = "CURVE.csv", arity = "1..*", description = "loss curves of one model and batch, the run at hand last; CSV with the columns step (or tokens), lr, loss, W&B exports too, or TensorBoard event files and their directories")
    private List<Path> files = List.of();

    @Option(names = "--tokens-per-step", paramLabel = "TOKENS", description = "for curves over tokens")
    private @Nullable Double tokensPerStep;

    @Option(names = "--warmup", paramLabel = "STEPS", description = "length of the linear warm-up, for curves that begin after it or end in it")
    @Nullable
    Integer warmup;

    @Option(names = "--seed", defaultValue = "1", description = "of the intervals' draws (default ${DEFAULT-VALUE})")
    private long seed;

    @Option(names = "--json", description = "print one JSON object instead of text")
    private boolean json;

    @Option(names = "--svg", paramLabel = "FILE", description = "draws the curves, the prediction and its band")
    private @Nullable Path svg;

    @Spec
    private @Nullable CommandSpec spec;

    final JsonMapper mapper = new JsonMapper();
    final List<String> text = new ArrayList<>();
    final ObjectNode result = mapper.createObjectNode();

    /** Curves with the law that fits them; the band's draws take a second. */
    record Fitted(List<CurveFile> curves, MultiPowerFit fit, LossBand band) {
        CurveFile last() {
            return curves.getLast();
        }

        MultiPowerLaw law() {
            return fit.law();
        }
    }

    @Override
    public Integer call() {
        try {
            ForecastSvg figure = answer(fitted());
            if (svg != null) {
                Files.writeString(svg, figure.draw());
                say("drawn to %s", svg);
            }
        } catch (Rows.BadDataException | IllegalArgumentException e) {
            System.err.println("longhaul: " + e.getMessage());
            return USAGE;
        } catch (IOException e) {
            throw new UncheckedIOException(svg + " cannot be written: " + e.getMessage(), e);
        }
        if (json) {
            System.out.println(mapper.writerWithDefaultPrettyPrinter().writeValueAsString(result));
        } else {
            text.forEach(System.out::println);
        }
        return 0;
    }

    abstract ForecastSvg answer(Fitted fitted);

    void say(String format, Object... values) {
        text.add(String.format(Locale.ROOT, format, values));
    }

    private Fitted fitted() {
        List<CurveFile> curves = files.stream()
                .map(file -> CurveFile.read(file, Optional.ofNullable(tokensPerStep),
                        Optional.ofNullable(warmup)))
                .toList();
        boolean decayed = curves.stream().anyMatch(FittedCurves::decayed);
        List<LossCurve> smooth = curves.stream().map(c -> c.curve().smoothed(POINTS)).toList();
        MultiPowerFit fit = MultiPowerFit.of(
                smooth, decayed ? MultiPowerLaw.Shape.FADING : MultiPowerLaw.Shape.UNSEEN);
        int longest = curves.stream().mapToInt(c -> c.history().steps()).max().orElseThrow();
        var files = result.putArray("curves");
        for (CurveFile curve : curves) {
            double error = meanError(fit.law(), curve);
            say("%s: %d losses, steps %d to %d, warm-up %d, peak %.3g; off by %.4f in the mean", curve.file(),
                    curve.curve().steps().length, curve.curve().steps()[0], curve.history().steps() - 1,
                    curve.warmup(), curve.history().peak(), error);
            curve.repairs().forEach(repair -> say("  repaired: %s", repair));
            ObjectNode one = files.addObject()
                    .put("file", curve.file().toString())
                    .put("losses", curve.curve().steps().length)
                    .put("lastStep", curve.history().steps() - 1)
                    .put("warmup", curve.warmup())
                    .put("peak", curve.history().peak())
                    .put("meanAbsoluteError", error);
            curve.repairs().forEach(one.putArray("repairs")::add);
        }
        MultiPowerLaw law = fit.law();
        say("multi-power law with fading gains: L0 %.4f, A %.4g, alpha %.3f, B %.4g, C %.3g, beta %.3f, gamma %.3f, fade %.2f",
                law.floor(), law.amplitude(), law.alpha(), law.gain(), law.c(), law.beta(), law.gamma(),
                law.fade());
        result.set("law", mapper.valueToTree(law));
        result.put("decayObserved", decayed);
        if (!decayed) {
            say("no decay in these curves: what one gains is taken from published fits, and the intervals are wide");
        }
        return new Fitted(curves, fit, new LossBand(fit, longest, seed));
    }

    private static boolean decayed(CurveFile curve) {
        RateHistory history = curve.history();
        return history.rate(history.steps() - 1) < (1 - TENTH) * history.peak();
    }

    private static double meanError(MultiPowerLaw law, CurveFile curve) {
        double[] predicted = law.losses(curve.history(), curve.curve().steps());
        double sum = 0;
        for (int i = 0; i < predicted.length; i++) {
            sum += Math.abs(predicted[i] - curve.curve().losses()[i]) / predicted.length;
        }
        return sum;
    }

    ForecastSvg figure(Fitted fitted, String title) {
        ForecastSvg figure = new ForecastSvg(title);
        fitted.curves().forEach(curve -> figure.measured(curve.curve().smoothed(POINTS)));
        return figure;
    }

    int total(int total, Fitted fitted) {
        int seen = fitted.last().history().steps();
        if (total <= seen) {
            throw new IllegalArgumentException(
                    "--total must be above the " + seen + " steps that the last curve has run, got " + total);
        }
        return total;
    }
}

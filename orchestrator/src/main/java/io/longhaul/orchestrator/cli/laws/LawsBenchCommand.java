package io.longhaul.orchestrator.cli.laws;

import io.longhaul.laws.LossCurve;
import io.longhaul.laws.MultiPowerLaw;
import io.longhaul.laws.PowerLawSurface;
import io.longhaul.laws.RateHistory;
import io.longhaul.laws.ScheduleOptimum;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;

/** {@code longhaul bench laws}: seconds of one thread, the first time and warmed up. */
@Command(name = "laws", mixinStandardHelpOptions = true, description = "Times fits of the scaling laws on made-up runs, in CPU seconds of one thread.")
public final class LawsBenchCommand implements Runnable {
    private static final MultiPowerLaw TRUTH = new MultiPowerLaw(3.04, 0.525, 0.508, 363.8, 2.066, 0.583,
            0.641, 0);

    @Override
    public void run() {
        SplittableRandom random = new SplittableRandom(1);
        List<LossCurve> curves = new ArrayList<>();
        for (String schedule : List.of("cosine_24000", "constant_24000", "wsdcon_9")) {
            RateHistory history = RateHistory.of(MplScore.rates(schedule).orElseThrow());
            int[] steps = IntStream.iterate(2176, step -> step < history.steps(), step -> step + 128)
                    .toArray();
            double[] losses = TRUTH.losses(history, steps);
            for (int i = 0; i < losses.length; i++) {
                losses[i] *= 1 + 1e-3 * random.nextGaussian();
            }
            curves.add(new LossCurve(history, steps, losses));
        }
        time("multi-power law, three curves", () -> MultiPowerLaw.fit(curves, MultiPowerLaw.Shape.FADING));
        RateHistory past = curves.getFirst().history();
        ScheduleOptimum.Found found = time(
                "schedule optimum, 24000 steps",
                () -> ScheduleOptimum.find(TRUTH, past, MplScore.WARMUP, past.steps(), past.peak(), 1e-7));
        System.out.println(
                String.format(
                        Locale.ROOT, "%-32s %.5f nats, best family %.5f, cosine to a tenth %.5f",
                        "its predicted final loss",
                        found.loss(), found.familyLoss(), TRUTH.loss(past, past.steps() - 1)));
        PowerLawSurface surface = new PowerLawSurface(1.8172, Math.log(477.8), Math.log(2143), 0.3473, 0.3672,
                1);
        List<PowerLawSurface.Point> points = IntStream.range(0, 240).mapToObj(i -> {
            double size = 5e7 * Math.pow(300, random.nextDouble());
            double tokens = size * 2 * Math.pow(100, random.nextDouble());
            return new PowerLawSurface.Point(
                    size, tokens, surface.loss(size, tokens) * (1 + 5e-3 * random.nextGaussian()));
        }).toList();
        PowerLawSurface fit = time("Hoffmann's form, 240 runs", () -> PowerLawSurface.fitChinchilla(points));
        time("its 4000 bootstraps", () -> fit.bootstrap(points, 4000, 1));
    }

    private static <T> T time(String what, Supplier<T> work) {
        double start = Cpu.seconds();
        T unused = work.get();
        double first = Cpu.seconds();
        T result = work.get();
        System.out.println(
                String.format(
                        Locale.ROOT, "%-32s %.2f s the first time, %.2f s the second", what, first - start,
                        Cpu.seconds() - first));
        return result;
    }
}

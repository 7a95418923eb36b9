package io.longhaul.laws;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.LongToDoubleFunction;

/**
 * A run whose loss follows the multi-power law, written down once more from the paper's sum, with constants that differ
 * from run to run, and noise.
 */
record SyntheticRun(
        double floor,
        double amplitude,
        double alpha,
        double gain,
        double noise,
        int warmup,
        int total,
        long seed) {
    static final double PEAK = 1e-3;

    /** Constants as different as those of published fits, and the gain with their spread. */
    static SyntheticRun drawn(long seed) {
        Random random = new Random(seed);
        return new SyntheticRun(
                1.5 + 2 * random.nextDouble(), 0.5 + 3.5 * random.nextDouble(),
                Math.clamp(0.5 + 0.15 * random.nextGaussian(), 0.25, 0.9),
                MultiPowerLaw.Shape.PUBLISHED.gain(PEAK) * Math.exp(Math.log(1.7) * random.nextGaussian()),
                0.01 + 0.05 * random.nextDouble(),
                20,
                400 + random.nextInt(1000), seed);
    }

    ScheduleShape constant() {
        return new ScheduleShape(PEAK, PEAK, warmup, total, total);
    }

    double loss(LongToDoubleFunction rates, long step) {
        double sum = 0;
        for (long k = 1; k <= step; k++) {
            sum += rates.applyAsDouble(k) / PEAK;
        }
        double gained = 0;
        for (long k = 2; k <= step; k++) {
            double fall = (rates.applyAsDouble(k - 1) - rates.applyAsDouble(k)) / PEAK;
            if (fall > 0) {
                double since = 0;
                for (long i = k; i <= step; i++) {
                    since += rates.applyAsDouble(i) / PEAK;
                }
                gained += fall * (1 - Math.pow(1 + since / 9, -0.6));
            }
        }
        return floor + amplitude * Math.pow(sum, -alpha) - gain * gained;
    }

    /** Steps after the warm-up, as they were seen. */
    List<Observation> seen(ScheduleShape shape, long to) {
        Random random = new Random(seed + 7);
        List<Observation> seen = new ArrayList<>();
        double sum = 0;
        for (long step = 1; step <= to; step++) {
            sum += shape.rate(step) / PEAK;
            double loss = shape.low() == shape.peak()
                    ? floor + amplitude * Math.pow(sum, -alpha)
                    : loss(shape::rate, step);
            double noisy = loss + noise * random.nextGaussian();
            if (step > warmup) {
                seen.add(new Observation(step, shape.rate(step), noisy));
            }
        }
        return seen;
    }

    /** Mean of the last steps under a schedule that is followed from {@code resume} on, with its noise. */
    double end(ScheduleShape next, long resume, int last) {
        Random random = new Random(seed + 13);
        LongToDoubleFunction rates = step -> step <= resume ? constant().rate(step) : next.rate(step);
        double noiseOfMean = noise / Math.sqrt(last);
        return loss(rates, total - last / 2) + noiseOfMean * random.nextGaussian();
    }
}

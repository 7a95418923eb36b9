package io.longhaul.laws;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.LongToDoubleFunction;

/**
 * Training loss along a learning-rate schedule, after the multi-power law (Luo et al. 2025, arXiv 2503.12811,
 * equation 1): a power law in the sum of learning rates, minus what each fall of the rate gains in time,
 *
 * <pre>L(t) = L0 + A S(t)^-alpha - G sum_k (eta_{k-1} - eta_k)/eta_max [1 - (1 + S_k(t)/(eta_max tau))^-beta]</pre>
 *
 * with S(t) the sum of the rates up to t in units of the peak rate and S_k(t) the same from step k. L0, A and
 * alpha are fitted to the run. The gain G of a complete decay cannot be seen before a decay: it comes from the
 * published fits and carries their spread.
 */
public final class LossCurveLaw {
    /**
     * G = B times the peak rate of the law's three published fits (25M, 100M, 400M parameters at 3e-4), as geometric
     * mean and as factor of one standard deviation, widened since none of them is the run at hand.
     */
    static final double GAIN_MEDIAN = 0.131;
    static final double GAIN_FACTOR = 1.7;
    private static final double BETA = 0.6;
    /** Steps at the peak rate after which a fall has shown a good part of its effect; 1 / (C eta^(1-gamma)). */
    private static final double RESPONSE_STEPS = 9;
    private static final double ALPHA_LOW = 0.2;
    private static final double ALPHA_HIGH = 1.2;
    private static final double ALPHA_STEP = 0.05;
    /** Published exponents lie around one half; one standard deviation. */
    private static final double ALPHA_CENTER = 0.5;
    private static final double ALPHA_SPREAD = 0.25;
    private static final int BINS = 40;
    private static final int LEAST_BINS = 12;

    private final double floor;
    private final double amplitude;
    private final double alpha;
    private final double gain;
    private final double peak;

    private LossCurveLaw(double floor, double amplitude, double alpha, double gain, double peak) {
        this.floor = floor;
        this.amplitude = amplitude;
        this.alpha = alpha;
        this.gain = gain;
        this.peak = peak;
    }

    /**
     * A fit and draws around it that carry its uncertainty.
     *
     * @param law best fit with the median gain
     * @param draws fits to resampled residuals, each with a gain drawn from the published spread
     * @param noise standard deviation of the mean loss of one bin around the law
     * @param stepsPerBin length of a bin
     */
    public record Fit(LossCurveLaw law, List<LossCurveLaw> draws, double noise, double stepsPerBin) {}

    /**
     * Fits the law; the same arguments give the same fit.
     *
     * @param observations steps after the warm-up, ascending
     * @param rates learning rate of every step from 1
     * @return empty if there are too few steps to tell a curve from noise
     */
    public static Optional<Fit> fit(
            List<Observation> observations, LongToDoubleFunction rates, double peak, int draws, long seed) {
        if (observations.size() < LEAST_BINS * 4) {
            return Optional.empty();
        }
        List<Bin> bins = bins(observations, rates, peak);
        double[] loss = bins.stream().mapToDouble(Bin::loss).toArray();
        LossCurveLaw best = leastSquares(bins, loss, GAIN_MEDIAN, peak);
        double[] fitted = bins.stream().mapToDouble(b -> best.at(b.sum(), b.annealed())).toArray();
        double[] residuals = new double[loss.length];
        for (int i = 0; i < loss.length; i++) {
            residuals[i] = loss[i] - fitted[i];
        }
        double noise = Math
                .sqrt(Arrays.stream(residuals).map(r -> r * r).sum() / Math.max(1, loss.length - 3));
        SplittableRandom random = new SplittableRandom(seed);
        List<LossCurveLaw> around = new ArrayList<>();
        for (int draw = 0; draw < draws; draw++) {
            double[] resampled = fitted.clone();
            for (int i = 0; i < resampled.length; i += 2) {
                // Neighbouring bins share their data's difficulty: they are drawn in pairs.
                int from = random.nextInt(residuals.length - 1);
                resampled[i] += residuals[from];
                if (i + 1 < resampled.length) {
                    resampled[i + 1] += residuals[from + 1];
                }
            }
            double gain = GAIN_MEDIAN * Math.exp(Math.log(GAIN_FACTOR) * random.nextGaussian());
            around.add(leastSquares(bins, resampled, gain, peak));
        }
        return Optional.of(
                new Fit(best, List.copyOf(around), noise, (double) observations.size() / bins.size()));
    }

    /** Mean loss of neighbouring steps, and the law's two sums at their middle. */
    private record Bin(double loss, double sum, double annealed) {}

    private static List<Bin> bins(List<Observation> observations, LongToDoubleFunction rates, double peak) {
        int count = Math.clamp(observations.size() / 4, LEAST_BINS, BINS);
        List<Bin> bins = new ArrayList<>();
        for (int bin = 0; bin < count; bin++) {
            List<Observation> part = observations.subList(
                    bin * observations.size() / count, (bin + 1) * observations.size() / count);
            double[] losses = part.stream().mapToDouble(Observation::loss).sorted().toArray();
            // A mean without its extremes: single outliers happen, and are not what is fitted.
            int cut = losses.length / 8;
            double mean = Arrays.stream(losses, cut, losses.length - cut).average().orElseThrow();
            long middle = part.get(part.size() / 2).step();
            bins.add(new Bin(mean, sum(rates, peak, 1, middle), annealed(rates, peak, middle)));
        }
        return bins;
    }

    private static double sum(LongToDoubleFunction rates, double peak, long from, long to) {
        double sum = 0;
        for (long step = from; step <= to; step++) {
            sum += rates.applyAsDouble(step) / peak;
        }
        return sum;
    }

    /** The sum over falls of the rate, in [0, 1]; rises during warm-up are left out. */
    private static double annealed(LongToDoubleFunction rates, double peak, long at) {
        double total = 0;
        double since = 0;
        for (long step = at; step > 1; step--) {
            since += rates.applyAsDouble(step) / peak;
            double fall = (rates.applyAsDouble(step - 1) - rates.applyAsDouble(step)) / peak;
            if (fall > 0) {
                total += fall * (1 - Math.pow(1 + since / RESPONSE_STEPS, -BETA));
            }
        }
        return total;
    }

    /** For each exponent the other two follow from linear least squares; the exponent is chosen by the grid. */
    private static LossCurveLaw leastSquares(List<Bin> bins, double[] loss, double gain, double peak) {
        LossCurveLaw best = null;
        double bestScore = Double.POSITIVE_INFINITY;
        double variance = Math.max(1e-8, secondDifferenceVariance(loss));
        for (double alpha = ALPHA_LOW; alpha <= ALPHA_HIGH + 1e-9; alpha += ALPHA_STEP) {
            double n = bins.size();
            double sx = 0;
            double sy = 0;
            double sxx = 0;
            double sxy = 0;
            for (int i = 0; i < bins.size(); i++) {
                double x = Math.pow(bins.get(i).sum(), -alpha);
                double y = loss[i] + gain * bins.get(i).annealed();
                sx += x;
                sy += y;
                sxx += x * x;
                sxy += x * y;
            }
            double amplitude = Math.max(0, (n * sxy - sx * sy) / Math.max(1e-300, n * sxx - sx * sx));
            double floor = Math.max(0, (sy - amplitude * sx) / n);
            LossCurveLaw law = new LossCurveLaw(floor, amplitude, alpha, gain, peak);
            double squares = 0;
            for (int i = 0; i < bins.size(); i++) {
                double error = loss[i] - law.at(bins.get(i).sum(), bins.get(i).annealed());
                squares += error * error;
            }
            double prior = (alpha - ALPHA_CENTER) / ALPHA_SPREAD;
            double score = squares / variance + prior * prior;
            if (score < bestScore) {
                bestScore = score;
                best = law;
            }
        }
        return java.util.Objects.requireNonNull(best);
    }

    /** Noise of the bins, from how they differ from their neighbours' mean. */
    private static double secondDifferenceVariance(double[] loss) {
        double squares = 0;
        for (int i = 1; i + 1 < loss.length; i++) {
            double difference = loss[i] - 0.5 * (loss[i - 1] + loss[i + 1]);
            squares += difference * difference;
        }
        return squares / 1.5 / Math.max(1, loss.length - 2);
    }

    private double at(double sum, double annealed) {
        return floor + amplitude * Math.pow(sum, -alpha) - gain * annealed;
    }

    /** Predicted loss of a step under a schedule, in nats per token. */
    public double loss(LongToDoubleFunction rates, long step) {
        return at(sum(rates, peak, 1, step), annealed(rates, peak, step));
    }

    /** Loss that the run would approach at the peak rate. */
    public double floor() {
        return floor;
    }

    public double amplitude() {
        return amplitude;
    }

    public double alpha() {
        return alpha;
    }

    /** Gain of a complete decay of the rate, in nats per token. */
    public double gain() {
        return gain;
    }
}

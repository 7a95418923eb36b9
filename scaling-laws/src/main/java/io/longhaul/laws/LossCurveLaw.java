package io.longhaul.laws;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.LongToDoubleFunction;
import java.util.stream.IntStream;

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
    private static final double GAIN_PEAK = 3e-4;
    /** Higher peaks have more to gain: 43 decays of Hägele et al. 2024 from peaks of 1e-4 to 1e-3. */
    private static final double GAIN_EXPONENT = 1.0 / 3;
    private static final double BETA = 0.6;
    /** Steps at the peak rate after which a fall has shown a good part of its effect; 1 / (C eta^(1-gamma)). */
    private static final double RESPONSE_STEPS = 9;
    /** Exponents that are tried. */
    private static final double[] ALPHAS = IntStream.rangeClosed(4, 24).mapToDouble(i -> 0.05 * i).toArray();
    /** Published exponents lie around one half; one standard deviation. */
    private static final double ALPHA_CENTER = 0.5;
    private static final double ALPHA_SPREAD = 0.25;
    private static final int NEIGHBOURS = 4;
    /** Median absolute deviations; about five standard deviations of Gaussian noise. */
    private static final double OUTLIER_DEVIATIONS = 7.5;
    private static final int BINS = 40;
    private static final int LEAST_BINS = 12;

    private final double floor;
    private final double amplitude;
    private final double alpha;
    private final double gain;

    private LossCurveLaw(double floor, double amplitude, double alpha, double gain) {
        this.floor = floor;
        this.amplitude = amplitude;
        this.alpha = alpha;
        this.gain = gain;
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
     * @throws IllegalArgumentException if steps do not ascend or the peak is not positive
     */
    public static Optional<Fit> fit(
            List<Observation> observations, LongToDoubleFunction rates, double peak, int draws, long seed) {
        if (!(peak > 0) || !Double.isFinite(peak)) {
            throw new IllegalArgumentException("peak must be positive and finite, got " + peak);
        }
        for (int i = 1; i < observations.size(); i++) {
            if (observations.get(i).step() <= observations.get(i - 1).step()) {
                throw new IllegalArgumentException(
                        "steps must ascend, got step " + observations.get(i).step() + " after step "
                                + observations.get(i - 1).step());
            }
        }
        if (observations.size() < LEAST_BINS * 4) {
            return Optional.empty();
        }
        List<Bin> bins = bins(observations, rates, peak);
        double[] loss = bins.stream().mapToDouble(Bin::loss).toArray();
        double gain = medianGain(peak);
        LossCurveLaw best = leastSquares(bins, loss, gain);
        double[] fitted = bins.stream().mapToDouble(best::meanOf).toArray();
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
            double drawn = gain * Math.exp(Math.log(GAIN_FACTOR) * random.nextGaussian());
            around.add(leastSquares(bins, resampled, drawn));
        }
        return Optional.of(
                new Fit(best, List.copyOf(around), noise, (double) observations.size() / bins.size()));
    }

    /** Gain of a complete decay from a peak rate, before the run has shown one. */
    static double medianGain(double peak) {
        return GAIN_MEDIAN * Math.pow(peak / GAIN_PEAK, GAIN_EXPONENT);
    }

    /**
     * Neighbouring steps.
     *
     * @param loss their mean
     * @param powers the mean of {@code S^-alpha} over them for every exponent; early in a run it is not that of their
     *     middle
     * @param annealed the other sum at their middle
     */
    private record Bin(double loss, double[] powers, double annealed) {}

    private static List<Bin> bins(List<Observation> observations, LongToDoubleFunction rates, double peak) {
        int count = Math.clamp(observations.size() / 4, LEAST_BINS, BINS);
        List<Bin> bins = new ArrayList<>();
        double[] calm = withoutOutliers(observations);
        double sum = 0;
        long step = 0;
        for (int bin = 0; bin < count; bin++) {
            List<Observation> part = observations.subList(
                    bin * observations.size() / count, (bin + 1) * observations.size() / count);
            double mean = Arrays.stream(calm, bin * calm.length / count, (bin + 1) * calm.length / count)
                    .average()
                    .orElseThrow();
            double[] powers = new double[ALPHAS.length];
            for (Observation observation : part) {
                while (step < observation.step()) {
                    sum += rates.applyAsDouble(++step) / peak;
                }
                for (int i = 0; i < ALPHAS.length; i++) {
                    powers[i] += Math.pow(sum, -ALPHAS[i]) / part.size();
                }
            }
            bins.add(new Bin(mean, powers, annealed(rates, peak, part.get(part.size() / 2).step())));
        }
        return bins;
    }

    /** Single losses far from their neighbours happen, and are not what is fitted: their neighbours' median is. */
    private static double[] withoutOutliers(List<Observation> observations) {
        double[] losses = observations.stream().mapToDouble(Observation::loss).toArray();
        double[] calm = losses.clone();
        for (int i = 0; i < losses.length; i++) {
            int from = Math.clamp(i - NEIGHBOURS, 0, losses.length - 2 * NEIGHBOURS - 1);
            double[] near = Arrays.copyOfRange(losses, from, from + 2 * NEIGHBOURS + 1);
            double median = median(near);
            double deviation = median(Arrays.stream(near).map(loss -> Math.abs(loss - median)).toArray());
            if (Math.abs(losses[i] - median) > OUTLIER_DEVIATIONS * deviation) {
                calm[i] = median;
            }
        }
        return calm;
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    private double meanOf(Bin bin) {
        return floor + amplitude * bin.powers()[Arrays.binarySearch(ALPHAS, alpha)] - gain * bin.annealed();
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
    private static LossCurveLaw leastSquares(List<Bin> bins, double[] loss, double gain) {
        LossCurveLaw best = null;
        double bestScore = Double.POSITIVE_INFINITY;
        double variance = Math.max(1e-8, secondDifferenceVariance(loss));
        for (int exponent = 0; exponent < ALPHAS.length; exponent++) {
            double n = bins.size();
            double sx = 0;
            double sy = 0;
            double sxx = 0;
            double sxy = 0;
            for (int i = 0; i < bins.size(); i++) {
                double x = bins.get(i).powers()[exponent];
                double y = loss[i] + gain * bins.get(i).annealed();
                sx += x;
                sy += y;
                sxx += x * x;
                sxy += x * y;
            }
            double amplitude = Math.max(0, (n * sxy - sx * sy) / Math.max(1e-300, n * sxx - sx * sx));
            double floor = Math.max(0, (sy - amplitude * sx) / n);
            LossCurveLaw law = new LossCurveLaw(floor, amplitude, ALPHAS[exponent], gain);
            double squares = 0;
            for (int i = 0; i < bins.size(); i++) {
                double error = loss[i] - law.meanOf(bins.get(i));
                squares += error * error;
            }
            double prior = (ALPHAS[exponent] - ALPHA_CENTER) / ALPHA_SPREAD;
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

    /** What the law needs to know of a schedule up to a step; the same for all laws of one peak rate. */
    public record Progress(double sum, double annealed) {}

    /** Progress of a schedule at a step, counted from 1. */
    public static Progress progress(LongToDoubleFunction rates, double peak, long step) {
        return new Progress(sum(rates, peak, 1, step), annealed(rates, peak, step));
    }

    /** Predicted loss, in nats per token. */
    public double loss(Progress progress) {
        return floor + amplitude * Math.pow(progress.sum(), -alpha) - gain * progress.annealed();
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

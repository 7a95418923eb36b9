package io.longhaul.laws;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Multi-power law of the loss along a learning-rate schedule (Luo et al. 2025, arXiv 2503.12811, equation 1), with all
 * its constants fitted to curves of one model and batch:
 *
 * <pre>L(t) = L0 + A S1(t)^-alpha
 *        - B sum_{k<=t} (eta_{k-1} - eta_k) f_k [1 - (1 + C eta_k^-gamma S_k(t))^-beta]</pre>
 *
 * S1(t) is the sum of the rates up to t, S_k(t) that from step k; a warm-up's rises count as negative falls. In the
 * paper f_k is 1. Here {@code f_k = (1 + S1(k) / s)^-fade}, s being what {@value #FADING_STEPS} steps at the peak sum
 * up to: a fall late in a long run gains less than the same fall early, which the paper's law overestimates. Its
 * authors fitted a peak rate of 3e-4, 24,000 steps, models of 25M to 400M weights and AdamW. One loss takes time in
 * proportion to the changes of the rate.
 *
 * @param floor L0 in nats per token
 * @param amplitude A, for rates as the optimizer uses them
 * @param gain B in nats per unit of the rate
 * @param fade 0 for the law as published
 */
public record MultiPowerLaw(
        double floor,
        double amplitude,
        double alpha,
        double gain,
        double c,
        double beta,
        double gamma,
        double fade) {
    static final double FADING_STEPS = 1000;
    static final int PARAMETERS = 7;

    /**
     * What is believed of a law before the fit: fits without it reach lower on the curves that they see, and are worse
     * on others; and a run at one rate shows nothing of what a fall gains.
     *
     * @param gainAtPeak nats that a whole fall from a rate of 3e-4 gains in the end
     * @param spreadLogGain standard deviation of its logarithm
     * @param spreadLogC of ln C
     * @param spreadLogBeta of ln beta
     * @param spreadGamma of gamma
     */
    public record Shape(
            double gainAtPeak,
            double c,
            double beta,
            double gamma,
            double fade,
            double spreadLogGain,
            double spreadLogC,
            double spreadLogBeta,
            double spreadGamma) {
        private static final double GAIN_PEAK = 3e-4;
        /**
         * Higher peaks have more to gain: 43 decays of Hägele et al. 2024 from peaks of 1e-4 to 1e-3. So do small models'
         * far higher ones: falls over the last fifth of 600 steps of the reference trainer gained 0.036 nats from 2e-3
         * and 0.059 from 8e-3, an exponent of 0.36.
         */
        private static final double GAIN_EXPONENT = 1.0 / 3;
        private static final double LEAST_PEAK = 1e-4;
        private static final double MOST_PEAK = 8e-3;
        /** The three published fits lie closer together, but none of them is of the run at hand. */
        private static final double SPREAD_LOG_GAIN = Math.log(1.7);
        private static final double PUBLISHED_STEPS = 20000;
        private static final double SHORT_EXPONENT = 0.25;
        private static final double CARRIED = 0.01;
        /** The law as published, around its three fits. */
        public static final Shape PUBLISHED = new Shape(0.131, 2, 0.6, 0.64, 0, SPREAD_LOG_GAIN, 0.5, 0.3,
                0.1);
        /**
         * With fading gains, and room for other batches and peaks; chosen on schedules of models of 25M and 100M
         * weights at 3e-4 and of one of 124M at 1e-4 to 1e-3.
         */
        public static final Shape FADING = new Shape(0.158, 2, 0.6, 0.64, 0.08, SPREAD_LOG_GAIN, 1.5, 1, 0.3);
        /** The same for a run that has shown no decay: held near the published shape. */
        public static final Shape UNSEEN = new Shape(0.158, 2, 0.6, 0.64, 0.08, SPREAD_LOG_GAIN, 0.5, 0.3,
                0.1);

        /**
         * The same for a run of so many steps. A short run has less to gain from a fall: runs of 600 steps of the
         * reference trainer gained four tenths of what the published ones did.
         */
        public Shape over(int steps) {
            double share = Math.min(1, Math.pow(steps / PUBLISHED_STEPS, SHORT_EXPONENT));
            return new Shape(
                    share * gainAtPeak, c, beta, gamma, fade, spreadLogGain, spreadLogC, spreadLogBeta,
                    spreadGamma);
        }

        /** Nats that a whole fall from a peak rate gains; no more than from the highest peak that was measured. */
        double gain(double peak) {
            return gainAtPeak * growth(peak);
        }

        private static double growth(double peak) {
            return Math.pow(measured(peak) / GAIN_PEAK, GAIN_EXPONENT);
        }

        private static double measured(double peak) {
            return Math.clamp(peak, LEAST_PEAK, MOST_PEAK);
        }

        /** Spread of the gain's logarithm, wider the further a peak lies from all that were measured. */
        double spreadLogGain(double peak) {
            return spreadLogGain * (1 + Math.abs(Math.log(peak / measured(peak))) / SPREAD_LOG_GAIN);
        }
    }

    /** Losses at steps of a history. */
    public double[] losses(RateHistory history, int[] steps) {
        double[] losses = new double[steps.length];
        evaluate(history, steps, losses, null, 0);
        return losses;
    }

    public double loss(RateHistory history, int step) {
        return losses(history, new int[]{step})[0];
    }

    /** The law's shape without doubt, to be carried over to another run of the same model. */
    public Shape shape(double peak) {
        double atPeak = gain * peak / Shape.growth(peak);
        return new Shape(atPeak, c, beta, gamma, fade, Shape.CARRIED, Shape.CARRIED, Shape.CARRIED,
                Shape.CARRIED);
    }

    /** Fits all constants but the fading to curves of one model, each curve with the same weight. */
    public static MultiPowerLaw fit(List<LossCurve> curves, Shape shape) {
        return MultiPowerFit.of(curves, shape).law();
    }

    static MultiPowerLaw of(double[] x, double fade) {
        return new MultiPowerLaw(
                x[0], Math.exp(x[1]), Math.exp(x[2]), Math.exp(x[3]), Math.exp(x[4]), Math.exp(x[5]), x[6],
                fade);
    }

    static RobustLeastSquares.Problem problem(List<LossCurve> curves, double fade) {
        return (x, residuals, derivatives) -> {
            MultiPowerLaw law = of(x, fade);
            int row = 0;
            for (LossCurve curve : curves) {
                double[] losses = new double[curve.size()];
                law.evaluate(curve.history(), curve.steps(), losses, derivatives, row);
                for (int i = 0; i < losses.length; i++, row++) {
                    residuals[row] = Math.log(losses[i] / curve.losses()[i]);
                    if (derivatives != null) {
                        for (int p = 0; p < PARAMETERS; p++) {
                            derivatives[row][p] /= losses[i];
                        }
                    }
                }
            }
        };
    }

    /** Losses and their derivatives by (L0, ln A, ln alpha, ln B, ln C, ln beta, gamma), the latter from a row on. */
    private void evaluate(
            RateHistory history, int[] steps, double[] losses, double @Nullable [][] derivatives, int row) {
        int blocks = history.blocks();
        double[] change = new double[blocks];
        double[] logRate = new double[blocks];
        double[] slope = new double[blocks];
        double[] before = new double[blocks];
        for (int j = 0; j < blocks; j++) {
            int last = history.last(j);
            change[j] = history.change(j, last) * faded(history, j, last);
            logRate[j] = history.logRate(j, last);
            slope[j] = c * Math.exp(-gamma * logRate[j]);
            before[j] = history.sumBefore(j, last);
        }
        for (int i = 0; i < steps.length; i++) {
            double sum = history.sum(steps[i]);
            double power = amplitude * Math.pow(sum, -alpha);
            Falls falls = new Falls();
            for (int j = 0; j < blocks && history.first(j) <= steps[i]; j++) {
                if (history.last(j) <= steps[i]) {
                    falls.add(change[j], logRate[j], slope[j] * (sum - before[j]));
                } else {
                    double log = history.logRate(j, steps[i]);
                    falls.add(
                            history.change(j, steps[i]) * faded(history, j, steps[i]), log,
                            c * Math.exp(-gamma * log) * (sum - history.sumBefore(j, steps[i])));
                }
            }
            losses[i] = floor + power + gain * falls.total;
            if (derivatives != null) {
                double[] by = derivatives[row + i];
                by[0] = 1;
                by[1] = power;
                by[2] = -power * alpha * Math.log(sum);
                by[3] = gain * falls.total;
                by[4] = gain * falls.byLogC;
                by[5] = gain * falls.byLogBeta;
                by[6] = gain * falls.byGamma;
            }
        }
    }

    private double faded(RateHistory history, int block, int until) {
        return faded(history.sumBefore(block, until), history.peak());
    }

    /** f_k of a fall before which the rates sum up to so much. */
    double faded(double sumBefore, double peak) {
        return Math.pow(1 + sumBefore / (FADING_STEPS * peak), -fade);
    }

    /** The law's second sum, in the making. */
    private final class Falls {
        private double total;
        private double byLogC;
        private double byLogBeta;
        private double byGamma;

        private void add(double change, double logRate, double response) {
            double log = Math.log1p(response);
            double left = Math.exp(-beta * log);
            total += change * (1 - left);
            double byResponse = change * beta * left * response / (1 + response);
            byLogC += byResponse;
            byGamma -= byResponse * logRate;
            byLogBeta += change * left * beta * log;
        }
    }
}

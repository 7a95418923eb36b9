package io.longhaul.laws;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;

/** A multi-power law fitted to a model's curves, and what else fits them. */
public final class MultiPowerFit {
    /** Huber's delta on the logarithm of the loss, as the law's authors have it; also what the law leaves unexplained. */
    private static final double DELTA = 1e-3;
    /** What is unexplained is alike in neighbouring points: so many of a curve count as independent. */
    private static final double INDEPENDENT = 10;
    private static final double[] STARTS_BELOW = {0.2, 0.5};
    /** Published exponents lie around it. */
    private static final double ALPHA = 0.45;
    private static final double SPREAD_LOG_ALPHA = 0.5;
    /** Middle of the absolute deviations of Gaussian noise, and what second differences make of its variance. */
    private static final double MEDIAN_DEVIATION = 0.6745;
    private static final double SECOND_DIFFERENCE = 1.5;

    private final RobustLeastSquares.Problem problem;
    private final double[] weights;
    private final double delta;
    private final RobustLeastSquares.Prior belief;
    private final double[] best;
    private final double fade;

    private MultiPowerFit(RobustLeastSquares.Problem problem, double[] weights, double delta,
            RobustLeastSquares.Prior belief, double[] best, double fade) {
        this.problem = problem;
        this.weights = weights;
        this.delta = delta;
        this.belief = belief;
        this.best = best;
        this.fade = fade;
    }

    /**
     * Fits all constants but the fading, each curve with the same weight as far as its noise allows.
     *
     * @param curves of one model and batch, none of them empty
     */
    public static MultiPowerFit of(List<LossCurve> curves, MultiPowerLaw.Shape shape) {
        if (curves.isEmpty() || curves.stream().anyMatch(curve -> curve.size() == 0)) {
            throw new IllegalArgumentException("curves must hold at least one, none of them empty");
        }
        double[] weights = new double[curves.stream().mapToInt(LossCurve::size).sum()];
        double least = Double.POSITIVE_INFINITY;
        double peak = 0;
        double delta = DELTA;
        int row = 0;
        for (LossCurve curve : curves) {
            double noise = noise(curve.losses());
            double unexplained = DELTA * DELTA * Math.max(1, curve.size() / INDEPENDENT);
            Arrays.fill(weights, row, row + curve.size(), 1 / (noise * noise + unexplained));
            row += curve.size();
            delta = Math.max(delta, noise);
            least = Math.min(least, Arrays.stream(curve.losses()).min().orElse(least));
            peak = Math.max(peak, curve.history().peak());
        }
        double free = Double.POSITIVE_INFINITY;
        double[] spread = {free, free, SPREAD_LOG_ALPHA, shape.spreadLogGain(peak), shape.spreadLogC(),
                shape.spreadLogBeta(), shape.spreadGamma()};
        RobustLeastSquares.Problem problem = MultiPowerLaw.problem(curves, shape.fade());
        double[] center = {0, 0, Math.log(ALPHA), Math.log(shape.gain(peak) / peak), Math.log(shape.c()),
                Math.log(shape.beta()), shape.gamma()};
        RobustLeastSquares.Prior belief = new RobustLeastSquares.Prior(center, spread);
        RobustLeastSquares.Minimum best = null;
        for (double below : STARTS_BELOW) {
            double[] start = center.clone();
            start[0] = least - below;
            start[1] = Math.log(0.6);
            RobustLeastSquares.Minimum found = RobustLeastSquares.minimize(problem, weights, delta, belief,
                    start);
            if (best == null || found.cost() < best.cost()) {
                best = found;
            }
        }
        return new MultiPowerFit(
                problem, weights, delta, belief, Objects.requireNonNull(best).parameters(), shape.fade());
    }

    public MultiPowerLaw law() {
        return MultiPowerLaw.of(best, fade);
    }

    /**
     * Laws that fit as well: each is fitted again to losses and beliefs that are moved by what is not known of them
     * (randomize-then-optimize, Bardsley et al. 2014). A Gaussian around the minimum will not do: floor, amplitude and
     * exponent make up for each other along a bent valley.
     */
    public List<MultiPowerLaw> draws(int count, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<MultiPowerLaw> draws = new ArrayList<>();
        for (int draw = 0; draw < count; draw++) {
            double[] moved = new double[weights.length];
            Arrays.setAll(moved, i -> random.nextGaussian() / Math.sqrt(weights[i]));
            double[] center = belief.center().clone();
            for (int a = 0; a < center.length; a++) {
                double off = random.nextGaussian() * belief.spread()[a];
                center[a] += Double.isFinite(off) ? off : 0;
            }
            double[] x = RobustLeastSquares.minimize((at, residuals, derivatives) -> {
                problem.evaluate(at, residuals, derivatives);
                for (int i = 0; i < residuals.length; i++) {
                    residuals[i] += moved[i];
                }
            }, weights, delta, new RobustLeastSquares.Prior(center, belief.spread()), best).parameters();
            draws.add(MultiPowerLaw.of(x, fade));
        }
        return draws;
    }

    /** Standard deviation of the logarithms around a smooth curve. */
    static double noise(double[] losses) {
        if (losses.length < 3) {
            return 0;
        }
        double[] offs = new double[losses.length - 2];
        Arrays.setAll(
                offs,
                i -> Math.abs(Math.log(losses[i + 1]) - (Math.log(losses[i]) + Math.log(losses[i + 2])) / 2));
        Arrays.sort(offs);
        return offs[offs.length / 2] / MEDIAN_DEVIATION / Math.sqrt(SECOND_DIFFERENCE);
    }
}

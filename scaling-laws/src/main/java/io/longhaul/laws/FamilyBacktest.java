package io.longhaul.laws;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * How far the final losses of finished runs lie from what the law says that was fitted to the other runs and to the part
 * that the run at hand has seen: what the law leaves out counts here, which draws around a fit cannot show.
 */
final class FamilyBacktest {
    private static final double MEDIAN_DEVIATION = 0.6745;
    private static final double LAST_SHARE = 0.05;
    private static final int LEAST_SEEN = 8;

    private FamilyBacktest() {}

    /**
     * Standard deviation of the error in nats, from its median; 0 without finished runs. Differences of two schedules of
     * a run are off by about as much: 0.017 to 0.015 nats on pairs of the reference trainer.
     *
     * @param finished as measured, not smoothed
     * @param at this run as far as it is known
     * @param seen share of a run that is known
     * @param points that a curve is smoothed to for the fit
     */
    static double spread(
            List<LossCurve> finished, LossCurve at, double seen, int points, MultiPowerLaw.Shape shape) {
        if (finished.isEmpty()) {
            return 0;
        }
        double[] errors = finished.stream().mapToDouble(left -> {
            List<LossCurve> fit = new ArrayList<>(List.of(at.smoothed(points)));
            finished.stream()
                    .filter(curve -> curve != left)
                    .forEach(curve -> fit.add(curve.smoothed(points)));
            LossCurve begun = left.until((int) (seen * left.history().steps()));
            if (begun.size() >= LEAST_SEEN) {
                fit.add(begun.smoothed(points));
            }
            return Math.abs(predicted(MultiPowerLaw.fit(fit, shape), left) - measured(left));
        }).sorted().toArray();
        int n = errors.length;
        return (errors[(n - 1) / 2] + errors[n / 2]) / 2 / MEDIAN_DEVIATION;
    }

    private static int tail(LossCurve curve) {
        return Math.max(1, (int) Math.round(LAST_SHARE * curve.size()));
    }

    private static double measured(LossCurve curve) {
        double[] losses = curve.losses();
        return Arrays.stream(losses, losses.length - tail(curve), losses.length).average().orElseThrow();
    }

    private static double predicted(MultiPowerLaw law, LossCurve curve) {
        return law.loss(curve.history(), curve.steps()[curve.size() - 1 - tail(curve) / 2]);
    }
}

package io.longhaul.laws;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * How far differences between finished runs of one model lie from what the law says that was fitted without one of the
 * two: what the law leaves out counts here, which draws around a fit cannot show.
 */
final class FamilyBacktest {
    private static final double MEDIAN_DEVIATION = 0.6745;
    private static final double LAST_SHARE = 0.05;

    private FamilyBacktest() {}

    /**
     * Standard deviation of the error of a difference of two final losses in nats, from its median; 0 if there are
     * fewer than three curves.
     *
     * @param curves as measured, not smoothed
     * @param points that a curve is smoothed to for the fit
     */
    static double spread(List<LossCurve> curves, int points, MultiPowerLaw.Shape shape) {
        if (curves.size() < 3) {
            return 0;
        }
        List<Double> errors = new ArrayList<>();
        for (LossCurve left : curves) {
            MultiPowerLaw law = MultiPowerLaw.fit(
                    curves.stream()
                            .filter(curve -> curve != left)
                            .map(curve -> curve.smoothed(points))
                            .toList(),
                    shape);
            for (LossCurve other : curves) {
                if (other != left) {
                    errors.add(Math.abs(measured(left) - measured(other) - predicted(law, left)
                            + predicted(law, other)));
                }
            }
        }
        errors.sort(null);
        return errors.get(errors.size() / 2) / MEDIAN_DEVIATION;
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

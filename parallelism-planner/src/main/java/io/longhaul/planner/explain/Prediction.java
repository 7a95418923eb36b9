package io.longhaul.planner.explain;

import io.longhaul.planner.constants.Constant;
import io.longhaul.planner.constants.Constants;
import io.longhaul.planner.constants.Software;
import io.longhaul.planner.cost.CostModel;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.search.PlanRequest;
import java.util.function.ToDoubleFunction;

/**
 * A layout's step time and how it hangs on the constants.
 *
 * @param slopes derivative of the step's logarithm by that of each constant
 */
public record Prediction(ParallelLayout layout, double seconds, double... slopes) {
    private static final double STEP = 1e-3;

    public Prediction {
        slopes = slopes.clone();
    }

    /**
     * Slopes by central differences.
     *
     * @param constants how many there are
     * @param priced step's seconds if the logarithms of the constants are moved by so much
     */
    public static Prediction of(ParallelLayout layout, int constants, ToDoubleFunction<double[]> priced) {
        double[] slopes = new double[constants];
        double[] moved = new double[constants];
        double seconds = priced.applyAsDouble(moved);
        for (int i = 0; i < constants; i++) {
            moved[i] = STEP;
            double up = priced.applyAsDouble(moved);
            moved[i] = -STEP;
            double down = priced.applyAsDouble(moved);
            moved[i] = 0;
            slopes[i] = Math.log(up / down) / (2 * STEP);
        }
        return new Prediction(layout, seconds, slopes);
    }

    /** By the cost model, from these constants on. */
    public static Prediction of(PlanRequest request, ParallelLayout layout, Constants constants,
            Software software) {
        double[] from = new double[Constant.values().length];
        for (Constant constant : Constant.values()) {
            from[constant.ordinal()] = constants.offset(constant);
        }
        return of(layout, from.length, moved -> {
            double[] offsets = from.clone();
            for (int i = 0; i < offsets.length; i++) {
                offsets[i] += moved[i];
            }
            return new CostModel(request.model(), request.machine(), Constants.of(offsets), software)
                    .price(layout)
                    .total();
        });
    }

    double[] minus(Prediction other) {
        double[] difference = slopes.clone();
        for (int i = 0; i < difference.length; i++) {
            difference[i] -= other.slopes[i];
        }
        return difference;
    }
}

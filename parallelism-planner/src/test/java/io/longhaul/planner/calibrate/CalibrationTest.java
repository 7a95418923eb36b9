package io.longhaul.planner.calibrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.planner.Shapes;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.constants.Constant;
import io.longhaul.planner.constants.Software;
import io.longhaul.planner.cost.CostModel;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.model.ModelShape;
import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class CalibrationTest {
    private static final ModelShape MODEL = Shapes.gpt(32, 4096, 32, 51200, 2048);
    private static final Machine.Cluster MACHINE = Shapes.cluster("H100-SXM-80GB", 4);
    private static final ParallelLayout ONE = ParallelLayout.of(2, 1, 1, 16, 2, 8);
    private static final ParallelLayout OTHER = ParallelLayout.of(8, 1, 1, 4, 4, 16);

    private static double shipped(ParallelLayout layout) {
        return new CostModel(MODEL, MACHINE, Software.MEGATRON_CORE).price(layout).total();
    }

    private static Calibration after(Attempt... attempts) {
        return Calibration.of(MODEL, MACHINE, Software.MEGATRON_CORE, "Megatron-LM", List.of(attempts));
    }

    private static Attempt attempt(ParallelLayout layout, double seconds) {
        return new Attempt(layout, seconds, OptionalDouble.empty());
    }

    /** A step that took a quarter longer makes the prediction follow, mostly by slower multiplications. */
    @Test
    void oneAttemptMovesTheOverallRate() {
        Calibration calibration = after(attempt(ONE, 1.25 * shipped(ONE)));
        assertThat(calibration.seconds(ONE) / shipped(ONE)).isBetween(1.15, 1.25);
        assertThat(calibration.seconds(OTHER) / shipped(OTHER)).isBetween(1.05, 1.3);
        assertThat(calibration.moves().getFirst().constant()).isEqualTo(Constant.MATMUL_RATE);
        assertThat(calibration.moves().getFirst().after())
                .isLessThan(calibration.moves().getFirst().before());
    }

    @Test
    void measurementsAsPredictedMoveNothingAndNarrowTheInterval() {
        Calibration nothing = after();
        Calibration calibration = after(attempt(ONE, nothing.seconds(ONE)));
        assertThat(nothing.distance()).isZero();
        assertThat(calibration.distance()).isCloseTo(0, within(1e-6));
        assertThat(calibration.spread(ONE)).isLessThan(0.5 * nothing.spread(ONE));
        assertThat(calibration.spread(OTHER)).isLessThan(nothing.spread(OTHER));
    }

    /** What two layouts share cancels in their ratio. */
    @Test
    void aRatioIsKnownBetterThanEither() {
        Calibration nothing = after();
        assertThat(nothing.spreadOfRatio(ONE, ONE)).isCloseTo(0, within(1e-9));
        assertThat(nothing.spreadOfRatio(ONE, OTHER)).isLessThan(nothing.spread(ONE) + nothing.spread(OTHER));
    }

    @Test
    void aPeakMovesMemoryAlone() {
        Calibration calibration = after(new Attempt(ONE, after().seconds(ONE), OptionalDouble.of(7e10)));
        assertThat(calibration.moves()).isNotEmpty()
                .allSatisfy(move -> assertThat(move.constant().ofMemory()).isTrue());
    }

    @Test
    void refusesTimesThatAreNone() {
        assertThatThrownBy(() -> attempt(ONE, 0)).hasMessage("stepSeconds must be > 0 and finite, got 0.0");
    }
}

package io.longhaul.planner.calibrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.planner.Shapes;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.constants.Constant;
import io.longhaul.planner.constants.Constants;
import io.longhaul.planner.constants.Software;
import io.longhaul.planner.cost.CostModel;
import io.longhaul.planner.layout.ParallelLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class HierarchicalFitTest {
    private static final Machine.Cluster CLUSTER = Shapes.cluster("A100-SXM-80GB", 8);

    private static List<String> keys(String cluster) {
        return List.of("", "MEGATRON_CORE", "Megatron", "AMPERE", "A100", cluster, "gpt/" + cluster);
    }

    private static double seconds(ParallelLayout layout, Constants constants) {
        return new CostModel(Shapes.gpt(24, 4096, 32, 51200, 2048), CLUSTER, constants,
                Software.MEGATRON_CORE)
                .price(layout)
                .total();
    }

    private static Observation observation(String cluster, ParallelLayout layout, Constants truth,
            double factor) {
        return new Observation(keys(cluster), c -> seconds(layout, c), factor * seconds(layout, truth), 0.02);
    }

    /** Sixteen layouts whose times come from other constants, with an error of 1 %. */
    private static List<Observation> measured(String cluster, Constants truth) {
        Random random = new Random(3);
        List<Observation> all = new ArrayList<>();
        for (int tensor = 1; tensor <= 8; tensor *= 2) {
            for (int microBatch = 1; microBatch <= 8; microBatch *= 2) {
                ParallelLayout layout = ParallelLayout.of(tensor, 1, 1, 64 / tensor, microBatch,
                        64 / microBatch);
                all.add(observation(cluster, layout, truth, Math.exp(0.01 * random.nextGaussian())));
            }
        }
        return all;
    }

    @Test
    void findsTheConstantsThatMadeTheTimes() {
        Constants truth = Constants.prior()
                .moved(Constant.MATMUL_RATE, -0.2)
                .moved(Constant.FAST_LINK_RATE, -0.3);
        Posterior posterior = HierarchicalFit.fit(measured("here", truth));
        Constants found = posterior.constants(keys("here"));
        assertThat(found.offset(Constant.MATMUL_RATE)).isCloseTo(-0.2, within(0.08));
        assertThat(found.offset(Constant.FAST_LINK_RATE)).isCloseTo(-0.3, within(0.15));
        ParallelLayout other = ParallelLayout.of(4, 1, 2, 8, 2, 32);
        assertThat(seconds(other, found)).isCloseTo(seconds(other, truth),
                within(0.03 * seconds(other, truth)));
    }

    /** A cluster without measurements gets what is known of its kind, and a wider interval. */
    @Test
    void whatIsNotMeasuredFallsBackToItsKind() {
        Constants truth = Constants.prior().moved(Constant.MATMUL_RATE, -0.2);
        Posterior posterior = HierarchicalFit.fit(measured("here", truth));
        Observation asked = observation("elsewhere", ParallelLayout.of(2, 1, 1, 32, 2, 32), truth, 1);
        Constants found = posterior.constants(asked.keys());
        assertThat(found.offset(Constant.MATMUL_RATE)).isBetween(-0.2, -0.05);
        double[] slopes = HierarchicalFit.slopes(asked, found);
        assertThat(posterior.spread(asked.keys(), slopes))
                .isGreaterThan(1.5 * posterior.spread(keys("here"), slopes));
    }

    /** One time of sixteen that is ten times too long moves predictions by less than 2 %. */
    @Test
    void oneWrongTimeBendsNothing() {
        List<Observation> all = measured("here", Constants.prior());
        Observation right = all.getFirst();
        all.set(0, new Observation(right.keys(), right.predicted(), 10 * right.measured(), right.noise()));
        Constants found = HierarchicalFit.fit(all).constants(keys("here"));
        ParallelLayout other = ParallelLayout.of(4, 1, 2, 8, 2, 32);
        double expected = seconds(other, Constants.prior());
        assertThat(seconds(other, found)).isCloseTo(expected, within(0.02 * expected));
    }

    /** That a run took at most so long says something only if the prediction is longer. */
    @Test
    void aBoundMovesOnlyWhatBreaksIt() {
        ParallelLayout layout = ParallelLayout.of(2, 1, 1, 32, 2, 32);
        double expected = seconds(layout, Constants.prior());
        Observation kept = new Observation(keys("here"), c -> seconds(layout, c), 2 * expected, 0.05,
                Observation.Kind.AT_MOST);
        Observation broken = new Observation(keys("here"), c -> seconds(layout, c), 0.8 * expected, 0.05,
                Observation.Kind.AT_MOST);
        assertThat(HierarchicalFit.fit(List.of(kept)).constants(keys("here"))).isEqualTo(Constants.prior());
        assertThat(seconds(layout, HierarchicalFit.fit(List.of(broken)).constants(keys("here"))))
                .isBetween(0.75 * expected, 0.9 * expected);
    }
}

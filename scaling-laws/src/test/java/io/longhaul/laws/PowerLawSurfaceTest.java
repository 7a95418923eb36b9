package io.longhaul.laws;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.laws.PowerLawSurface.Point;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class PowerLawSurfaceTest {
    /** Besiroglu et al. 2024 on the points of Hoffmann et al. */
    private static final PowerLawSurface REPLICATION = new PowerLawSurface(
            1.8172, Math.log(477.8), Math.log(2143), 0.3473, 0.3672, 1);

    private static List<Point> grid(PowerLawSurface truth, double noise) {
        SplittableRandom random = new SplittableRandom(1);
        List<Point> points = new ArrayList<>();
        for (double size = 5e7; size < 1e9; size *= 2) {
            for (double perWeight = 5; perWeight < 200; perWeight *= 2) {
                double loss = truth.loss(size, size * perWeight) * (1 + noise * random.nextGaussian());
                points.add(new Point(size, size * perWeight, loss));
            }
        }
        return points;
    }

    @Test
    void computesPublishedFigures() {
        assertThat(REPLICATION.loss(70e9, 1.4e12)).isCloseTo(1.973, within(1e-3));
        assertThat(REPLICATION.sizeExponent()).isCloseTo(0.514, within(1e-3));
        double best = REPLICATION.bestParameters(5.76e23);
        assertThat(5.76e23 / 6 / best / best).as("tokens per weight").isCloseTo(17.9, within(0.5));
    }

    @Test
    void recoversHoffmannsForm() {
        PowerLawSurface fit = PowerLawSurface.fitChinchilla(grid(REPLICATION, 0));
        assertThat(fit.floor()).isCloseTo(1.8172, within(1e-3));
        assertThat(fit.a()).isCloseTo(0.3473, within(1e-3));
        assertThat(fit.b()).isCloseTo(0.3672, within(1e-3));
    }

    @Test
    void recoversCoupledTerms() {
        PowerLawSurface truth = new PowerLawSurface(1.5, 10, 14, 0.6, 0.65, 0.5);
        PowerLawSurface fit = PowerLawSurface.fitSkaling(grid(truth, 0));
        assertThat(fit.loss(8e9, 2e11)).isCloseTo(truth.loss(8e9, 2e11), within(0.02));
        assertThat(PowerLawSurface.fit(grid(truth, 0)).loss(8e9, 2e11))
                .isCloseTo(truth.loss(8e9, 2e11), within(0.06));
    }

    @Test
    void ignoresRunsThatWentWrong() {
        List<Point> points = grid(REPLICATION, 1e-3);
        points.set(7, new Point(points.get(7).parameters(), points.get(7).tokens(), 9));
        assertThat(PowerLawSurface.fit(points).loss(7e9, 1.4e11))
                .isCloseTo(REPLICATION.loss(7e9, 1.4e11), within(0.03));
    }

    @Test
    void bootstrapsScatterAroundTheFit() {
        List<Point> points = grid(REPLICATION, 2e-3);
        PowerLawSurface fit = PowerLawSurface.fitChinchilla(points);
        double[] sorted = fit.bootstrap(points, 200, 1)
                .stream()
                .mapToDouble(law -> law.loss(2e9, 4e10))
                .sorted()
                .toArray();
        assertThat(sorted[10]).isLessThan(fit.loss(2e9, 4e10));
        assertThat(sorted[189]).isGreaterThan(fit.loss(2e9, 4e10));
        assertThat(sorted[189] - sorted[10]).isBetween(1e-3, 0.1);
    }

    /** Strongly coupled without noise: what its own largest sizes confirm is not pulled towards k = 1. */
    @Test
    void takesTheFormThatPredictsItsOwnLargestSizes() {
        PowerLawSurface coupled = new PowerLawSurface(1.8, 12, 14, 0.8, 0.75, 0.4);
        List<Point> points = new ArrayList<>();
        for (double size = 1e8; size < 2e9; size *= 1.6) {
            for (double perWeight = 5; perWeight < 400; perWeight *= 2) {
                points.add(new Point(size, perWeight * size, coupled.loss(size, perWeight * size)));
            }
        }
        double truth = coupled.loss(2e10, 4e11);
        assertThat(PowerLawSurface.fit(points).loss(2e10, 4e11)).isCloseTo(truth, within(2e-3));
        assertThat(PowerLawSurface.fitChinchilla(points).loss(2e10, 4e11)).isNotCloseTo(truth, within(2e-3));
    }

    @Test
    void refusesTooFewPointsAndValuesThatAreNoMeasurements() {
        assertThatThrownBy(() -> PowerLawSurface.fit(List.of(new Point(1e9, 1e9, 2))))
                .hasMessage("points must be at least 6, got 1");
        assertThatThrownBy(() -> new Point(1e9, Double.NaN, 2))
                .hasMessage("tokens must be positive and finite, got NaN");
    }
}

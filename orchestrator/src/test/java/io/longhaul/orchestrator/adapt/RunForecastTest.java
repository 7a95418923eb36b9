package io.longhaul.orchestrator.adapt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.laws.LossBand;
import io.longhaul.orchestrator.run.Recipe;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RunForecastTest {
    private static final Recipe RECIPE = new Recipe(16, 1e-3, 1e-4, 20, Recipe.Schedule.CONSTANT, 600, 0, 0.1,
            1);
    private static final List<CurvePoint> CURVE = curve(300);

    private static List<CurvePoint> curve(int to) {
        Random random = new Random(3);
        List<CurvePoint> curve = new ArrayList<>();
        for (int step = 1; step <= to; step++) {
            double loss = 1.8 + 3 / Math.sqrt(step) + 0.02 * random.nextGaussian();
            curve.add(new CurvePoint(step, RECIPE.rate(step), loss, step));
        }
        return curve;
    }

    private static RunForecast forecast() {
        return RunForecast.of(RECIPE, CURVE, 600, 1).orElseThrow();
    }

    @Test
    void asPlannedTheLossGoesOnAsItDid() {
        RunForecast.Path path = forecast().planned();
        assertThat(path.steps().getFirst()).isEqualTo(300);
        assertThat(path.steps().getLast()).isEqualTo(600);
        assertThat(path.learningRate()).allMatch(rate -> rate == 1e-3);
        assertThat(path.end().loss()).isCloseTo(1.8 + 3 / Math.sqrt(600), within(0.05));
        for (LossBand.At at : path.loss()) {
            assertThat(at.loss()).isBetween(at.low(), at.high());
        }
        assertThat(path.end().high() - path.end().low())
                .as("what is further off is less certain")
                .isGreaterThan(path.loss().getFirst().high() - path.loss().getFirst().low());
    }

    @Test
    void aDesignDecaysEarlierOrGoesOnForLonger() {
        RunForecast forecast = forecast();
        RunForecast.Design shorter = new RunForecast.Design(1e-3, 350, 0, 400);
        assertThat(forecast.designed(shorter).steps().getLast()).isEqualTo(400);
        assertThat(forecast.designed(shorter).learningRate().getLast()).isZero();
        RunForecast.Design longer = new RunForecast.Design(1e-3, 1000, 1e-3, 1000);
        assertThat(forecast.designed(longer).end().loss()).isLessThan(forecast.planned().end().loss());
        assertThat(forecast.effect(longer).loss()).isCloseTo(
                forecast.designed(longer).end().loss() - forecast.planned().end().loss(), within(1e-12));
    }

    @ParameterizedTest(name = "{4}")
    @CsvSource(useHeadersInDisplayName = true, delimiter = '|', textBlock = """
            rate | decayStart | low  | total | message
            1e-3 | 290        | 0    | 600   | decayStart is 290.0: allowed is 300.0 to 600.0
            1e-3 | 601        | 0    | 600   | decayStart is 601.0: allowed is 300.0 to 600.0
            3e-3 | 500        | 0    | 600   | rate is 0.003: allowed is 0.0 to 0.002
            1e-3 | 500        | 2e-3 | 600   | low is 0.002: allowed is 0.0 to 0.001
            1e-3 | 300        | 0    | 309   | total is 309.0: allowed is 310.0 to 6000.0
            NaN  | 500        | 0    | 600   | rate is NaN: allowed is 0.0 to 0.002
            """)
    void whatNoTrainerShouldDoIsRefused(double rate, long decayStart, double low, long total,
            String message) {
        assertThatThrownBy(() -> forecast().designed(new RunForecast.Design(rate, decayStart, low, total)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    @Test
    void saysNothingBeforeThereIsSomethingToFitAndNearTheEnd() {
        assertThat(RunForecast.of(RECIPE, List.of(), 600, 1)).isEmpty();
        assertThat(RunForecast.of(RECIPE, CURVE.subList(0, 67), 600, 1)).isEmpty();
        assertThat(RunForecast.of(RECIPE, CURVE.subList(0, 68), 600, 1)).isPresent();
        assertThat(RunForecast.of(RECIPE, CURVE, 309, 1)).isEmpty();
    }

    @Test
    void aFitIsKeptForAFiftiethOfTheRunAndForTheSameRecipe() {
        Forecasts forecasts = new Forecasts();
        UUID run = new UUID(1, 2);
        RunForecast first = forecasts.of(run, RECIPE, CURVE.subList(0, 200), 600, 1).orElseThrow();
        assertThat(forecasts.of(run, RECIPE, CURVE.subList(0, 212), 600, 1).orElseThrow()).isSameAs(first);
        assertThat(forecasts.of(run, RECIPE, CURVE.subList(0, 213), 600, 1).orElseThrow().at())
                .isEqualTo(213);
        assertThat(forecasts.of(run, RECIPE, CURVE.subList(0, 150), 600, 1).orElseThrow().at())
                .as("rolled back")
                .isEqualTo(150);
        Recipe other = new Recipe(16, 1e-3, 1e-4, 20, Recipe.Schedule.WSD, 600, 100, 0.1, 1);
        assertThat(forecasts.of(run, other, CURVE.subList(0, 150), 600, 1)
                .orElseThrow()
                .planned()
                .learningRate())
                .last()
                .isEqualTo(1e-4);
    }
}

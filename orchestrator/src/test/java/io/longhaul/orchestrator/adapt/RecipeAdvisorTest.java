package io.longhaul.orchestrator.adapt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.orchestrator.run.Recipe;
import io.longhaul.orchestrator.run.RecipeChange;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RecipeAdvisorTest {
    /** The demo's recipe: 600 steps of 16 samples of 128 tokens at a constant rate. */
    private static final Recipe CONSTANT = new Recipe(
            16, 1e-3, 1e-4, 20, Recipe.Schedule.CONSTANT, 600, 0, 0.1, 1);

    private static List<CurvePoint> curve(Recipe recipe, long to, long tokensPerStep) {
        Random random = new Random(1);
        List<CurvePoint> curve = new ArrayList<>();
        for (long step = 1; step <= to; step++) {
            double rate = recipe.rate(step);
            double loss = 1.8 + 3 / Math.sqrt(step) + 0.03 * random.nextGaussian();
            curve.add(new CurvePoint(step, rate, loss, step * tokensPerStep));
        }
        return curve;
    }

    private static AdaptRequest request(Recipe recipe, Optional<Double> parameters, long tokensPerStep) {
        return new AdaptRequest(
                new UUID(1, 2), 2, 300, 600, recipe, parameters, curve(recipe, 300, tokensPerStep), List.of(),
                1234);
    }

    @Test
    void aConstantRateGetsADecayAndEverythingElseStays() {
        AdaptOutcome outcome = RecipeAdvisor.advise(request(CONSTANT, Optional.of(7.9e5), 2048));
        RecipeChange change = outcome.change().orElseThrow();
        assertThat(change.from()).isEqualTo(CONSTANT);
        assertThat(change.to().schedule()).isEqualTo(Recipe.Schedule.WSD);
        assertThat(change.to().decaySteps()).isEqualTo(600);
        assertThat(change.to().wsdDecaySteps()).isBetween(1L, 300L);
        assertThat(change.to().learningRate()).isEqualTo(CONSTANT.learningRate());
        assertThat(change.to().globalBatch()).isEqualTo(CONSTANT.globalBatch());
        assertThat(change.effectHigh90()).isNegative();
        assertThat(change.explanation())
                .contains("Step Law is fitted to 2.0e+08 to 1.1e+09 weights")
                .contains("says nothing of 7.9e+05 weights and 1.2e+06 tokens, so both stay");
    }

    /** 1e9 weights and 2e10 tokens: the best peak is 9.9e-4, and 8e-3 is three doublings too high. */
    @Test
    void aPeakFarFromTheBestOneMovesWhereTheLawHolds() {
        Recipe hot = new Recipe(256, 8e-3, 8e-4, 20, Recipe.Schedule.CONSTANT, 600, 0, 0.1, 1);
        RecipeChange change = RecipeAdvisor.advise(request(hot, Optional.of(1e9), 33_333_333))
                .change()
                .orElseThrow();
        assertThat(change.to().learningRate()).isEqualTo(4e-3);
        assertThat(change.to().globalBatch()).isEqualTo(256);
        assertThat(change.explanation()).contains("it moves to 4.0e-03").contains("the batch stays, because");
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(useHeadersInDisplayName = true, textBlock = """
            schedule, end, length, at10, at300,   at600
            CONSTANT, 600, 0,      5e-4, 1e-3,    1e-3
            LINEAR,   600, 0,      5e-4, 5.66e-4, 1e-4
            COSINE,   600, 0,      5e-4, 5.74e-4, 1e-4
            WSD,      600, 400,    5e-4, 7.75e-4, 1e-4
            WSD,      250, 100,    5e-4, 1e-4,    1e-4
            """)
    void ratesAreTheTrainers(Recipe.Schedule schedule, long end, long length, double at10, double at300,
            double at600) {
        Recipe recipe = new Recipe(16, 1e-3, 1e-4, 20, schedule, end, length, 0.1, 1);
        assertThat(recipe.rate(10)).isEqualTo(at10);
        assertThat(recipe.rate(300)).isCloseTo(at300, within(1e-6));
        assertThat(recipe.rate(600)).isCloseTo(at600, within(1e-12));
    }

    /** The rate goes on from where the cosine has brought it, so that it does not jump. */
    @Test
    void aCosineMayBeLeftBeforeItsEnd() {
        Recipe cosine = new Recipe(16, 1e-3, 9e-4, 20, Recipe.Schedule.COSINE, 600, 0, 0.1, 1);
        AdaptOutcome outcome = RecipeAdvisor.advise(request(cosine, Optional.of(7.9e5), 2048));
        Recipe to = outcome.change().orElseThrow().to();
        assertThat(to.schedule()).isEqualTo(Recipe.Schedule.WSD);
        assertThat(to.learningRate()).isCloseTo(cosine.rate(300), within(1e-9));
        assertThat(to.minLearningRate()).isLessThan(5e-4);
    }

    /** After an incident the recipe may be slower than what its steps ran at. */
    @Test
    void aRecipeThatJumpsIsNotImproved() {
        Recipe slowed = new Recipe(16, 7e-4, 7e-5, 20, Recipe.Schedule.CONSTANT, 600, 0, 0.1, 1);
        AdaptRequest whole = request(CONSTANT, Optional.empty(), 2048);
        AdaptOutcome outcome = RecipeAdvisor.advise(
                new AdaptRequest(whole.run(), 2, 300, 600, slowed, Optional.empty(), whole.curve(), List.of(),
                        1));
        assertThat(outcome.change()).isEmpty();
        assertThat(outcome.explanation()).contains("would make the rate jump");
    }

    /** The trainer may log a step without a loss; that is no reason to advise nothing. */
    @Test
    void stepsWithoutALossAreNoEvidence() {
        AdaptRequest whole = request(CONSTANT, Optional.empty(), 2048);
        List<CurvePoint> curve = new ArrayList<>(whole.curve());
        curve.set(150, new CurvePoint(151, 1e-3, Double.NaN, 151 * 2048));
        AdaptOutcome outcome = RecipeAdvisor.advise(
                new AdaptRequest(whole.run(), 2, 300, 600, CONSTANT, Optional.empty(), curve, List.of(),
                        1234));
        assertThat(outcome.change().orElseThrow().explanation()).contains("The loss of 279 steps");
    }

    @Test
    void requestsOfOlderVersionsAreUnderstood() {
        String stored = AdaptService.MAPPER.writeValueAsString(request(CONSTANT, Optional.of(7.9e5), 2048));
        AdaptRequest old = AdaptService.MAPPER.readValue(
                stored.replace("\"parameters\":790000.0,", "").replace("\"pastMisses\":[],", ""),
                AdaptRequest.class);
        assertThat(stored).contains("\"parameters\":790000.0,", "\"pastMisses\":[],");
        assertThat(old.parameters()).isEmpty();
        assertThat(RecipeAdvisor.advise(old).change().orElseThrow().explanation())
                .contains("the size of the model is not known, so both stay");
    }

    @Test
    void scoresWhatHappened() {
        RecipeChange change = RecipeAdvisor.advise(request(CONSTANT, Optional.empty(), 2048))
                .change()
                .orElseThrow();
        List<CurvePoint> curve = new ArrayList<>();
        for (long step = 1; step <= 600; step++) {
            curve.add(new CurvePoint(step, 1e-3, step > 570 ? change.predictedFinalLoss() : 9, step));
        }
        RecipeChange scored = RecipeAdvisor.score(change, 600, curve);
        assertThat(scored.score().orElseThrow().inInterval()).isTrue();
        assertThat(scored.score().orElseThrow().measuredEffect())
                .isEqualTo(scored.score().orElseThrow().measuredFinalLoss()
                        - change.predictedFinalLossUnchanged());
        assertThatThrownBy(() -> RecipeAdvisor.score(change, 600, curve.subList(0, 560)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the curve ends at step 560, the run at 600");
    }
}

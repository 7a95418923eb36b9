package io.longhaul.monitor.internals;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GrowthDetectorTest {
    private static List<InternalEvent> events(Internal what, int steps, long seed, double noise,
            IntToDoubleFunction value) {
        GrowthDetector detector = new GrowthDetector(what);
        SplittableRandom random = new SplittableRandom(seed);
        List<InternalEvent> events = new ArrayList<>();
        for (int step = 1; step <= steps; step++) {
            InternalEvent event = detector.onValue(step,
                    value.applyAsDouble(step) * Math.exp(noise * random.nextGaussian()));
            if (event != null) {
                events.add(event);
            }
        }
        return events;
    }

    /** Logits that double every hundred steps are told of long before 10^4, and when they are there. */
    @Test
    void warnsOfLogitsThatGrowAndSaysWhenTheyAreAtTheirLimit() {
        for (long seed = 0; seed < 50; seed++) {
            List<InternalEvent> events = events(Internal.ATTENTION_LOGIT, 1600, seed, 0.02,
                    step -> step < 500 ? 60 : 60 * Math.pow(2, (step - 500) / 100.0));
            assertThat(events).as("seed %d", seed).hasSize(2);
            InternalEvent warning = events.getFirst();
            double limit = 500 + 100 * Math.log(1e4 / 60) / Math.log(2);
            assertThat(warning.step()).isBetween(590L, 720L);
            assertThat(warning.onset()).isBetween(460L, 620L);
            assertThat((double) warning.reaches().orElseThrow()).isCloseTo(limit, within(250.0));
            assertThat(events.getLast().beyondLimit()).isTrue();
            assertThat((double) events.getLast().step()).isCloseTo(limit, within(32.0));
        }
    }

    @Test
    void isSilentOnWhatModelsUsuallyDo() {
        for (long seed = 0; seed < 100; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            double noise = 0.01 + 0.3 * random.nextDouble();
            for (Internal what : Internal.values()) {
                assertThat(events(what, 5000, seed, noise, step -> 50)).as("level, seed %d", seed).isEmpty();
                assertThat(events(what, 5000, seed, noise, step -> 5 + Math.sqrt(step)))
                        .as("slow, seed %d", seed)
                        .isEmpty();
                assertThat(events(what, 5000, seed, noise, step -> step % 97 == 0 ? 80 : 8))
                        .as("single peaks, seed %d", seed)
                        .isEmpty();
                assertThat(events(what, 5000, seed, noise, step -> 1 + 90 * Math.exp(-step / 300.0)))
                        .as("falling, seed %d", seed)
                        .isEmpty();
            }
        }
    }

    @Test
    void whatGrowsBelowItsFirstLevelIsPartOfLearning() {
        assertThat(
                events(Internal.ATTENTION_LOGIT, 700, 1, 0.01, step -> Math.min(90, Math.exp(step / 100.0))))
                .isEmpty();
        assertThat(events(Internal.ACTIVATION_NORM, 700, 1, 0.01,
                step -> step < 300 ? 1 : Math.exp((step - 300) / 100.0)))
                .hasSize(1);
    }

    @Test
    void aJumpOfALevelIsToldAtTheNextMedian() {
        List<InternalEvent> events = events(Internal.EXPERT_BALANCE, 800, 3, 0.02,
                step -> step < 400 ? 1.1 : 2.2);
        assertThat(events).singleElement().satisfies(e -> assertThat(e.step()).isBetween(400L, 432L));
    }

    @Test
    void hearsNothingFromValuesThatAreNone() {
        GrowthDetector detector = new GrowthDetector(Internal.ATTENTION_LOGIT);
        for (int step = 1; step < 1000; step++) {
            for (double value : new double[]{Double.NaN, Double.POSITIVE_INFINITY, -1, 0}) {
                assertThat(detector.onValue(step, value)).isNull();
            }
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '~', nullValues = "none", value = {
            "iteration 5/ 10 | lm loss: 2.1E+00 | grad norm: 1.0 | max attention logit: 123.456 | ~ ATTENTION_LOGIT ~ 123.456",
            "iteration 5/ 10 | lm loss: 2.1E+00 | load_balancing_loss: 1.013E+00 | ~ EXPERT_BALANCE ~ 1.013",
            "step: 20  loss:  7.1  grad_norm: 1.2  max_attn_logits: 88  tps: 5,000 ~ ATTENTION_LOGIT ~ 88",
            "Epoch 0: | 5/10 [00:10<00:10, reduced_train_loss=10.1, max_attention_logit=9.5, global_step=4.0] ~ ATTENTION_LOGIT ~ 9.5",
            "{\"step\": 4, \"loss\": 2.5, \"activation_norm\": 3e2} ~ ACTIVATION_NORM ~ 300",
            "step 4 loss 2.5 MaxVio 0.25 ~ EXPERT_BALANCE ~ 0.25",
            "step 4 loss 2.5 grad norm 1.0 ~ none ~ none",
            "step 4 loss 2.5 max logit nan ~ none ~ none",
            "step 4 loss 2.5 climax logit 7 ~ none ~ none"})
    void readsWhatTrainersPrint(String line, Internal what, Double value) {
        assertThat(Internal.of(line)).isEqualTo(
                what == null ? List.of() : List.of(new Internal.Reading(what, value)));
    }
}

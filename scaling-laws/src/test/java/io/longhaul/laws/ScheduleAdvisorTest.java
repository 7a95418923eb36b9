package io.longhaul.laws;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.laws.ScheduleAdvisor.Advice;
import io.longhaul.laws.ScheduleAdvisor.Situation;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ScheduleAdvisorTest {
    private static final int SEEDS = 110;
    private static final SyntheticRun RUN = new SyntheticRun(2, 3, 0.5, 0.131, 0.02, 20, 600, 3);

    private static Situation situation(SyntheticRun run, ScheduleShape shape, long resume) {
        return situation(run, shape, shape, resume);
    }

    private static Situation situation(SyntheticRun run, ScheduleShape was, ScheduleShape next, long resume) {
        return new Situation(
                rates(was, next, resume, run.total()), (int) was.warmupSteps(), run.seen(was, resume),
                (int) resume,
                Math.max(10, run.total() / 20), Optional.empty(), List.of(), List.of(), run.seed());
    }

    private static RateHistory rates(ScheduleShape was, ScheduleShape next, long resume, int total) {
        double[] rates = new double[total];
        Arrays.setAll(rates, step -> step < resume ? was.rate(step + 1L) : next.rate(step + 1L));
        return RateHistory.of(rates);
    }

    private static Advice advise(SyntheticRun run, ScheduleShape shape, long resume) {
        return ScheduleAdvisor.advise(situation(run, shape, resume));
    }

    /** 110 runs with constants of their own, advised at 40 to 80 % of their way. */
    @Test
    void intervalsCoverWhatTheySayTheyCover() {
        int advised = 0;
        int finals = 0;
        int effects = 0;
        for (long seed = 1; seed <= SEEDS; seed++) {
            SyntheticRun run = SyntheticRun.drawn(seed);
            long resume = run.total() * (40 + seed % 41) / 100;
            Situation s = situation(run, run.constant(), resume);
            Advice advice = ScheduleAdvisor.advise(s);
            if (advice.schedule().isPresent()) {
                advised++;
                double changed = run.end(advice.schedule().get(), resume, s.lastSteps());
                finals += advice.low() <= changed && changed <= advice.high() ? 1 : 0;
                long end = run.total() - s.lastSteps() / 2;
                double effect = run.loss(
                        step -> step <= resume ? SyntheticRun.PEAK : advice.schedule().get().rate(step), end)
                        - run.loss(step -> SyntheticRun.PEAK, end);
                effects += advice.effectLow() <= effect && effect <= advice.effectHigh() ? 1 : 0;
            }
        }
        assertThat(advised).isGreaterThan(90);
        assertThat((double) finals / advised).as("final loss in its 90 %% interval").isBetween(0.82, 0.97);
        assertThat((double) effects / advised).as("effect in its 90 %% interval").isBetween(0.82, 0.97);
    }

    @Test
    void recommendsADecayForAConstantRateAndSaysWhy() {
        Advice advice = advise(RUN, RUN.constant(), 300);
        assertThat(advice.schedule()).isPresent();
        assertThat(advice.schedule().get().peak()).isEqualTo(SyntheticRun.PEAK);
        assertThat(advice.changed()).isLessThan(advice.unchanged()).isBetween(advice.low(), advice.high());
        assertThat(advice.effectHigh()).isNegative();
        assertThat(advice.explanation()).contains("280 steps")
                .contains("Peak and batch: the size of the model is not known, so both stay");
    }

    @Test
    void theSameSituationGivesTheSameAdvice() {
        assertThat(advise(RUN, RUN.constant(), 300)).isEqualTo(advise(RUN, RUN.constant(), 300));
    }

    @ParameterizedTest(name = "{2}")
    @CsvSource(useHeadersInDisplayName = true, textBlock = """
            resume, decayStart, why
               595,        600, only 5 steps are left
               150,        600, too little evidence: 130 steps
            """)
    void abstains(long resume, long decayStart, String why) {
        ScheduleShape shape = decayStart == 600
                ? RUN.constant()
                : new ScheduleShape(SyntheticRun.PEAK, 0, 20, decayStart, 600);
        Advice advice = advise(RUN, shape, resume);
        assertThat(advice.schedule()).isEmpty();
        assertThat(advice.explanation()).contains(why);
    }

    @Test
    void abstainsWhenTheScheduleIsGoodAlready() {
        ScheduleShape shape = new ScheduleShape(SyntheticRun.PEAK, 0, 20, 300, 600);
        Advice advice = advise(RUN, shape, 300);
        assertThat(advice.schedule()).isEmpty();
        assertThat(advice.explanation())
                .containsAnyOf("the present schedule is the best", "the evidence does not support a change");
    }

    /** A constant plan for a run whose rate has fallen already would raise it again, which nobody asked for. */
    @Test
    void abstainsWhenTheRunDoesNotFollowThePlannedSchedule() {
        ScheduleShape decayed = new ScheduleShape(SyntheticRun.PEAK, 0, 20, 100, 350);
        Advice advice = ScheduleAdvisor.advise(situation(RUN, decayed, RUN.constant(), 300));
        assertThat(advice.schedule()).isEmpty();
        assertThat(advice.explanation())
                .startsWith("step 300 ran at a rate of 2.00e-04 where the planned schedule has 1.00e-03");
    }

    @Test
    void earlierOutcomesWidenAndNarrowTheInterval() {
        Situation s = situation(RUN, RUN.constant(), 300);
        Advice usual = ScheduleAdvisor.advise(s);
        Advice narrow = withMisses(s, Collections.nCopies(20, -0.5));
        Advice wide = withMisses(s, Collections.nCopies(20, 2.0));
        assertThat(narrow.high() - narrow.low()).isLessThan(0.6 * (usual.high() - usual.low()));
        assertThat(wide.high() - wide.low()).isGreaterThan(1.9 * (usual.high() - usual.low()));
        assertThat(withMisses(s, Collections.nCopies(9, 2.0))).isEqualTo(usual);
        assertThat(narrow.changed()).isEqualTo(usual.changed()).isEqualTo(wide.changed());
    }

    private static Advice withMisses(Situation s, List<Double> misses) {
        return ScheduleAdvisor.advise(
                new Situation(s.planned(), s.warmupSteps(), s.observations(), s.resumeStep(), s.lastSteps(),
                        s.scale(), s.family(), misses, s.seed()));
    }

    /** With noise of half a nat and few steps, a decay may or may not help: whatever it says, it means. */
    @Test
    void neverRecommendsWhatMayBeNothing() {
        int abstained = 0;
        for (long seed = 1; seed <= 60; seed++) {
            SyntheticRun run = new SyntheticRun(2, 3, 0.5, 0.131, 0.6, 20, 160 + (int) seed, seed);
            Advice advice = advise(run, run.constant(), run.total() - 12);
            assertThat(advice.schedule().isPresent())
                    .as("seed " + seed + ": " + advice)
                    .isEqualTo(advice.effectHigh() <= -0.005);
            abstained += advice.schedule().isEmpty() ? 1 : 0;
        }
        assertThat(abstained).isPositive();
    }

    private static Advice advise(double peak, StepLaw.Scale scale) {
        SyntheticRun run = RUN;
        ScheduleShape shape = new ScheduleShape(peak, peak, 20, 600, 600);
        Situation s = new Situation(
                rates(shape, shape, 300, 600), 20, run.seen(run.constant(), 300), 300, 30, Optional.of(scale),
                List.of(), List.of(), 1);
        return ScheduleAdvisor.advise(s);
    }

    /** At 1e9 weights and 2e10 tokens, the law's best peak is 9.9e-4. */
    @ParameterizedTest(name = "{0} to {1}")
    @CsvSource(useHeadersInDisplayName = true, textBlock = """
            peak,    proposed, words
            1e-3,    1e-3,     nearer than a factor of two
            8e-4,    8e-4,     nearer than a factor of two
            2e-4,    4e-4,     it moves to 4.0e-04
            4e-3,    2e-3,     it moves to 2.0e-03
            """)
    void movesThePeakByOneDoublingTowardsTheBestOne(double peak, double proposed, String words) {
        Advice advice = advise(peak, new StepLaw.Scale(1e9, 2e10, 5e5));
        assertThat(advice.schedule().orElseThrow().peak()).isEqualTo(proposed);
        assertThat(advice.explanation()).contains(words)
                .contains("its best batch is 4.4e+05 tokens per step")
                .contains("the batch stays, because");
    }

    /** The demo's model: far too small for the law. */
    @Test
    void saysNothingOfPeakAndBatchOutsideOfTheLawsDomain() {
        Advice advice = advise(1e-3, new StepLaw.Scale(7.9e5, 1.2e6, 2048));
        assertThat(advice.schedule().orElseThrow().peak()).isEqualTo(1e-3);
        assertThat(advice.explanation())
                .contains("says nothing of 7.9e+05 weights and 1.2e+06 tokens, so both stay");
    }

    /** Even when no schedule helps, a peak that is far off is worth changing, and predicts more than nothing. */
    @Test
    void aBetterPeakHasAnEffectOfItsOwn() {
        StepLaw.Scale scale = new StepLaw.Scale(1e9, 2e10, 5e5);
        Advice near = advise(1e-3, scale);
        Advice far = advise(8e-3, scale);
        assertThat(far.changed() - far.unchanged()).isLessThan(near.changed() - near.unchanged());
        assertThat(far.changed()).isLessThan(near.changed());
    }

    /** Whole runs of the model as measured: at the peak, with decays over the last half and the last fifth. */
    private static List<LossCurve> family(SyntheticRun run) {
        return Stream.of(600, 300, 480)
                .map(start -> new ScheduleShape(SyntheticRun.PEAK, start == 600 ? SyntheticRun.PEAK : 0, 20,
                        start, 600))
                .map(shape -> {
                    List<Observation> seen = run.seen(shape, 600);
                    return new LossCurve(rates(shape, shape, 600, 600),
                            seen.stream().mapToInt(o -> (int) o.step() - 1).toArray(),
                            seen.stream().mapToDouble(Observation::loss).toArray());
                })
                .toList();
    }

    private static Advice withFamily(SyntheticRun run, Situation s) {
        return ScheduleAdvisor.advise(
                new Situation(s.planned(), s.warmupSteps(), s.observations(), s.resumeStep(), s.lastSteps(),
                        s.scale(),
                        family(run), List.of(), 1));
    }

    /** Published fits believe in a decay of which other runs of the model have shown that it gains next to nothing. */
    @Test
    void otherRunsOfTheModelCountMoreThanPublishedFits() {
        SyntheticRun flat = new SyntheticRun(2, 3, 0.5, 0.004, 0.01, 20, 600, 5);
        assertThat(advise(flat, flat.constant(), 300).schedule()).isPresent();
        assertThat(withFamily(flat, situation(flat, flat.constant(), 300)).schedule()).isEmpty();
        Advice unknown = advise(RUN, RUN.constant(), 300);
        Advice known = withFamily(RUN, situation(RUN, RUN.constant(), 300));
        assertThat(known.schedule()).isPresent();
        assertThat(known.explanation()).contains("and of 3 other runs of this model")
                .doesNotContain("published fits");
        assertThat(known.effectHigh() - known.effectLow())
                .isLessThan(0.5 * (unknown.effectHigh() - unknown.effectLow()));
    }

    @Test
    void aWarmUpThatTakesTooLongIsEnded() {
        ScheduleShape slow = new ScheduleShape(SyntheticRun.PEAK, 0, 560, 580, 600);
        SyntheticRun calm = new SyntheticRun(2, 3, 0.5, 0.05, 0.005, 20, 600, 3);
        Advice advice = ScheduleAdvisor.advise(situation(calm, slow, slow, 210));
        assertThat(advice.schedule()).as(advice.explanation()).isPresent();
        ScheduleShape to = advice.schedule().get();
        assertThat(to.warmupSteps()).isEqualTo(210);
        assertThat(to.peak()).as("twice the present rate").isCloseTo(7.5e-4, within(1e-9));
        assertThat(advice.explanation()).contains("Raising the learning rate from 3.8e-04 to 7.5e-04")
                .contains("a person should approve it");
    }

    @Test
    void aRateThatFellTooEarlyIsRaisedAgainToNoMoreThanItWas() {
        ScheduleShape early = new ScheduleShape(SyntheticRun.PEAK, 4e-4, 20, 60, 200);
        Advice advice = withFamily(RUN, situation(RUN, early, early, 220));
        assertThat(advice.schedule().orElseThrow().peak()).isEqualTo(8e-4);
    }

    /** An interval that is all gain, but not enough of it, is not called nothing. */
    @Test
    void aGainThatIsTooSmallForAChangeIsNamedWithWhatItTakes() {
        assertThat(ScheduleAdvisor.tooLittle(0.002)).isEqualTo("which may be nothing");
        assertThat(ScheduleAdvisor.tooLittle(-0.003)).contains("a gain", "less than the 0.005");
    }
}

package io.longhaul.orchestrator.adapt;

import io.longhaul.laws.Observation;
import io.longhaul.laws.RateHistory;
import io.longhaul.laws.ScheduleAdvisor;
import io.longhaul.laws.ScheduleAdvisor.Advice;
import io.longhaul.laws.ScheduleArguments;
import io.longhaul.laws.ScheduleShape;
import io.longhaul.laws.StepLaw;
import io.longhaul.orchestrator.run.Recipe;
import io.longhaul.orchestrator.run.RecipeChange;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Between the run's terms and those of the laws. Pure. */
final class RecipeAdvisor {
    private static final double LAST_SHARE = 0.05;
    private static final int LEAST_LAST_STEPS = 10;
    /** Share of the run after which losses count, even if the rate still rises. */
    private static final double LONGEST_WARMUP = 0.1;

    private RecipeAdvisor() {}

    /** Steps over whose mean a final loss is measured: a twentieth of the run. */
    static int lastSteps(long totalSteps) {
        return (int) Math.max(LEAST_LAST_STEPS, Math.round(LAST_SHARE * totalSteps));
    }

    static AdaptOutcome advise(AdaptRequest request) {
        Recipe current = request.current();
        List<Observation> observations = settled(current, request.curve(), request.totalSteps())
                .stream()
                .filter(p -> p.step() <= request.resumeStep())
                .map(p -> new Observation(p.step(), p.learningRate(), p.loss()))
                .toList();
        Advice advice = ScheduleAdvisor.advise(
                new ScheduleAdvisor.Situation(
                        planned(current, request.curve(), request.resumeStep(), request.totalSteps()),
                        current.warmupSteps(),
                        observations,
                        Math.toIntExact(request.resumeStep()),
                        lastSteps(request.totalSteps()),
                        scale(request),
                        List.of(),
                        request.pastMisses(),
                        request.seed()));
        return new AdaptOutcome(advice.schedule().map(s -> change(request, s, advice)), advice.explanation());
    }

    /** The batch is the same in all steps, so that tokens grow with steps. */
    private static Optional<StepLaw.Scale> scale(AdaptRequest request) {
        if (request.parameters().isEmpty() || request.curve().isEmpty()) {
            return Optional.empty();
        }
        CurvePoint last = request.curve().getLast();
        double batchTokens = (double) last.tokens() / last.step();
        return Optional.of(
                new StepLaw.Scale(
                        request.parameters().get(), batchTokens * request.totalSteps(), batchTokens));
    }

    /** Rates as they were, a skipped step with that of the step before, and then as the recipe has them. */
    static RateHistory planned(Recipe recipe, List<CurvePoint> curve, long resumeStep, long totalSteps) {
        double[] rates = new double[Math.toIntExact(totalSteps)];
        Arrays.setAll(rates, step -> recipe.rate(step + 1L));
        double last = rates[0];
        int at = 0;
        for (CurvePoint point : curve) {
            for (; at < Math.min(point.step(), resumeStep); at++) {
                last = at == point.step() - 1 ? point.learningRate() : last;
                rates[at] = last;
            }
        }
        return RateHistory.of(rates);
    }

    /** Losses that say something of the law: after the warm-up, or if that is long after its first part. */
    static List<CurvePoint> settled(Recipe recipe, List<CurvePoint> curve, long totalSteps) {
        long settled = Math.min(recipe.warmupSteps(), Math.round(LONGEST_WARMUP * totalSteps));
        // A step without a loss is no evidence; what to do about it is decided elsewhere.
        return curve.stream()
                .filter(p -> p.step() > settled && p.loss() > 0 && Double.isFinite(p.loss()))
                .toList();
    }

    private static RecipeChange change(AdaptRequest request, ScheduleShape to, Advice advice) {
        Recipe from = request.current();
        boolean decays = to.low() < to.peak();
        Recipe recipe = new Recipe(
                from.globalBatch(),
                to.peak(),
                to.low(),
                Math.toIntExact(to.warmupSteps()),
                decays ? Recipe.Schedule.WSD : Recipe.Schedule.CONSTANT,
                to.decayEnd(),
                decays ? to.decayEnd() - to.decayStart() : 0,
                from.weightDecay(),
                from.gradientClip());
        return new RecipeChange(
                "before-attempt-" + request.attempt(),
                request.attempt(),
                from,
                recipe,
                "multi-power law with fading gains (arXiv 2503.12811), fitted to this run: "
                        + advice.constants()
                        + "; Step Law (arXiv 2503.04715)",
                advice.explanation() + " Megatron-LM: " + String.join(" ", ScheduleArguments.megatron(to))
                        + ". DeepSpeed: " + ScheduleArguments.deepSpeed(to) + ".",
                advice.unchanged(),
                advice.changed(),
                advice.low(),
                advice.high(),
                advice.effectLow(),
                advice.effectHigh(),
                Optional.empty(),
                RecipeChange.Status.PROPOSED);
    }

    /** Measured minus predicted final loss of a scored change, in half widths of its interval. */
    static double miss(RecipeChange scored) {
        double half = Math.max(1e-9, (scored.high90() - scored.low90()) / 2);
        return (scored.score().orElseThrow().measuredFinalLoss() - scored.predictedFinalLoss()) / half;
    }

    static RecipeChange score(RecipeChange change, long totalSteps, List<CurvePoint> curve) {
        long from = totalSteps - lastSteps(totalSteps);
        double[] last = curve.stream().filter(p -> p.step() > from).mapToDouble(CurvePoint::loss).toArray();
        // The very last steps may be missing: skipped, or between two lines of the log.
        if (last.length == 0) {
            throw new IllegalArgumentException(
                    "the curve ends at step " + (curve.isEmpty() ? 0 : curve.getLast().step())
                            + ", the run at "
                            + totalSteps);
        }
        double measured = Arrays.stream(last).average().orElseThrow();
        return change.scored(
                new RecipeChange.Score(
                        measured,
                        change.low90() <= measured && measured <= change.high90(),
                        measured - change.predictedFinalLossUnchanged()));
    }
}

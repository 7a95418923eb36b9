package io.longhaul.orchestrator.adapt;

import io.longhaul.laws.Observation;
import io.longhaul.laws.ScheduleAdvisor;
import io.longhaul.laws.ScheduleAdvisor.Advice;
import io.longhaul.laws.ScheduleArguments;
import io.longhaul.laws.ScheduleShape;
import io.longhaul.laws.StepLaw;
import io.longhaul.orchestrator.run.Recipe;
import io.longhaul.orchestrator.run.RecipeChange;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Between the run's terms and those of the laws. Pure. */
final class RecipeAdvisor {
    private static final double LAST_SHARE = 0.05;
    private static final int LEAST_LAST_STEPS = 10;

    private RecipeAdvisor() {}

    /** Steps over whose mean a final loss is measured: a twentieth of the run. */
    static int lastSteps(long totalSteps) {
        return (int) Math.max(LEAST_LAST_STEPS, Math.round(LAST_SHARE * totalSteps));
    }

    static AdaptOutcome advise(AdaptRequest request) {
        Recipe current = request.current();
        if (current.schedule() == Recipe.Schedule.COSINE) {
            return new AdaptOutcome(
                    Optional.empty(),
                    "the cosine schedule decays from its start: changing it in mid-run would make the rate jump");
        }
        List<Observation> observations = request.curve()
                .stream()
                .filter(p -> p.step() > current.warmupSteps() && p.step() <= request.resumeStep())
                // A step without a loss is no evidence; what to do about it is decided elsewhere.
                .filter(p -> Double.isFinite(p.loss()))
                .map(p -> new Observation(p.step(), p.learningRate(), p.loss()))
                .toList();
        TreeMap<Long, Double> rates = new TreeMap<>();
        request.curve().forEach(p -> rates.put(p.step(), p.learningRate()));
        ScheduleShape shape = shape(current, request.totalSteps());
        Advice advice = ScheduleAdvisor.advise(
                new ScheduleAdvisor.Situation(
                        shape,
                        step -> past(rates, shape, step),
                        observations,
                        request.resumeStep(),
                        request.totalSteps(),
                        lastSteps(request.totalSteps()),
                        scale(request),
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

    /** A skipped step's rate is not in the curve: it had that of the step before. */
    private static double past(TreeMap<Long, Double> rates, ScheduleShape shape, long step) {
        Map.Entry<Long, Double> known = rates.floorEntry(step);
        return known != null ? known.getValue() : shape.rate(step);
    }

    private static ScheduleShape shape(Recipe r, long totalSteps) {
        return switch (r.schedule()) {
            case CONSTANT -> new ScheduleShape(
                    r.learningRate(), r.learningRate(), r.warmupSteps(), totalSteps, totalSteps);
            case WSD -> new ScheduleShape(
                    r.learningRate(), r.minLearningRate(), r.warmupSteps(),
                    r.decaySteps() - r.wsdDecaySteps(),
                    r.decaySteps());
            case LINEAR, COSINE -> new ScheduleShape(
                    r.learningRate(), r.minLearningRate(), r.warmupSteps(), r.warmupSteps(), r.decaySteps());
        };
    }

    private static RecipeChange change(AdaptRequest request, ScheduleShape to, Advice advice) {
        Recipe from = request.current();
        boolean decays = to.low() < to.peak();
        Recipe recipe = new Recipe(
                from.globalBatch(),
                to.peak(),
                to.low(),
                from.warmupSteps(),
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
        double measured = java.util.Arrays.stream(last).average().orElseThrow();
        return change.scored(
                new RecipeChange.Score(
                        measured,
                        change.low90() <= measured && measured <= change.high90(),
                        measured - change.predictedFinalLossUnchanged()));
    }
}

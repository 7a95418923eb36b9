package io.longhaul.laws;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.LongToDoubleFunction;

/**
 * Chooses the schedule of the steps that are left. Recommends a change only if the law fits the run and predicts
 * a gain whose whole 90 % interval is one.
 */
public final class ScheduleAdvisor {
    private static final int DRAWS = 400;
    /** Share of the run that must have been seen after the warm-up. */
    private static final double LEAST_SHARE = 0.3;
    private static final double LEAST_GAIN = 0.005;
    private static final double[] DECAY_SHARES = {1.0, 0.75, 0.5, 0.3};
    private static final double[] LOW_SHARES = {0.0, 0.1};

    private ScheduleAdvisor() {}

    /**
     * What is known before an attempt.
     *
     * @param current schedule that the run follows
     * @param past learning rate of every step up to {@code resumeStep}, as it was
     * @param observations kept steps after the warm-up, ascending
     * @param resumeStep last kept step
     * @param lastSteps steps over whose mean the final loss is measured
     */
    public record Situation(
            ScheduleShape current,
            LongToDoubleFunction past,
            List<Observation> observations,
            long resumeStep,
            long totalSteps,
            int lastSteps,
            long seed) {}

    /**
     * Advice with its evidence.
     *
     * @param schedule the better schedule, or nothing
     * @param explanation for people
     * @param unchanged predicted final loss without a change
     * @param changed predicted final loss with it, with 90 % interval {@code [low, high]}
     * @param effectLow 90 % interval of the difference changed minus unchanged
     */
    public record Advice(
            Optional<ScheduleShape> schedule,
            String explanation,
            double unchanged,
            double changed,
            double low,
            double high,
            double effectLow,
            double effectHigh) {
        private static Advice none(String why) {
            return new Advice(Optional.empty(), why, Double.NaN, Double.NaN, Double.NaN, Double.NaN,
                    Double.NaN,
                    Double.NaN);
        }
    }

    public static Advice advise(Situation s) {
        long left = s.totalSteps() - s.resumeStep();
        if (left < 10) {
            return Advice.none("only " + left + " steps are left: too few for a schedule to matter");
        }
        if (s.resumeStep() > s.current().decayStart() && s.current().low() < s.current().peak()) {
            return Advice.none(
                    "the learning rate is already decaying as planned: a second change would undo the first");
        }
        double share = (double) s.observations().size() / s.totalSteps();
        if (share < LEAST_SHARE) {
            return Advice.none(
                    String.format(
                            Locale.ROOT,
                            "too little evidence: %d steps after the warm-up are %.0f %% of the run, %.0f %% are needed to"
                                    + " tell where the loss is heading",
                            s.observations().size(), 100 * share, 100 * LEAST_SHARE));
        }
        Optional<LossCurveLaw.Fit> fit = LossCurveLaw.fit(
                s.observations(), s.past(), s.current().peak(), DRAWS, s.seed());
        if (fit.isEmpty()) {
            return Advice.none("too few steps to fit a law");
        }
        return choose(s, fit.get());
    }

    private static Advice choose(Situation s, LossCurveLaw.Fit fit) {
        LongToDoubleFunction unchanged = future(s, s.current());
        double before = fit.law().loss(unchanged, middleOfEnd(s));
        ScheduleShape best = s.current();
        double bestLoss = before;
        for (ScheduleShape candidate : candidates(s)) {
            double loss = fit.law().loss(future(s, candidate), middleOfEnd(s));
            if (loss < bestLoss - 1e-12) {
                best = candidate;
                bestLoss = loss;
            }
        }
        if (best.equals(s.current())) {
            return Advice.none("the present schedule is the best of those that the trainer can execute");
        }
        LongToDoubleFunction changed = future(s, best);
        double[] finals = new double[fit.draws().size()];
        double[] effects = new double[fit.draws().size()];
        SplittableRandom random = new SplittableRandom(s.seed() + 1);
        double endNoise = fit.noise() * Math.sqrt(Math.max(1, fit.stepsPerBin() / s.lastSteps()));
        for (int i = 0; i < finals.length; i++) {
            LossCurveLaw law = fit.draws().get(i);
            double with = law.loss(changed, middleOfEnd(s));
            effects[i] = with - law.loss(unchanged, middleOfEnd(s));
            finals[i] = with + endNoise * random.nextGaussian();
        }
        Arrays.sort(finals);
        Arrays.sort(effects);
        double low = Math.min(quantile(finals, 0.05), bestLoss);
        double high = Math.max(quantile(finals, 0.95), bestLoss);
        double effectLow = quantile(effects, 0.05);
        double effectHigh = quantile(effects, 0.95);
        if (effectHigh > -LEAST_GAIN) {
            return new Advice(
                    Optional.empty(),
                    String.format(
                            Locale.ROOT,
                            "the evidence does not support a change: the best schedule would change the final loss by %+.3f"
                                    + " (90 %%: %+.3f to %+.3f), which may be nothing",
                            bestLoss - before, effectLow, effectHigh),
                    before, bestLoss, low, high, effectLow, effectHigh);
        }
        return new Advice(
                Optional.of(best), explanation(s, fit, best, before, bestLoss, effectLow, effectHigh), before,
                bestLoss,
                low, high, effectLow, effectHigh);
    }

    private static String explanation(
            Situation s, LossCurveLaw.Fit fit, ScheduleShape best, double before, double after,
            double effectLow,
            double effectHigh) {
        return String.format(
                Locale.ROOT,
                "The loss of %d steps follows %.2f + %.2f S^-%.2f. At the present schedule it would end at %.3f. Letting the"
                        + " learning rate fall linearly from %.1e at step %d to %.1e at step %d ends at %.3f, a change of"
                        + " %+.3f (90 %%: %+.3f to %+.3f); how much a decay gains is taken from published fits, since this"
                        + " run has shown none. Peak and batch size stay: nothing measured here speaks for other ones.",
                s.observations().size(), fit.law().floor(), fit.law().amplitude(), fit.law().alpha(), before,
                best.peak(),
                best.decayStart(), best.low(), best.decayEnd(), after, after - before, effectLow, effectHigh);
    }

    private static List<ScheduleShape> candidates(Situation s) {
        List<ScheduleShape> shapes = new ArrayList<>();
        long left = s.totalSteps() - s.resumeStep();
        for (double share : DECAY_SHARES) {
            long start = s.totalSteps() - Math.round(share * left);
            for (double low : LOW_SHARES) {
                shapes.add(
                        new ScheduleShape(
                                s.current().peak(), low * s.current().peak(), s.current().warmupSteps(),
                                Math.max(start, s.current().warmupSteps()), s.totalSteps()));
            }
        }
        return shapes;
    }

    private static LongToDoubleFunction future(Situation s, ScheduleShape shape) {
        return step -> step <= s.resumeStep() ? s.past().applyAsDouble(step) : shape.rate(step);
    }

    private static long middleOfEnd(Situation s) {
        return Math.max(1, s.totalSteps() - s.lastSteps() / 2);
    }

    private static double quantile(double[] sorted, double share) {
        return sorted[(int) Math.min(sorted.length - 1L, Math.round(share * (sorted.length - 1)))];
    }
}

package io.longhaul.laws;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.LongToDoubleFunction;

/**
 * Chooses schedule and peak of the steps that are left. Recommends a change only if the law fits the run and predicts
 * a gain whose whole 90 % interval is one.
 */
public final class ScheduleAdvisor {
    private static final int DRAWS = 100;
    /** Share of the run that must have been seen after the warm-up. */
    private static final double LEAST_SHARE = 0.3;
    private static final double LEVEL = 0.9;
    private static final int LEAST_MISSES = 10;
    private static final double LEAST_WIDTH = 0.3;
    private static final double MOST_WIDTH = 5;
    private static final double SAME_RATE = 0.05;
    private static final double LEAST_GAIN = 0.005;
    private static final double[] DECAY_SHARES = {1.0, 0.75, 0.5, 0.3, 0.2};
    private static final int LEAST_OBSERVATIONS = 48;
    /** Points of the curve that is fitted; as many steps are averaged as it takes. */
    private static final int POINTS = 80;
    private static final double[] LOW_SHARES = {0.0, 0.1};
    /**
     * A peak moves by one doubling at a time, and only towards a best one that lies beyond: too low costs less than too
     * high, and a rate cannot be warmed up again in the middle of a trainer's schedule.
     */
    private static final double STEP = 2;
    /** Standard deviation of the best peak around its law in doublings, from resampling whole grids. */
    private static final double PEAK_SPREAD = 0.4;

    private ScheduleAdvisor() {}

    /**
     * What is known before an attempt.
     *
     * @param current schedule that the run follows
     * @param past learning rate of every step up to {@code resumeStep}, as it was
     * @param observations kept steps after the warm-up, ascending
     * @param resumeStep last kept step
     * @param lastSteps steps over whose mean the final loss is measured
     * @param scale size of the run, if it is known
     * @param pastMisses measured minus predicted final losses of earlier advice, in half widths of their 90 % intervals
     */
    public record Situation(
            ScheduleShape current,
            LongToDoubleFunction past,
            List<Observation> observations,
            long resumeStep,
            long totalSteps,
            int lastSteps,
            Optional<StepLaw.Scale> scale,
            List<Double> pastMisses,
            long seed) {
        public Situation {
            observations = observations.stream().filter(o -> o.loss() > 0).toList();
            if (resumeStep < 0 || totalSteps < 1 || lastSteps < 1) {
                throw new IllegalArgumentException(
                        "resumeStep must be >= 0, totalSteps and lastSteps >= 1, got " + resumeStep + ", "
                                + totalSteps + ", " + lastSteps);
            }
        }
    }

    /**
     * Advice with its evidence.
     *
     * @param schedule the better schedule, or nothing
     * @param explanation for people
     * @param constants of the law, fitted to the run
     * @param unchanged predicted final loss without a change
     * @param changed predicted final loss with it, with 90 % interval {@code [low, high]}
     * @param effectLow 90 % interval of the difference changed minus unchanged
     */
    public record Advice(
            Optional<ScheduleShape> schedule,
            String explanation,
            String constants,
            double unchanged,
            double changed,
            double low,
            double high,
            double effectLow,
            double effectHigh) {
        private static Advice none(String why) {
            return new Advice(Optional.empty(), why, "none", Double.NaN, Double.NaN, Double.NaN, Double.NaN,
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
        double now = s.past().applyAsDouble(s.resumeStep());
        double planned = s.current().rate(s.resumeStep());
        if (s.resumeStep() > 0 && Math.abs(now - planned) > SAME_RATE * s.current().peak()) {
            return Advice.none(
                    String.format(
                            Locale.ROOT,
                            "step %d ran at a rate of %.2e where the planned schedule has %.2e: going on from here would make"
                                    + " the rate jump",
                            s.resumeStep(), now, planned));
        }
        long steps = s.observations().isEmpty()
                ? 0
                : s.observations().getLast().step() - s.observations().getFirst().step() + 1;
        double share = (double) steps / s.totalSteps();
        if (share < LEAST_SHARE) {
            return Advice.none(
                    String.format(
                            Locale.ROOT,
                            "too little evidence: %d steps after the warm-up are %.0f %% of the run, %.0f %% are needed to"
                                    + " tell where the loss is heading",
                            steps, 100 * share, 100 * LEAST_SHARE));
        }
        if (s.observations().size() < LEAST_OBSERVATIONS) {
            return Advice.none("too few steps to fit a law");
        }
        return new Choice(s).advice();
    }

    /** A peak and what it does, apart from the schedule: doublings above the best one before and after. */
    private record Peak(double rate, double doublingsBefore, double doublingsAfter, String why) {
        /** Change of the final loss as share of it, if the best peak lies so many doublings above the law's. */
        double effect(double error, double shareLeft) {
            return shareLeft
                    * (StepLaw.costOfRate(doublingsAfter - error)
                            - StepLaw.costOfRate(doublingsBefore - error));
        }
    }

    private static final class Choice {
        private final Situation s;
        private final MultiPowerFit fit;
        private final MultiPowerLaw law;
        private final RateHistory past;
        private final double endNoise;
        private final Peak peak;

        Choice(Situation s) {
            this.s = s;
            double[] rates = new double[(int) s.resumeStep()];
            Arrays.setAll(rates, k -> s.past().applyAsDouble(k + 1));
            past = RateHistory.of(rates);
            LossCurve seen = new LossCurve(past,
                    s.observations().stream().mapToInt(o -> (int) o.step() - 1).toArray(),
                    s.observations().stream().mapToDouble(Observation::loss).toArray());
            LossCurve smooth = seen.smoothed(POINTS);
            fit = MultiPowerFit.of(List.of(smooth), MultiPowerLaw.Shape.UNSEEN);
            law = fit.law();
            double stepsPerPoint = (double) seen.size() / smooth.size();
            endNoise = law.loss(past, past.steps() - 1) * MultiPowerFit.noise(smooth.losses())
                    * Math.sqrt(stepsPerPoint / s.lastSteps());
            peak = peak(s);
        }

        Advice advice() {
            RateHistory unchanged = rates(s.current());
            double before = end(law, unchanged);
            ScheduleShape best = candidates().stream()
                    .min(Comparator.comparingDouble(shape -> end(law, rates(shape))))
                    .orElseThrow();
            if (end(law, rates(best)) > before - 1e-12) {
                best = s.current();
            }
            RateHistory changed = rates(best);
            double shareLeft = (double) (s.totalSteps() - s.resumeStep()) / s.totalSteps();
            double after = end(law, changed) * (1 + peak.effect(0, shareLeft));
            ScheduleShape chosen = withPeak(best, peak.rate());
            if (chosen.equals(s.current())) {
                return Advice.none(
                        "the present schedule is the best of those that the trainer can execute; "
                                + peak.why());
            }
            List<MultiPowerLaw> draws = fit.draws(DRAWS, s.seed());
            double[] finals = new double[DRAWS];
            double[] effects = new double[DRAWS];
            SplittableRandom random = new SplittableRandom(s.seed() + 1);
            for (int i = 0; i < finals.length; i++) {
                double error = PEAK_SPREAD * random.nextGaussian();
                double with = end(draws.get(i), changed) * (1 + peak.effect(error, shareLeft));
                effects[i] = with - end(draws.get(i), unchanged);
                finals[i] = with + endNoise * random.nextGaussian();
            }
            double width = width(s.pastMisses());
            double effect = after - before;
            Arrays.setAll(finals, i -> after + width * (finals[i] - after));
            Arrays.setAll(effects, i -> effect + width * (effects[i] - effect));
            Arrays.sort(finals);
            Arrays.sort(effects);
            double low = Math.min(quantile(finals, 0.05), after);
            double high = Math.max(quantile(finals, 0.95), after);
            double effectLow = quantile(effects, 0.05);
            double effectHigh = quantile(effects, 0.95);
            boolean supported = effectHigh <= -LEAST_GAIN;
            return new Advice(
                    supported ? Optional.of(chosen) : Optional.empty(),
                    supported
                            ? explanation(chosen, before, after, effectLow, effectHigh)
                            : String.format(
                                    Locale.ROOT,
                                    "the evidence does not support a change: the best one would change the final loss by"
                                            + " %+.3f (90 %%: %+.3f to %+.3f), which may be nothing; %s",
                                    after - before, effectLow, effectHigh, peak.why()),
                    law.toString(), before, after, low, high, effectLow, effectHigh);
        }

        private String explanation(
                ScheduleShape best, double before, double after, double effectLow, double effectHigh) {
            return String.format(
                    Locale.ROOT,
                    "The loss of %d steps follows %.2f + %.2f S^-%.2f. At the present schedule it would end at %.3f."
                            + " Letting the learning rate fall linearly from %.1e at step %d to %.1e at step %d ends at"
                            + " %.3f, a change of %+.3f (90 %%: %+.3f to %+.3f); how much a decay gains is taken from"
                            + " published fits, since this run has shown none. %s Peak and batch: %s. Risk: a decay cannot be"
                            + " taken back, so keep the checkpoint before step %d to go on for longer; %s.",
                    s.observations().size(), law.floor(), law.amplitude(), law.alpha(),
                    before, best.peak(), best.decayStart(), best.low(), best.decayEnd(), after,
                    after - before,
                    effectLow, effectHigh, bound(after), peak.why(), best.decayStart(),
                    peak.rate() > s.current().peak()
                            ? "a higher peak may diverge: a person should approve it"
                            : "the whole interval is a gain, so it may be applied unattended");
        }

        /** What a schedule of any falling shape could gain beyond the best of the candidates. */
        private String bound(double after) {
            int from = (int) s.resumeStep();
            double cap = past.rate(from - 1);
            double free = ScheduleOptimum.find(law, past, from, (int) s.totalSteps(), cap, 1e-3 * cap).loss();
            return String.format(Locale.ROOT, "The best of all falling schedules would end at %.3f.",
                    Math.min(free, after));
        }

        private List<ScheduleShape> candidates() {
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

        private RateHistory rates(ScheduleShape shape) {
            int from = (int) s.resumeStep();
            int total = (int) s.totalSteps();
            double[] all = new double[total];
            Arrays.setAll(all, k -> k < from ? past.rate(k) : shape.rate(k + 1));
            return RateHistory.of(all);
        }

        /** Mean loss of the last steps. */
        private double end(MultiPowerLaw law, RateHistory rates) {
            return law.loss(rates, (int) Math.max(0, s.totalSteps() - s.lastSteps() / 2 - 1));
        }
    }

    private static ScheduleShape withPeak(ScheduleShape shape, double peak) {
        return peak == shape.peak()
                ? shape
                : new ScheduleShape(
                        peak, shape.low() * (peak / shape.peak()), shape.warmupSteps(), shape.decayStart(),
                        shape.decayEnd());
    }

    private static Peak peak(Situation s) {
        double now = s.current().peak();
        if (s.scale().isEmpty()) {
            return new Peak(now, 0, 0, "the size of the model is not known, so both stay");
        }
        StepLaw.Scale scale = s.scale().get();
        Optional<String> outside = StepLaw.outside(scale);
        if (outside.isPresent()) {
            return new Peak(now, 0, 0, outside.get() + ", so both stay");
        }
        double best = StepLaw.learningRate(scale);
        double above = Math.log(now / best) / Math.log(2);
        boolean moves = Math.abs(above) >= 1;
        double next = moves ? above > 0 ? now / STEP : now * STEP : now;
        double afterwards = above - Math.log(now / next) / Math.log(2);
        String rates = String.format(
                Locale.ROOT,
                "Step Law's best peak for %.1e weights and %.1e tokens is %.1e, the run's is %.1e",
                scale.parameters(), scale.tokens(), best, now);
        String move = moves
                ? String.format(Locale.ROOT, ": it moves to %.1e, one doubling at most at a time", next)
                : ", nearer than a factor of two, where the loss is flat: it stays";
        return new Peak(next, above, afterwards, rates + move + "; " + batch(scale));
    }

    private static String batch(StepLaw.Scale scale) {
        double doublings = Math.log(scale.batchTokens() / StepLaw.batch(scale)) / Math.log(2);
        return String.format(
                Locale.ROOT,
                "its best batch is %.1e tokens per step, and the run's %.1e cost %.1f %% of the loss; the batch stays, because"
                        + " the place in the data is the step times the batch, and the noise scale that could bound another"
                        + " one is not measured",
                StepLaw.batch(scale), scale.batchTokens(), 100 * StepLaw.costOfBatch(doublings));
    }

    /**
     * What intervals are stretched by so that nine of ten earlier outcomes would have lain in theirs (split conformal
     * prediction); 1 before there are enough of them.
     */
    static double width(List<Double> misses) {
        if (misses.size() < LEAST_MISSES) {
            return 1;
        }
        double[] sizes = misses.stream().mapToDouble(Math::abs).sorted().toArray();
        int rank = Math.min(sizes.length, (int) Math.ceil(LEVEL * (sizes.length + 1)));
        return Math.clamp(sizes[rank - 1], LEAST_WIDTH, MOST_WIDTH);
    }

    private static double quantile(double[] sorted, double share) {
        return sorted[(int) Math.min(sorted.length - 1L, Math.round(share * (sorted.length - 1)))];
    }
}

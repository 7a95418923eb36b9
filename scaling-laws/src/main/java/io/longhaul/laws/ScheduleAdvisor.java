package io.longhaul.laws;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;

/**
 * Chooses schedule and peak of the steps that are left. Recommends a change only if the law fits the run and predicts
 * a gain whose whole 90 % interval is one.
 */
public final class ScheduleAdvisor {
    private static final int DRAWS = 100;
    /** Share of the run that must have been seen after the warm-up; less where runs of the same model have ended. */
    private static final double LEAST_SHARE = 0.3;
    private static final double LEAST_SHARE_OF_FAMILY = 0.1;
    private static final double LEVEL = 0.9;
    private static final int LEAST_MISSES = 10;
    private static final double LEAST_WIDTH = 0.3;
    private static final double MOST_WIDTH = 5;
    /** Share of the steps before which the loss is not yet the law's. */
    private static final double SETTLED = 0.1;
    private static final double SAME_RATE = 0.05;
    /** Nats of final loss that a change must gain at the unlikely end of its interval, or the run stays as it is. */
    static final double LEAST_GAIN = 0.005;
    private static final double DECAYED = 0.9;
    private static final double[] DECAY_SHARES = {1.0, 0.75, 0.5, 0.3, 0.2, 0.1};
    private static final int LEAST_OBSERVATIONS = 24;
    /** Points of a curve that is fitted; as many steps are averaged as it takes. */
    private static final int POINTS = 80;
    private static final double[] LOW_SHARES = {0.0, 0.1};

    private ScheduleAdvisor() {}

    /**
     * What is known before an attempt.
     *
     * @param planned learning rate of every step of the whole run: up to {@code resumeStep} as it was, then as it would go on
     * @param warmupSteps of the recipe
     * @param observations kept steps after the warm-up, or after its first part if it is long; ascending
     * @param resumeStep last kept step
     * @param lastSteps steps over whose mean the final loss is measured
     * @param scale size of the run, if it is known
     * @param family curves of other runs of the same model and batch, as measured; may be empty
     * @param pastMisses measured minus predicted final losses of earlier advice, in half widths of their 90 % intervals
     */
    public record Situation(
            RateHistory planned,
            int warmupSteps,
            List<Observation> observations,
            int resumeStep,
            int lastSteps,
            Optional<StepLaw.Scale> scale,
            List<LossCurve> family,
            List<Double> pastMisses,
            long seed) {
        public Situation {
            observations = observations.stream().filter(o -> o.loss() > 0).toList();
            family = List.copyOf(family);
            if (resumeStep < 0 || resumeStep > planned.steps() || lastSteps < 1) {
                throw new IllegalArgumentException(
                        "resumeStep must lie in [0, " + planned.steps() + "] and lastSteps be >= 1, got "
                                + resumeStep + " and " + lastSteps);
            }
        }

        private int totalSteps() {
            return planned.steps();
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
        int left = s.totalSteps() - s.resumeStep();
        if (left < 10) {
            return Advice.none("only " + left + " steps are left: too few for a schedule to matter");
        }
        if (s.resumeStep() > 0) {
            double now = s.planned().rate(s.resumeStep() - 1);
            double next = s.planned().rate(s.resumeStep());
            if (Math.abs(now - next) > SAME_RATE * s.planned().peak()) {
                return Advice.none(
                        String.format(
                                Locale.ROOT,
                                "step %d ran at a rate of %.2e where the planned schedule has %.2e: going on from here would"
                                        + " make the rate jump",
                                s.resumeStep(), now, next));
            }
        }
        long steps = s.observations().isEmpty()
                ? 0
                : s.observations().getLast().step() - s.observations().getFirst().step() + 1;
        double share = (double) steps / s.totalSteps();
        double least = s.family().isEmpty() ? LEAST_SHARE : LEAST_SHARE_OF_FAMILY;
        if (share < least) {
            return Advice.none(
                    String.format(
                            Locale.ROOT,
                            "too little evidence: %d steps after the warm-up are %.0f %% of the run, %.0f %% are needed to"
                                    + " tell where the loss is heading",
                            steps, 100 * share, 100 * least));
        }
        if (s.observations().size() < LEAST_OBSERVATIONS) {
            return Advice.none("too few steps to fit a law");
        }
        return new Choice(s).advice();
    }

    /** What is wrong with an effect whose interval ends there. */
    static String tooLittle(double effectHigh) {
        return effectHigh < 0
                ? String.format(Locale.ROOT,
                        "a gain, but perhaps of less than the %.3f that a change must be worth",
                        LEAST_GAIN)
                : "which may be nothing";
    }

    /** A schedule with what it does to the final loss, and what it may do. */
    private record Candidate(ScheduleShape shape, RateHistory rates, double effect, double[] effects) {
        private double quantile(double share) {
            return ScheduleAdvisor.quantile(effects, share);
        }

        private boolean supported() {
            return quantile(1 - (1 - LEVEL) / 2) <= -LEAST_GAIN;
        }
    }

    private static final class Choice {
        private final Situation s;
        private final RateHistory past;
        private final double now;
        private final PeakRule peak;
        private final int relatives;
        private final boolean decaySeen;
        private final MultiPowerLaw law;
        private final List<MultiPowerLaw> draws;
        private final double endNoise;
        private final double before;
        private final double[] befores;
        private final double width;
        private final double modelError;

        Choice(Situation s) {
            this.s = s;
            past = s.planned().until(s.resumeStep());
            now = past.rate(past.steps() - 1);
            peak = PeakRule.of(s.planned().peak(), s.scale());
            int settled = (int) (SETTLED * s.totalSteps());
            LossCurve seen = new LossCurve(past,
                    s.observations().stream().mapToInt(o -> (int) o.step() - 1).toArray(),
                    s.observations().stream().mapToDouble(Observation::loss).toArray()).from(settled);
            List<LossCurve> family = relatives().stream()
                    .map(curve -> curve.from(settled))
                    .filter(curve -> curve.size() >= LEAST_OBSERVATIONS)
                    .toList();
            relatives = family.size();
            LossCurve smooth = seen.smoothed(POINTS);
            decaySeen = decayed(past) || family.stream().anyMatch(curve -> decayed(curve.history()));
            List<LossCurve> all = new ArrayList<>(family.stream().map(c -> c.smoothed(POINTS)).toList());
            all.add(smooth);
            MultiPowerFit fit = MultiPowerFit.of(all, MultiPowerLaw.Shape.UNSEEN.over(s.totalSteps()));
            law = fit.law();
            draws = fit.draws(DRAWS, s.seed());
            double stepsPerPoint = (double) seen.size() / smooth.size();
            endNoise = law.loss(past, past.steps() - 1) * MultiPowerFit.noise(smooth.losses())
                    * Math.sqrt(stepsPerPoint / s.lastSteps());
            before = end(law, s.planned());
            befores = draws.stream().mapToDouble(draw -> end(draw, s.planned())).toArray();
            width = width(s.pastMisses());
            modelError = FamilyBacktest.spread(
                    family, seen, (double) s.resumeStep() / s.totalSteps(), POINTS,
                    MultiPowerLaw.Shape.UNSEEN.over(s.totalSteps()));
        }

        /**
         * Runs of the same peak if there are two, else those within a factor of two: the law does not hold from peaks that are
         * too low to ones that are too high.
         */
        private List<LossCurve> relatives() {
            List<LossCurve> same = within(1 + SAME_RATE);
            return same.size() >= 2 ? same : within((1 + SAME_RATE) * PeakRule.STEP);
        }

        private List<LossCurve> within(double factor) {
            return s.family()
                    .stream()
                    .filter(curve -> curve.history().peak() <= factor * past.peak()
                            && curve.history().peak() >= past.peak() / factor)
                    .toList();
        }

        private static boolean decayed(RateHistory history) {
            return history.rate(history.steps() - 1) < DECAYED * history.peak();
        }

        Advice advice() {
            List<Candidate> candidates = shapes().stream().map(this::candidate).toList();
            Comparator<Candidate> least = Comparator.comparingDouble(Candidate::effect);
            Candidate best = candidates.stream()
                    .filter(Candidate::supported)
                    .min(least)
                    .orElseGet(() -> candidates.stream().min(least).orElseThrow());
            if (best.effect() >= 0) {
                return Advice.none(
                        "the present schedule is the best of those that the trainer can execute; "
                                + peak.why());
            }
            double after = before + best.effect();
            double[] finals = new double[DRAWS];
            SplittableRandom random = new SplittableRandom(s.seed() + 1);
            Arrays.setAll(finals, i -> after + best.effects()[i] - best.effect()
                    + width * (befores[i] - before + endNoise * random.nextGaussian()));
            double low = Math.min(quantile(finals, (1 - LEVEL) / 2), after);
            double high = Math.max(quantile(finals, 1 - (1 - LEVEL) / 2), after);
            double effectLow = best.quantile((1 - LEVEL) / 2);
            double effectHigh = best.quantile(1 - (1 - LEVEL) / 2);
            return new Advice(
                    best.supported() ? Optional.of(best.shape()) : Optional.empty(),
                    best.supported()
                            ? explanation(best, after, effectLow, effectHigh)
                            : String.format(
                                    Locale.ROOT,
                                    "the evidence does not support a change: the best one would change the final loss by"
                                            + " %+.3f (90 %%: %+.3f to %+.3f), %s; %s",
                                    best.effect(), effectLow, effectHigh, tooLittle(effectHigh), peak.why()),
                    law.toString(), before, after, low, high, effectLow, effectHigh);
        }

        /** The shape with the peak that the rule moves it to; the schedule's own effect and the peak's add up. */
        private Candidate candidate(ScheduleShape shape) {
            RateHistory rates = s.planned()
                    .then(
                            s.resumeStep(), new Continuation.Whole(shape), s.totalSteps());
            double shareLeft = (double) (s.totalSteps() - s.resumeStep()) / s.totalSteps();
            double after = end(law, rates);
            double effect = after * (1 + peak.effect(0, shareLeft)) - before;
            double[] effects = new double[DRAWS];
            SplittableRandom random = new SplittableRandom(s.seed() + 2);
            Arrays.setAll(effects, i -> {
                double error = PeakRule.SPREAD * random.nextGaussian();
                double with = end(draws.get(i), rates) * (1 + peak.effect(error, shareLeft));
                return effect + width * (with - befores[i] - effect) + modelError * random.nextGaussian();
            });
            return new Candidate(shape.times(peak.factor()), rates, effect, effects);
        }

        private String explanation(Candidate best, double after, double effectLow, double effectHigh) {
            ScheduleShape to = best.shape();
            return String.format(
                    Locale.ROOT,
                    "The loss of %d steps%s follows %.2f + %.2f S^-%.2f. At the present schedule it would end at %.3f."
                            + " %s ends at %.3f, a change of %+.3f (90 %%: %+.3f to %+.3f)%s. %s Peak and batch: %s. Risk: a"
                            + " decay cannot be taken back, so keep the checkpoint before step %d to go on for longer; %s.",
                    s.observations().size(),
                    relatives == 0 ? "" : " and of " + relatives + " other runs of this model",
                    law.floor(), law.amplitude(), law.alpha(), before, words(to), after, best.effect(),
                    effectLow,
                    effectHigh,
                    decaySeen
                            ? ""
                            : "; how much a decay gains is taken from published fits, since this run has shown none",
                    bound(after), peak.why(), to.decayStart(),
                    to.peak() > now
                            ? "a higher rate may diverge: a person should approve it"
                            : "the whole interval is a gain, so it may be applied unattended");
        }

        private String words(ScheduleShape to) {
            String level = to.peak() > now
                    ? String.format(Locale.ROOT, "Raising the learning rate from %.1e to %.1e", now,
                            to.peak())
                    : "";
            if (to.low() == to.peak()) {
                return level.isEmpty()
                        ? String.format(Locale.ROOT, "Holding the learning rate at %.1e", to.peak())
                        : level;
            }
            return String.format(
                    Locale.ROOT, "%s the learning rate fall linearly from %.1e at step %d to %.1e at step %d",
                    level.isEmpty() ? "Letting" : level + " and letting", to.peak(), to.decayStart(),
                    to.low(),
                    to.decayEnd());
        }

        /** What a schedule of any falling shape could gain beyond the best of the candidates. */
        private String bound(double after) {
            double free = ScheduleOptimum.find(law, past, s.resumeStep(), s.totalSteps(), now, 1e-3 * now)
                    .loss();
            return String.format(Locale.ROOT, "The best of all falling schedules would end at %.3f.",
                    Math.min(free, after));
        }

        /** Rates that may be gone on with: the present one, and twice it where such a rate has been run at. */
        private List<Double> levels() {
            if (peak.factor() != 1) {
                return List.of(now);
            }
            double known = past.peak();
            for (LossCurve curve : relatives()) {
                known = Math.max(known, curve.history().peak());
            }
            if (s.resumeStep() < s.warmupSteps()) {
                known = Math.max(known, s.planned().peak());
            }
            double raised = Math.min(PeakRule.STEP * now, known);
            return raised > (1 + SAME_RATE) * now ? List.of(now, raised) : List.of(now);
        }

        private List<ScheduleShape> shapes() {
            List<ScheduleShape> shapes = new ArrayList<>();
            int total = s.totalSteps();
            int left = total - s.resumeStep();
            int warmup = Math.min(s.warmupSteps(), s.resumeStep());
            for (double level : levels()) {
                shapes.add(new ScheduleShape(level, level, warmup, total, total));
                for (double share : DECAY_SHARES) {
                    for (double low : LOW_SHARES) {
                        long start = Math.max(warmup, total - Math.round(share * left));
                        shapes.add(new ScheduleShape(level, low * level, warmup, start, total));
                    }
                }
            }
            return shapes;
        }

        /** Mean loss of the last steps. */
        private double end(MultiPowerLaw law, RateHistory rates) {
            return law.loss(rates, Math.max(0, s.totalSteps() - s.lastSteps() / 2 - 1));
        }
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

    private static double quantile(double[] values, double share) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[(int) Math.min(sorted.length - 1L, Math.round(share * (sorted.length - 1)))];
    }
}

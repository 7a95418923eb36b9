package io.longhaul.orchestrator.adapt;

import io.longhaul.laws.Continuation;
import io.longhaul.laws.LossBand;
import io.longhaul.laws.LossCurve;
import io.longhaul.laws.MultiPowerFit;
import io.longhaul.laws.MultiPowerLaw;
import io.longhaul.laws.RateHistory;
import io.longhaul.laws.ScheduleShape;
import io.longhaul.orchestrator.run.Recipe;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What the loss of a run does in the steps that are left, as planned or as designed, with 90 % intervals. Pure. */
public final class RunForecast {
    static final int LEAST_LOSSES = 48;
    static final int LEAST_LEFT = 10;
    private static final int FIT_POINTS = 80;
    private static final int POINTS = 60;
    private static final int LONGEST = 10;
    private static final double MOST_RISE = 2;

    private final RateHistory planned;
    private final int at;
    private final int warmup;
    private final LossBand band;

    private RunForecast(RateHistory planned, int at, int warmup, LossBand band) {
        this.planned = planned;
        this.at = at;
        this.warmup = warmup;
        this.band = band;
    }

    /**
     * A rest of the run that somebody tries out.
     *
     * @param rate up to the decay
     * @param decayStart last step at that rate; at {@code total} there is no decay
     * @param low rate of the last step
     * @param total steps of the whole run
     */
    public record Design(double rate, long decayStart, double low, long total) {}

    /** Columns of one length, steps counted from 1; the last is the run's last step. */
    public record Path(List<Integer> steps, List<Double> learningRate, List<LossBand.At> loss) {
        public LossBand.At end() {
            return loss.getLast();
        }
    }

    /**
     * Fits the law to the run's curve.
     *
     * @param curve training loss of the kept steps, ascending
     * @return nothing while there are fewer than {@value #LEAST_LOSSES} losses after the warm-up, or fewer than
     *     {@value #LEAST_LEFT} steps left
     */
    public static Optional<RunForecast> of(Recipe recipe, List<CurvePoint> curve, long totalSteps,
            long seed) {
        List<CurvePoint> seen = RecipeAdvisor.settled(recipe, curve, totalSteps);
        if (seen.size() < LEAST_LOSSES || totalSteps - seen.getLast().step() < LEAST_LEFT) {
            return Optional.empty();
        }
        int at = Math.toIntExact(seen.getLast().step());
        RateHistory planned = RecipeAdvisor.planned(recipe, curve, at, totalSteps);
        MultiPowerFit fit = MultiPowerFit.of(
                List.of(new LossCurve(
                        planned.until(at), seen.stream().mapToInt(p -> (int) p.step() - 1).toArray(),
                        seen.stream().mapToDouble(CurvePoint::loss).toArray()).smoothed(FIT_POINTS)),
                MultiPowerLaw.Shape.UNSEEN.over(Math.toIntExact(totalSteps)));
        return Optional.of(new RunForecast(planned, at, recipe.warmupSteps(), new LossBand(fit, at, seed)));
    }

    /** Last step that the forecast knows. */
    public int at() {
        return at;
    }

    public int total() {
        return planned.steps();
    }

    /** Rate of the last known step. */
    public double rate() {
        return planned.rate(at - 1);
    }

    public Path planned() {
        return path(planned);
    }

    public Path designed(Design design) {
        return path(rates(design));
    }

    /** Final loss with the design minus the one as planned. */
    public LossBand.At effect(Design design) {
        return band.difference(rates(design), planned);
    }

    /** The design in the trainers' terms. */
    public ScheduleShape shape(Design d) {
        require("total", d.total(), at + LEAST_LEFT, (long) LONGEST * planned.steps());
        require("decayStart", d.decayStart(), at, d.total());
        require("rate", d.rate(), 0, MOST_RISE * planned.peak());
        require("low", d.low(), 0, d.rate());
        return new ScheduleShape(d.rate(), d.low(), Math.min(warmup, at), d.decayStart(), d.total());
    }

    private static void require(String field, double value, double least, double most) {
        if (!(value >= least && value <= most)) {
            throw new IllegalArgumentException(
                    field + " is " + value + ": allowed is " + least + " to " + most);
        }
    }

    private RateHistory rates(Design design) {
        return planned.then(at, new Continuation.Whole(shape(design)), Math.toIntExact(design.total()));
    }

    private Path path(RateHistory rates) {
        List<Integer> steps = new ArrayList<>();
        List<Double> learningRate = new ArrayList<>();
        List<LossBand.At> loss = new ArrayList<>();
        int left = rates.steps() - at;
        int points = Math.min(POINTS, left);
        for (int i = 0; i <= points; i++) {
            int step = at + (int) ((long) i * left / points);
            steps.add(step);
            learningRate.add(rates.rate(step - 1));
            loss.add(band.at(rates, step - 1));
        }
        return new Path(steps, learningRate, loss);
    }
}

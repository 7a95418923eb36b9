package io.longhaul.laws;

import java.util.Locale;
import java.util.Optional;

/**
 * What Step Law says of a run's peak and batch. A peak moves by one doubling at a time, and only towards a best one that
 * lies beyond: too low costs less than too high, and a rate cannot be warmed up again in the middle of a trainer's
 * schedule.
 *
 * @param factor that the peak is multiplied by: a half, one or two
 * @param doublingsBefore above the law's best peak
 * @param doublingsAfter with the factor
 * @param why for people
 */
record PeakRule(double factor, double doublingsBefore, double doublingsAfter, String why) {
    static final double STEP = 2;
    /** Standard deviation of the best peak around its law in doublings, from resampling whole grids. */
    static final double SPREAD = 0.4;

    /** @param scale of the run, if it is known */
    static PeakRule of(double peak, Optional<StepLaw.Scale> known) {
        if (known.isEmpty()) {
            return new PeakRule(1, 0, 0, "the size of the model is not known, so both stay");
        }
        StepLaw.Scale scale = known.get();
        Optional<String> outside = StepLaw.outside(scale);
        if (outside.isPresent()) {
            return new PeakRule(1, 0, 0, outside.get() + ", so both stay");
        }
        double best = StepLaw.learningRate(scale);
        double above = Math.log(peak / best) / Math.log(2);
        double factor = Math.abs(above) < 1 ? 1 : above > 0 ? 1 / STEP : STEP;
        String rates = String.format(
                Locale.ROOT,
                "Step Law's best peak for %.1e weights and %.1e tokens is %.1e, the run's is %.1e",
                scale.parameters(), scale.tokens(), best, peak);
        String move = factor == 1
                ? ", nearer than a factor of two, where the loss is flat: it stays"
                : String.format(Locale.ROOT, ": it moves to %.1e, one doubling at most at a time",
                        factor * peak);
        return new PeakRule(
                factor, above, above + Math.log(factor) / Math.log(2), rates + move + "; " + batch(scale));
    }

    /** Change of the final loss as share of it, if the best peak lies so many doublings above the law's. */
    double effect(double error, double shareLeft) {
        return shareLeft
                * (StepLaw.costOfRate(doublingsAfter - error) - StepLaw.costOfRate(doublingsBefore - error));
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
}

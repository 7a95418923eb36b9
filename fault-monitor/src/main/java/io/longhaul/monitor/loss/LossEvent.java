package io.longhaul.monitor.loss;

import java.util.Locale;

/**
 * Something that the loss or the gradient norm did.
 *
 * @param onset step of the first point that belongs to it; events with the same kind and onset are one event that
 *     became graver
 * @param step step of the point that showed it
 * @param value loss in nats per token, the gradient norm for {@link Kind#EARLY_WARNING}, or the distance between
 *     neighbours for {@link Kind#NOISY}
 * @param baseline what was expected in its place
 * @param deviations distance between the two in standard deviations of the noise; NaN where that says nothing
 */
public record LossEvent(
        Kind kind,
        Grade grade,
        long onset,
        long step,
        double value,
        double baseline,
        double deviations) {
    /** What happened. */
    public enum Kind {
        /** The loss jumped up. */
        SPIKE,
        /** The loss is up and has not come back. */
        DIVERGED,
        /** The loss fell at once, as it does when the data leaks or the numbers are broken. */
        DROPPED,
        /** The loss is a step higher than it was, and stays there. */
        LEVEL,
        /** The loss scatters more than it did, around whatever level. */
        NOISY,
        /** The same value again and again. */
        FROZEN,
        /** The loss, or what it was made from, is not a finite number. */
        NOT_FINITE,
        /** The gradient norm grows while the loss is still in its place. */
        EARLY_WARNING,
        /** The loss stopped falling. */
        PLATEAU,
        /** The loss is back where it was before a spike of at least {@link Grade#MAJOR}. */
        RECOVERED
    }

    /** How bad it is; ascending. */
    public enum Grade {
        /** To be known, not to be acted on. */
        BENIGN,
        /** One point, or little; usually comes back by itself. */
        MINOR,
        /** A real excursion of the optimisation; worth a look at whether it comes back. */
        MAJOR,
        /** It stays: training since the onset is probably lost. */
        CRITICAL
    }

    /** The event in one sentence. */
    public String sentence() {
        String from = String.format(Locale.ROOT, "%.4g where %.4g was expected", value, baseline);
        return switch (kind) {
            case SPIKE -> "the loss jumped at step " + onset
                    + (grade == Grade.CRITICAL ? " and stays up: " : ": ") + from;
            case DIVERGED -> "the loss rose from step " + onset + " on and has not come back: " + from;
            case DROPPED -> "the loss fell at once at step " + onset + ": " + from
                    + "; data that leaks, or broken numbers";
            case LEVEL -> "the loss stepped up at step " + onset + " and stays there: " + from;
            case NOISY ->
                String.format(Locale.ROOT, "the loss scatters %.1f times as much as before since step %d",
                        value / baseline, onset);
            case FROZEN -> "the loss has not changed since step " + onset;
            case NOT_FINITE -> "the loss or the gradient is not finite at step " + onset;
            case EARLY_WARNING -> "the gradient norm grows since step " + onset + ": " + from;
            case PLATEAU -> "the loss has stopped falling since step " + onset;
            case RECOVERED -> "the loss is back after the jump at step " + onset;
        };
    }
}

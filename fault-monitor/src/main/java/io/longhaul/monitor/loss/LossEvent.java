package io.longhaul.monitor.loss;

/**
 * Something that the loss or the gradient norm did.
 *
 * @param onset step of the first point that belongs to it; events with the same kind and onset are one event that
 *     became graver
 * @param step step of the point that showed it
 * @param value loss in nats per token, or the gradient norm for {@link Kind#EARLY_WARNING}
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
        /** The same value again and again. */
        FROZEN,
        /** The loss, or what it was made from, is not a finite number. */
        NOT_FINITE,
        /** The gradient norm grows while the loss is still in its place. */
        EARLY_WARNING,
        /** The loss stopped falling. */
        PLATEAU
    }

    /** How bad it is; ascending. */
    public enum Grade {
        /** To be known, not to be acted on. */
        BENIGN,
        /** One point, or little; usually comes back by itself. */
        MINOR,
        /** A real excursion of the optimisation; worth a look at whether it comes back. */
        MAJOR,
        /** Training since the onset is probably lost. */
        CRITICAL
    }
}

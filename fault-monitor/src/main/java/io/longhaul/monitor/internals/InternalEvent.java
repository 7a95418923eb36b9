package io.longhaul.monitor.internals;

import java.util.Locale;
import java.util.OptionalLong;

/**
 * A quantity of the model that grows.
 *
 * @param onset step from which it grows
 * @param step step that showed it
 * @param before its value then
 * @param reaches step at which it reaches its limit at this pace, if that is known
 */
public record InternalEvent(
        Internal what,
        long onset,
        long step,
        double value,
        double before,
        boolean beyondLimit,
        OptionalLong reaches) {
    /** The event in one sentence. */
    public String sentence() {
        String text = String.format(Locale.ROOT, "the %s grows since step %d: %.4g where it was %.4g",
                what.words(),
                onset, value, before);
        if (beyondLimit) {
            return String.format(Locale.ROOT, "the %s is beyond %.4g at step %d: %.4g", what.words(),
                    what.limit(),
                    step, value);
        }
        return reaches.isPresent()
                ? String.format(Locale.ROOT, "%s; at this pace it is %.4g at step %d", text, what.limit(),
                        reaches.getAsLong())
                : text;
    }
}

package io.longhaul.monitor.steptime;

import java.util.Locale;

/**
 * A change of the time that steps take.
 *
 * @param onset number of the first point that belongs to it, or close to it
 * @param point number of the point that showed it
 * @param ratio step time over the reference
 * @param referenceSeconds what the steps took before
 */
public record StepTimeEvent(Kind kind, long onset, long point, double ratio, double referenceSeconds) {
    /** What happened. */
    public enum Kind {
        /** All steps take longer than before. */
        SLOW,
        /** Steps take longer and longer, little by little. */
        CREEP,
        /** Every few steps one takes much longer; that was not so before. */
        INTERMITTENT,
        /** One step as long as several, as for a checkpoint, an evaluation or a restart. No fault. */
        STALL,
        /** The steps are as fast as before again. */
        RECOVERED;

        /** Somebody should look at it. */
        public boolean fault() {
            return this == SLOW || this == CREEP || this == INTERMITTENT;
        }
    }

    /** The event in one sentence. */
    public String sentence() {
        String times = String.format(Locale.ROOT, "%.2f times %.4g s", ratio, referenceSeconds);
        return switch (kind) {
            case SLOW -> "steps take longer: " + times;
            case CREEP -> "steps take longer and longer: " + times;
            case INTERMITTENT -> "every few steps one takes long: " + times;
            case STALL -> "one step took " + times;
            case RECOVERED -> "steps are as fast as before";
        };
    }
}

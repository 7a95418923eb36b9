package io.longhaul.monitor.steptime;

/**
 * When steps are slow.
 *
 * @param warmUp points that are only learned from
 * @param slow share by which the median of {@value StepTimeMonitor#NEWEST} steps must be above the reference
 * @param sigmas and as many standard deviations of the reference's points
 * @param creep share by which the steps must be above the fastest level so far
 * @param often share of long steps, above the usual share, from which slowness is intermittent
 */
public record StepTimeSettings(int warmUp, double slow, double sigmas, double creep, double often) {
    /** Chosen on recorded runs; {@code longhaul validate detectors} shows what they find there. */
    public static StepTimeSettings usual() {
        return new StepTimeSettings(40, 0.03, 2.5, 0.06, 0.1);
    }
}

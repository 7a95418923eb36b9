package io.longhaul.monitor;

import java.util.Optional;

/**
 * Finds losses that jump up and stay up.
 *
 * <p>The baseline is the median of the last nine losses. It lags behind a falling loss, so descent can only make
 * the detector slower. The scale is the larger of two robust ones: the noise between neighbouring steps, which a
 * trend does not inflate, and the spread of past losses around their baselines, which knows that neighbouring
 * batches of one document resemble each other. A single high loss opens a watch, and only losses that remain
 * high confirm it: most jumps come back within a step or two and need no action. While a watch is open, nothing
 * is learned from the losses.
 *
 * <p>It does not see a slow drift, whose losses become the baseline, nor anything in the first
 * {@link Thresholds.Spike#warmUp()} steps. In 52 recorded runs with 448,388 losses, none of which set a threshold,
 * it reported nothing outside labelled events. Of the 69 labelled there it reported the one upward divergence, the
 * one spike of more than a thousand steps and a short one; the others went back by themselves or were a collapse
 * downwards.
 */
final class SpikeDetector {
    /** @param step first high step; {@code baseline}, {@code limit} and {@code peak} in nats per token */
    record Spike(long step, double baseline, double limit, double peak, double sigma, int highSteps) {}

    private static final int BASELINE = 9;
    private static final int NOISE = 64;
    private static final int SPREAD = 256;
    private static final double SPREAD_SIGMAS = 5;
    /** A reported spike is over after this many losses below its limit in a row. */
    private static final int CALM = 5;
    /** A loss that stays up for so long is the new level. */
    private static final int LEVEL_SHIFT = 200;

    private final Thresholds.Spike settings;
    private final Window losses = new Window(NOISE);
    private final Window changes = new Window(NOISE);
    private final Window residuals = new Window(SPREAD);
    private boolean watching;
    private boolean reported;
    private long onset;
    private double baseline;
    private double limit;
    private double sigma;
    private double peak;
    private int high;
    private int low;
    private int calm;

    SpikeDetector(Thresholds.Spike settings) {
        this.settings = settings;
    }

    /** @param loss finite, in nats per token */
    Optional<Spike> onLoss(long step, double loss) {
        if (watching) {
            return watch(loss);
        }
        if (losses.size() < settings.warmUp()) {
            learn(loss);
            return Optional.empty();
        }
        measure();
        if (loss <= limit) {
            learn(loss);
            return Optional.empty();
        }
        watching = true;
        reported = false;
        onset = step;
        peak = loss;
        high = 1;
        low = 0;
        calm = 0;
        return confirmed();
    }

    private Optional<Spike> watch(double loss) {
        if (loss > limit) {
            high++;
            calm = 0;
            peak = Math.max(peak, loss);
        } else {
            low++;
            calm++;
        }
        if (reported) {
            if (calm >= CALM) {
                watching = false;
            } else if (high + low >= LEVEL_SHIFT) {
                watching = false;
                losses.clear();
                changes.clear();
                residuals.clear();
            }
            return Optional.empty();
        }
        if (low > 1) {
            watching = false;
            learn(Math.min(loss, limit));
            return Optional.empty();
        }
        return confirmed();
    }

    private Optional<Spike> confirmed() {
        if (high < settings.confirmations()) {
            return Optional.empty();
        }
        reported = true;
        return Optional.of(new Spike(onset, baseline, limit, peak, sigma, high));
    }

    private void measure() {
        baseline = Medians.median(losses.newest(BASELINE));
        double noise = Medians.NORMAL * Medians.median(changes.all()) / Math.sqrt(2);
        double spread = residuals.size() < NOISE / 2
                ? 0
                : Medians.NORMAL * Medians.deviation(residuals.all(), Medians.median(residuals.all()));
        sigma = Math.max(noise, spread);
        limit = baseline
                + Math.max(settings.minNats(), Math.max(settings.sigmas() * noise, SPREAD_SIGMAS * spread));
    }

    private void learn(double loss) {
        if (losses.size() > 0) {
            changes.add(Math.abs(loss - losses.last()));
        }
        if (losses.size() >= BASELINE) {
            residuals.add(loss - Medians.median(losses.newest(BASELINE)));
        }
        losses.add(loss);
    }
}

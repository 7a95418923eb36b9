package io.longhaul.monitor.loss;

import io.longhaul.monitor.loss.LossEvent.Grade;
import io.longhaul.monitor.loss.LossEvent.Kind;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Watches the loss of one run, point by point in the order of training.
 *
 * <p>What it says of a point depends on that point and earlier ones alone. Points whose step is not above the last
 * one are passed over, so lines that arrive twice or late change nothing; after a restart from a checkpoint begin
 * with a new monitor.
 */
public final class LossMonitor {
    /** A loss scale that has been this high and is down to one has nowhere left to go. */
    private static final double SCALE = 16;

    private final ExcursionDetector excursions;
    private final FirstPointsDetector firstPoints;
    private final DriftDetector drift;
    private final LevelDetector level;
    private final NoiseDetector noise;
    private final FrozenDetector frozen = new FrozenDetector();
    private final PlateauDetector plateau = new PlateauDetector();
    private final GradientDetector gradient = new GradientDetector();
    private long lastStep = Long.MIN_VALUE;
    private double highestScale;
    private boolean notFinite;

    public LossMonitor(LossSettings settings) {
        excursions = new ExcursionDetector(settings);
        firstPoints = new FirstPointsDetector(settings.warmUp());
        drift = new DriftDetector(settings.driftSigmas());
        level = new LevelDetector(settings.level());
        noise = new NoiseDetector(settings.noise());
    }

    /** The events that this point begins or makes graver, usually none. */
    public List<LossEvent> onPoint(LossPoint point) {
        if (point.step() <= lastStep) {
            return List.of();
        }
        lastStep = point.step();
        List<LossEvent> events = new ArrayList<>(0);
        double scale = point.lossScale().orElse(Double.NaN);
        highestScale = scale > highestScale ? scale : highestScale;
        double loss = point.loss().orElse(0);
        if (!LossPoint.finite(loss) || point.nanSteps() > 0 || scale <= 1 && highestScale >= SCALE) {
            if (!notFinite) {
                events.add(
                        new LossEvent(
                                Kind.NOT_FINITE, Grade.CRITICAL, point.step(), point.step(),
                                point.loss().orElse(Double.NaN), Double.NaN, Double.NaN));
            }
            notFinite = true;
            return events;
        }
        notFinite = false;
        boolean quiet = !excursions.open();
        if (point.loss().isPresent()) {
            onLoss(point.step(), loss, events);
        }
        LossEvent warning = gradient.onNorm(point.step(), point.gradientNorm().orElse(Double.NaN));
        // After the loss the norm is no warning any more.
        if (quiet && !excursions.open()) {
            add(events, warning);
        }
        return events;
    }

    private void onLoss(long step, double loss, List<LossEvent> events) {
        LossEvent excursion = excursions.onLoss(step, loss);
        add(events, excursion);
        add(events, noise.onLoss(step, loss));
        add(events, firstPoints.onLoss(step, loss));
        add(events, frozen.onLoss(step, loss));
        if (excursion != null && (excursion.kind() == Kind.DIVERGED || excursion.kind() == Kind.DROPPED)) {
            drift.newLevel();
            level.newLevel();
        } else if (!excursions.open() && !frozen.frozen()) {
            add(events, drift.onLoss(step, loss));
            add(events, level.onLoss(step, loss));
            add(events, plateau.onLoss(step, loss));
        }
    }

    private static void add(List<LossEvent> events, @Nullable LossEvent event) {
        if (event != null) {
            events.add(event);
        }
    }
}

package io.longhaul.monitor;

import io.longhaul.monitor.loss.LossEvent;
import io.longhaul.monitor.loss.LossEvent.Grade;
import io.longhaul.monitor.loss.LossMonitor;
import io.longhaul.monitor.loss.LossPoint;
import io.longhaul.monitor.loss.LossSettings;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * What the loss of an attempt tells.
 *
 * <p>An attempt that goes on from a checkpoint knows the losses before it: what is usual needs not be learned anew, so
 * its first steps are judged like all others.
 */
final class LossFindings {
    private final LossMonitor monitor;

    /** @param earlier losses of the steps that the attempt goes on from, ascending by step */
    LossFindings(LossSettings settings, List<LossPoint> earlier) {
        monitor = new LossMonitor(settings);
        earlier.forEach(monitor::onPoint);
    }

    /** @param s a step that made an update */
    List<Finding> onStep(Signal.Step s) {
        boolean gradientFinite = Double.isFinite(s.gradientNorm().orElse(0));
        long notFinite = gradientFinite ? s.notFiniteSteps() : Math.max(1, s.notFiniteSteps());
        LossPoint point = new LossPoint(s.step(), OptionalDouble.of(s.loss()), s.gradientNorm(),
                s.lossScale(),
                notFinite);
        return monitor.onPoint(point).stream().map(event -> finding(s, event)).toList();
    }

    private static Finding finding(Signal.Step s, LossEvent e) {
        Map<String, String> evidence = new LinkedHashMap<>();
        boolean norm = e.kind() == LossEvent.Kind.EARLY_WARNING;
        String value = norm
                ? "gradient norm"
                : e.kind() == LossEvent.Kind.NOISY ? "distance between neighbours" : "loss";
        evidence.put(value, decimal(e.value()));
        if (Double.isFinite(e.baseline())) {
            evidence.put("expected", decimal(e.baseline()));
        }
        if (Double.isFinite(e.deviations())) {
            evidence.put("standard deviations above", decimal(e.deviations()));
        }
        if (e.step() != e.onset()) {
            evidence.put("seen at step", Long.toString(e.step()));
        }
        if (!norm) {
            s.gradientNorm().ifPresent(size -> evidence.put("gradient norm", decimal(size)));
        }
        s.lossScale().ifPresent(scale -> evidence.put("loss scale", decimal(scale)));
        return new Finding(kind(e.kind()), grade(s, e), s.at(), OptionalLong.of(e.onset()),
                OptionalInt.empty(),
                summary(s, e), evidence);
    }

    /** Steps that were not finite and made no update leave the weights as they were. */
    private static Grade grade(Signal.Step s, LossEvent e) {
        boolean passed = e.kind() == LossEvent.Kind.NOT_FINITE && LossPoint.finite(s.loss())
                && Double.isFinite(s.gradientNorm().orElse(0)) && s.lossScale().orElse(2) > 1;
        return passed ? Grade.MAJOR : e.grade();
    }

    private static String summary(Signal.Step s, LossEvent e) {
        if (e.kind() != LossEvent.Kind.NOT_FINITE) {
            return e.sentence();
        }
        if (!LossPoint.finite(s.loss())) {
            return "the loss is not finite at step " + s.step();
        }
        if (!Double.isFinite(s.gradientNorm().orElse(0))) {
            return "the gradient is not finite at step " + s.step();
        }
        return s.notFiniteSteps() > 0
                ? s.notFiniteSteps() + " of the steps up to step " + s.step() + " were not finite"
                : "the loss scale is down to " + decimal(s.lossScale().orElse(1)) + " at step " + s.step();
    }

    private static Finding.Kind kind(LossEvent.Kind kind) {
        return switch (kind) {
            case SPIKE -> Finding.Kind.SPIKE;
            case DIVERGED -> Finding.Kind.DIVERGED;
            case DROPPED -> Finding.Kind.DROPPED;
            case LEVEL -> Finding.Kind.LEVEL;
            case NOISY -> Finding.Kind.NOISY;
            case FROZEN -> Finding.Kind.FROZEN;
            case NOT_FINITE -> Finding.Kind.NAN;
            case EARLY_WARNING -> Finding.Kind.EARLY_WARNING;
            case PLATEAU -> Finding.Kind.PLATEAU;
            case RECOVERED -> Finding.Kind.SPIKE_OVER;
        };
    }

    static String decimal(double value) {
        return String.format(Locale.ROOT, "%.4g", value);
    }
}

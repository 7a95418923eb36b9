package io.longhaul.monitor;

import io.longhaul.monitor.Finding.Kind;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * Loss spikes: several steps in a row far above the recent median, in units of the median absolute deviation
 * (robust against the spike itself). One outlier is forgotten, and a falling loss is never a spike.
 */
final class SpikeDetector {
    private static final int WINDOW = 48;
    private static final int HISTORY = 20;
    /** Makes the median absolute deviation an estimate of a normal standard deviation. */
    private static final double NORMAL = 1.4826;

    private final Thresholds thresholds;
    private final Deque<Double> clean = new ArrayDeque<>();
    private final List<Signal.Step> suspects = new ArrayList<>();
    private boolean fired;

    SpikeDetector(Thresholds thresholds) {
        this.thresholds = thresholds;
    }

    Optional<Finding> accept(Signal.Step step) {
        if (fired || step.skippedUpdate() || !Double.isFinite(step.loss())) {
            return Optional.empty();
        }
        if (clean.size() < HISTORY || step.loss() <= limit()) {
            suspects.forEach(s -> remember(Math.min(s.loss(), limit())));
            suspects.clear();
            remember(step.loss());
            return Optional.empty();
        }
        suspects.add(step);
        if (suspects.size() < thresholds.spikeSteps()) {
            return Optional.empty();
        }
        fired = true;
        return Optional.of(finding(step));
    }

    private Finding finding(Signal.Step last) {
        Signal.Step first = suspects.getFirst();
        double peak = suspects.stream().mapToDouble(Signal.Step::loss).max().orElseThrow();
        Map<String, String> evidence = new LinkedHashMap<>();
        evidence.put("loss before (median)", nats(median()));
        evidence.put("robust deviation", nats(deviation()));
        evidence.put("limit", nats(limit()));
        evidence.put("highest loss", nats(peak));
        evidence.put("steps above the limit", first.step() + " to " + last.step());
        return new Finding(
                Kind.SPIKE,
                last.at(),
                OptionalLong.of(first.step()),
                OptionalInt.empty(),
                String.format(
                        Locale.ROOT, "loss rose from %.2f to %.2f at step %d and stayed up for %d steps",
                        median(),
                        peak, first.step(), suspects.size()),
                evidence);
    }

    private static String nats(double value) {
        return String.format(Locale.ROOT, "%.4f", value);
    }

    private double limit() {
        return median() + Math.max(thresholds.spikeDeviations() * deviation(), thresholds.spikeNats());
    }

    private double median() {
        return Medians.of(clean.stream().mapToDouble(Double::doubleValue).toArray());
    }

    private double deviation() {
        double center = median();
        return NORMAL * Medians.of(clean.stream().mapToDouble(loss -> Math.abs(loss - center)).toArray());
    }

    private void remember(double loss) {
        clean.addLast(loss);
        if (clean.size() > WINDOW) {
            clean.removeFirst();
        }
    }
}

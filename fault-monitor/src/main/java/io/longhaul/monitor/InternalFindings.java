package io.longhaul.monitor;

import static io.longhaul.monitor.LossFindings.decimal;

import io.longhaul.monitor.internals.GrowthDetector;
import io.longhaul.monitor.internals.Internal;
import io.longhaul.monitor.internals.InternalEvent;
import io.longhaul.monitor.loss.LossEvent.Grade;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;

/** Early warnings from what the model shows of itself. */
final class InternalFindings {
    private final Map<Internal, GrowthDetector> detectors = new EnumMap<>(Internal.class);

    List<Finding> accept(Signal.ModelInternals s) {
        List<Finding> findings = new ArrayList<>(0);
        for (Internal.Reading reading : s.readings()) {
            InternalEvent event = detectors.computeIfAbsent(reading.what(), GrowthDetector::new)
                    .onValue(s.step(), reading.value());
            if (event != null) {
                findings.add(finding(s.at(), event));
            }
        }
        return findings;
    }

    private static Finding finding(Instant at, InternalEvent event) {
        Map<String, String> evidence = new LinkedHashMap<>();
        evidence.put(event.what().words(), decimal(event.value()));
        evidence.put("before", decimal(event.before()));
        evidence.put("seen at step", Long.toString(event.step()));
        event.reaches().ifPresent(step -> evidence.put("at its limit at step", Long.toString(step)));
        return new Finding(Finding.Kind.EARLY_WARNING, event.beyondLimit() ? Grade.MINOR : Grade.BENIGN, at,
                OptionalLong.of(event.onset()), OptionalInt.empty(), event.sentence(), evidence);
    }
}

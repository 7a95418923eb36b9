package io.longhaul.monitor;

import io.longhaul.monitor.log.LogRule;
import io.longhaul.monitor.log.LogRules;
import io.longhaul.monitor.log.RootCause;
import io.longhaul.monitor.log.RootCause.Stream;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** The lines of an attempt that tell of a fault, and which of the newest named the cause. */
final class LogEvidence {
    /** Older lines have nothing to do with what happens now. */
    private static final Duration BEFORE = Duration.ofMinutes(10);
    private static final int LINES = 512;

    private final LogRules rules = LogRules.builtIn();
    private final Deque<Line> lines = new ArrayDeque<>();
    private final Map<String, Instant> told = new HashMap<>();

    private record Line(Instant at, int rank, String text) {}

    /** The rule of a line that names a cause of its own; each label once in a while, whoever says it. */
    Optional<LogRule> accept(Signal.LogLine line) {
        Optional<LogRule> rule = rules.match(line.text()).filter(LogRule::fault);
        if (rule.isEmpty()) {
            return Optional.empty();
        }
        lines.addLast(new Line(line.at(), line.rank(), line.text()));
        if (lines.size() > LINES) {
            lines.removeFirst();
        }
        String label = rule.get().label().name();
        Instant before = told.get(label);
        boolean quiet = before != null && before.plus(BEFORE).isAfter(line.at());
        if (quiet || rule.get().role() != LogRule.Role.ROOT) {
            return Optional.empty();
        }
        told.put(label, line.at());
        return rule;
    }

    /** The line that named the cause of what happened at this time, if any did. */
    Optional<RootCause.Line> blamed(Instant at) {
        RootCause cause = new RootCause(rules);
        for (Line line : lines) {
            if (line.at.isAfter(at.minus(BEFORE))) {
                cause.accept(line.at.toEpochMilli() / 1e3, Stream.of(line.text), line.rank, line.text);
            }
        }
        return cause.blamed();
    }
}

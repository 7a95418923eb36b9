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
import java.util.OptionalInt;

/** The lines of an attempt that tell of a fault, and which of the newest named the cause. */
final class LogEvidence {
    /** Older lines have nothing to do with what happens now. */
    private static final Duration BEFORE = Duration.ofMinutes(10);
    private static final int LINES = 512;

    private final LogRules rules = LogRules.builtIn();
    private final Deque<Line> lines = new ArrayDeque<>();
    private final Map<String, Instant> told = new HashMap<>();

    private record Line(Instant at, RootCause.Line line) {}

    /** The rule of a line that names a cause of its own; each label once in a while, whoever says it. */
    Optional<LogRule> accept(Signal.LogLine line) {
        return rules.match(line.text())
                .filter(LogRule::fault)
                .filter(rule -> noted(line.at(), Stream.of(line.text()), line.rank(), OptionalInt.empty(),
                        line.text(), rule));
    }

    /** The same of a line that a node's kernel wrote. */
    Optional<LogRule> accept(Signal.NodeLine line) {
        return rules.match(line.text())
                .filter(LogRule::fault)
                .filter(rule -> onNode(line.at(), line.node(), rule, line.text()));
    }

    /** Takes in what a node's instruments tell; whether it names a cause of its own, not told of that node lately. */
    boolean onNode(Instant at, int node, LogRule rule, String text) {
        return noted(at, Stream.KERNEL, -1, OptionalInt.of(node), text, rule);
    }

    /** Whether a line names a cause of its own that was not told of lately. */
    private boolean noted(Instant at, Stream stream, int rank, OptionalInt node, String text, LogRule rule) {
        lines.addLast(new Line(at, new RootCause.Line(seconds(at), stream, rank, node, text, rule)));
        if (lines.size() > LINES) {
            lines.removeFirst();
        }
        String label = rule.label().name() + (node.isPresent() ? "@" + node.getAsInt() : "");
        Instant before = told.get(label);
        boolean quiet = before != null && Duration.between(before, at).compareTo(BEFORE) < 0;
        if (quiet || rule.role() != LogRule.Role.ROOT) {
            return false;
        }
        told.put(label, at);
        return true;
    }

    private static double seconds(Instant at) {
        return at.getEpochSecond() + at.getNano() / 1e9;
    }

    /** The line that named the cause of what happened at this time, if any did. */
    Optional<RootCause.Line> blamed(Instant at) {
        RootCause cause = new RootCause(rules);
        for (Line line : lines) {
            if (Duration.between(line.at, at).compareTo(BEFORE) < 0) {
                cause.accept(line.line);
            }
        }
        return cause.blamed();
    }
}

package io.longhaul.monitor.log;

import io.longhaul.monitor.log.LogRule.Role;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Pattern;

/**
 * Which of the lines of many ranks named the cause.
 *
 * <p>Lines of the kernel and the scheduler beat those of workers, also when they arrive later, since they saw what
 * the workers only felt. Among equals the first in time counts. Consequences count only if there is no cause.
 */
public final class RootCause {
    /** Where a line came from. */
    public enum Stream {
        WORKER, KERNEL, SCHEDULER;

        /** The stream of a line that came without one: drivers and the kernel sign theirs. */
        public static Stream of(String line) {
            return KERNEL_LINE.matcher(line).find() ? KERNEL : WORKER;
        }

        private static final Pattern KERNEL_LINE = Pattern.compile("\\b(NVRM: |kernel: |SXid )");
    }

    /**
     * A line that tells of a fault.
     *
     * @param seconds when it was written
     * @param rank that wrote it; -1 for a line of a node
     * @param node whose kernel or instruments told of it, where that is known
     */
    public record Line(
            double seconds,
            Stream stream,
            int rank,
            OptionalInt node,
            String text,
            LogRule rule) {}

    private final LogRules rules;
    private Optional<Line> blamed = Optional.empty();

    public RootCause(LogRules rules) {
        this.rules = rules;
    }

    /** Takes in one more line, in any order. */
    public void accept(double seconds, Stream stream, int rank, String text) {
        rules.match(text)
                .filter(LogRule::fault)
                .ifPresent(rule -> accept(new Line(seconds, stream, rank, OptionalInt.empty(), text, rule)));
    }

    /** Takes in a line whose rule is known, in any order. */
    public void accept(Line line) {
        if (line.rule.fault() && (blamed.isEmpty() || before(line, blamed.get()))) {
            blamed = Optional.of(line);
        }
    }

    private static boolean before(Line line, Line other) {
        int weight = weight(line);
        int otherWeight = weight(other);
        return weight != otherWeight ? weight > otherWeight : line.seconds < other.seconds;
    }

    private static int weight(Line line) {
        boolean root = line.rule.role() == Role.ROOT;
        return !root ? 0 : line.stream == Stream.WORKER ? 1 : 2;
    }

    /** The line that is blamed so far. */
    public Optional<Line> blamed() {
        return blamed;
    }
}

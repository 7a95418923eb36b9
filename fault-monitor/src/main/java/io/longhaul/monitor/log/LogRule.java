package io.longhaul.monitor.log;

import java.util.regex.Pattern;

/**
 * A kind of line.
 *
 * @param source where such lines come from
 */
public record LogRule(Role role, LogLabel label, String source, Pattern pattern) {
    /** What a line is good for. */
    public enum Role {
        /** Names a cause. */
        ROOT,
        /** Usually follows from something else; the cause only if nothing else is found. */
        CONSEQUENCE,
        /** Looks like an error and is none. */
        BENIGN,
        /** General advice that is printed with errors; never a cause. */
        HINT
    }

    /** The line tells of a fault. */
    public boolean fault() {
        return role == Role.ROOT || role == Role.CONSEQUENCE;
    }
}

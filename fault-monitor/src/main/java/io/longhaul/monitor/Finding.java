package io.longhaul.monitor;

import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * What a detector concluded.
 *
 * @param step first step concerned, where there is one
 * @param rank rank concerned, where there is one
 * @param summary one sentence for the person on call
 * @param evidence the figures behind it, in the order in which they are shown
 */
public record Finding(
        Kind kind,
        Instant at,
        OptionalLong step,
        OptionalInt rank,
        String summary,
        Map<String, String> evidence) {
    public Finding {
        evidence = new LinkedHashMap<>(evidence);
    }

    /**
     * {@code RECOVERED} closes an earlier {@code SLOW_RANK} of the same rank; {@code UNREACHABLE} says that a node is
     * silent, not that it is broken.
     */
    public enum Kind {
        SPIKE, NAN, STALLED, EXITED, SLOW_RANK, RECOVERED, UNREACHABLE
    }
}

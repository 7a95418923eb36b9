package io.longhaul.monitor.response;

import io.longhaul.monitor.Finding;
import java.time.Duration;
import java.util.Collection;
import java.util.EnumSet;
import java.util.List;

/**
 * Which findings are about one and the same trouble, and how certain they make it together.
 *
 * <p>Findings belong together if they are of one family and follow each other closely; those that name a rank or a node,
 * if it is the same.
 */
public final class Trouble {
    /** A finding that comes later than this after the last one of the trouble is about something else. */
    static final Duration APART = Duration.ofMinutes(10);

    private Trouble() {}

    /** What can explain each other. */
    private enum Family {
        LOSS, SPEED, END, CONTACT
    }

    private static Family family(Finding.Kind kind) {
        return switch (kind) {
            case SPIKE, NAN, DIVERGED, DROPPED, FROZEN, LEVEL, NOISY, EARLY_WARNING, PLATEAU, SPIKE_OVER ->
                Family.LOSS;
            case SLOW_STEPS, SLOW_RANK, RECOVERED -> Family.SPEED;
            case STALLED, EXITED, FAULT_LINE, NODE_FAULT -> Family.END;
            case UNREACHABLE -> Family.CONTACT;
        };
    }

    /** Whether the later of two findings of an attempt belongs to the trouble that the earlier one told of. */
    public static boolean same(Finding earlier, Finding later) {
        boolean ranks = earlier.rank().isEmpty() || later.rank().isEmpty()
                || earlier.rank().equals(later.rank());
        String node = earlier.evidence().get("node");
        String other = later.evidence().get("node");
        boolean nodes = node == null || other == null || node.equals(other);
        return family(earlier.kind()) == family(later.kind()) && ranks && nodes
                && Duration.between(earlier.at(), later.at()).compareTo(APART) <= 0;
    }

    /** The findings before this one that are signs of the same trouble, oldest first. */
    public static List<Finding> signs(List<Finding> before, Finding finding) {
        return before.stream().filter(one -> same(one, finding)).toList();
    }

    /**
     * Probability that a trouble which these findings tell of is real, taking their errors for independent.
     *
     * @param kinds each kind counts once
     * @return in [0, 1)
     */
    public static double confidence(Collection<Finding.Kind> kinds) {
        double allWrong = 1;
        for (Finding.Kind kind : kinds.isEmpty() ? kinds : EnumSet.copyOf(kinds)) {
            allWrong *= 1 - precision(kind);
        }
        return 1 - allWrong;
    }

    /**
     * Share of such findings that were right on the recorded runs, as {@code longhaul validate detectors} counts them:
     * (right + 1) / (all + 2). What was not recorded counts as a coin toss, what is seen directly as certain.
     */
    private static double precision(Finding.Kind kind) {
        return switch (kind) {
            case SPIKE -> 67 / 69.0;
            case SLOW_STEPS -> 8 / 11.0;
            case SLOW_RANK -> 33 / 34.0;
            case FAULT_LINE -> 148 / 149.0;
            case DIVERGED, DROPPED, FROZEN, NOISY, LEVEL -> 11 / 12.0;
            case NAN, STALLED, EXITED, UNREACHABLE, NODE_FAULT -> 0.999;
            case EARLY_WARNING, PLATEAU -> 0.5;
            case SPIKE_OVER, RECOVERED -> 0;
        };
    }
}

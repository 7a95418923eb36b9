package io.longhaul.monitor;

import io.longhaul.monitor.log.LogLabel;
import io.longhaul.monitor.log.LogLabel.Suspect;
import io.longhaul.monitor.loss.LossEvent.Grade;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * What a detector concluded.
 *
 * @param step first step concerned, where there is one
 * @param rank rank concerned, where there is one
 * @param summary one sentence for the person on call
 * @param evidence the figures behind it, in the order in which they are shown
 * @param ratio how many times as much as usual, where that says something
 * @param suspect who is to be looked at, as far as the log tells
 */
public record Finding(
        Kind kind,
        Grade grade,
        Instant at,
        OptionalLong step,
        OptionalInt rank,
        String summary,
        Map<String, String> evidence,
        OptionalDouble ratio,
        Suspect suspect) {
    public Finding {
        evidence = new LinkedHashMap<>(evidence);
    }

    /** A finding as grave as its kind usually is. */
    public Finding(Kind kind, Instant at, OptionalLong step, OptionalInt rank, String summary,
            Map<String, String> evidence) {
        this(kind, kind.grade, at, step, rank, summary, evidence);
    }

    Finding(Kind kind, Grade grade, Instant at, OptionalLong step, OptionalInt rank, String summary,
            Map<String, String> evidence) {
        this(kind, grade, at, step, rank, summary, evidence, OptionalDouble.empty(), Suspect.NONE);
    }

    Finding withRatio(double times) {
        return new Finding(kind, grade, at, step, rank, summary, evidence, OptionalDouble.of(times), suspect);
    }

    Finding suspecting(Suspect who) {
        return new Finding(kind, grade, at, step, rank, summary, evidence, ratio, who);
    }

    /**
     * What a node's kernel, instruments or cluster tell of it: as grave as it usually is if the node is suspected, else
     * a sign.
     *
     * @param node number of the node within the attempt
     */
    public static Finding ofNode(Instant at, int node, LogLabel label, String seen) {
        Map<String, String> evidence = new LinkedHashMap<>();
        evidence.put("node", Integer.toString(node));
        evidence.put("seen", seen);
        evidence.put("label", label.name());
        evidence.put("family", label.family());
        evidence.put("component", label.scope());
        evidence.put("suspect", label.suspect().name().toLowerCase(Locale.ROOT));
        Grade grade = label.suspect() == Suspect.NODE ? Grade.MAJOR : Grade.MINOR;
        return new Finding(Kind.NODE_FAULT, grade, at, OptionalLong.empty(), OptionalInt.empty(),
                "node " + node + " shows " + label.name() + " (" + seen + "): " + label.action(), evidence,
                OptionalDouble.empty(), label.suspect());
    }

    /** Something should be done, or be looked at; lesser findings are kept as signs. */
    public boolean alarm() {
        return grade.compareTo(Grade.MAJOR) >= 0;
    }

    /** What was found, and how grave it usually is. */
    public enum Kind {
        SPIKE(Grade.CRITICAL), NAN(Grade.CRITICAL),
        /** The loss rose and has not come back. */
        DIVERGED(Grade.CRITICAL),
        /** The loss fell at once. */
        DROPPED(Grade.CRITICAL),
        /** The loss does not change at all. */
        FROZEN(Grade.CRITICAL),
        /** The gradient norm grows while the loss is in its place. */
        EARLY_WARNING(Grade.BENIGN), PLATEAU(Grade.BENIGN),
        /** The loss is a step higher than it was. */
        LEVEL(Grade.MINOR),
        /** The loss scatters more than it did. */
        NOISY(Grade.MINOR),
        /** An earlier {@code SPIKE} has come back by itself. */
        SPIKE_OVER(Grade.BENIGN),
        /** All steps take longer. */
        SLOW_STEPS(Grade.MINOR), STALLED(Grade.CRITICAL), EXITED(Grade.CRITICAL), SLOW_RANK(Grade.MAJOR),
        /** Closes an earlier {@code SLOW_RANK} of the same rank. */
        RECOVERED(Grade.BENIGN),
        /** A log line that names a cause of trouble. */
        FAULT_LINE(Grade.MINOR),
        /** A node's own kernel or instruments tell of trouble. */
        NODE_FAULT(Grade.MAJOR),
        /** A node is silent, which does not mean that it is broken. */
        UNREACHABLE(Grade.MAJOR);

        private final Grade grade;

        Kind(Grade grade) {
            this.grade = grade;
        }
    }
}

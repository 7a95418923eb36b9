package io.longhaul.monitor.response;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * What the run knows when it decides.
 *
 * @param lastStep last step that was logged
 * @param verifiedSteps steps of the checkpoints that were read back and found whole, in any order
 * @param ranks ranks that stand still while the run does; each is a GPU
 * @param stepSeconds usual length of a step, 0 if not known
 * @param restartSeconds from the end of an attempt to the first step of the next
 * @param spareNodes nodes that could take another's place
 * @param readsAgain the trainer cannot leave out data: what it goes back over it reads again
 * @param past what was done about earlier findings, oldest first
 */
public record Situation(
        Instant now,
        long lastStep,
        List<Long> verifiedSteps,
        Optional<SuspectData> suspectData,
        int ranks,
        double stepSeconds,
        double restartSeconds,
        int spareNodes,
        boolean readsAgain,
        List<Past> past) {
    public Situation {
        verifiedSteps = List.copyOf(verifiedSteps);
        past = List.copyOf(past);
        if (ranks < 1 || !(stepSeconds >= 0) || !(restartSeconds >= 0) || spareNodes < 0) {
            throw new IllegalArgumentException(
                    "needs ranks >= 1, stepSeconds >= 0, restartSeconds >= 0 and spareNodes >= 0, got "
                            + ranks + ", "
                            + stepSeconds + ", " + restartSeconds + " and " + spareNodes);
        }
    }

    /** Steps {@code from} to {@code to}, both included. */
    public record Steps(long from, long to) {
        public Steps {
            if (from < 1 || to < from) {
                throw new IllegalArgumentException(
                        "steps must be 1 <= from <= to, got " + from + " to " + to);
            }
        }
    }

    /** Data that was being read when the damage began: the steps that read it, and its shard. */
    public record SuspectData(Steps steps, Optional<String> shard) {}

    /** @param newestCheckpoint newest verified checkpoint at that time, 0 for none */
    public record Past(Instant at, Action action, long newestCheckpoint) {}

    /** The newest verified checkpoint; 0, the beginning, if there is none. */
    public long newestCheckpoint() {
        return checkpointAtOrBefore(Long.MAX_VALUE);
    }

    /** The newest verified checkpoint at or before a step; 0, the beginning, if there is none. */
    long checkpointAtOrBefore(long step) {
        return verifiedSteps.stream().mapToLong(Long::longValue).filter(s -> s <= step).max().orElse(0);
    }

    /** GPU-seconds until the run is where it is now, if it goes back to a step. */
    double costOfGoingBackTo(long step) {
        return ranks * (restartSeconds + stepSeconds * Math.max(0, lastStep - step));
    }

    /** GPU-seconds of so many steps. */
    double costOfSteps(double steps) {
        return ranks * stepSeconds * steps;
    }
}

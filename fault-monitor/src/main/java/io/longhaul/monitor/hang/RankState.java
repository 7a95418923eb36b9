package io.longhaul.monitor.hang;

/**
 * What is known of a rank when the job has stopped.
 *
 * @param group ranks that take part in the same collectives, such as a process group's id
 * @param entered number of the last collective of that group that the rank entered, counted alike on all of them
 * @param finished number of the last one that it finished, at most {@code entered}
 * @param phase what it was doing
 * @param reporting it still reports, whatever it says
 */
public record RankState(int rank, int group, long entered, long finished, Phase phase, boolean reporting) {
    public RankState {
        if (finished > entered) {
            throw new IllegalArgumentException(
                    "rank " + rank + " cannot finish collective " + finished + " after entering " + entered);
        }
    }

    /** Parts of a step, as far as they can hang on their own. */
    public enum Phase {
        DATA, COMPUTE, COLLECTIVE, CHECKPOINT, EVALUATION, UNKNOWN
    }
}

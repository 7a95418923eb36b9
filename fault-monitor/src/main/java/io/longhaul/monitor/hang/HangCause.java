package io.longhaul.monitor.hang;

import java.util.List;

/**
 * Why a job hangs.
 *
 * @param ranks those that the others wait for; empty where nobody in particular can be blamed
 */
public record HangCause(Kind kind, List<Integer> ranks, String text) {
    public HangCause {
        ranks = List.copyOf(ranks);
    }

    /** What is to be looked at. */
    public enum Kind {
        /** Some ranks wait for their data. */
        DATA_LOADER,
        /** Some ranks, or all, are writing or reading a checkpoint. */
        CHECKPOINT,
        /** Some ranks compute, and the others are done. */
        RANK_BEHIND,
        /** Some ranks say nothing any more, and the others wait for them. */
        RANK_SILENT,
        /** All have entered the collective and it does not end. */
        NETWORK,
        /** Ranks are in different places and no minority explains it: their programs disagree. */
        MISMATCH,
        /** Nobody reports: what is broken may be the reporting. */
        NO_TELEMETRY,
        /** Nothing is in anybody's way. */
        UNKNOWN
    }
}

package io.longhaul.monitor.goodput;

import java.util.Arrays;

/**
 * What share of a recorded stretch of time a job would have trained, failure by failure, bursts included.
 *
 * <p>The job saves after every interval of training; a failure costs the work since the last save and a restart,
 * which the next failure may interrupt.
 */
public final class TraceReplay {
    private TraceReplay() {}

    /**
     * @param failures times of failures in seconds from the beginning, in any order; those outside are left out
     * @param totalSeconds length of the record, above 0
     * @param intervalSeconds training between two saves, above 0
     * @return effective training time ratio, in [0, 1]
     */
    public static double share(double[] failures, double totalSeconds, double intervalSeconds,
            CheckpointInterval job) {
        if (!(totalSeconds > 0) || !(intervalSeconds > 0)) {
            throw new IllegalArgumentException(
                    "needs totalSeconds > 0 and intervalSeconds > 0, got " + totalSeconds + " and "
                            + intervalSeconds);
        }
        double[] sorted = Arrays.stream(failures).filter(t -> t >= 0 && t < totalSeconds).sorted().toArray();
        double kept = 0;
        double begin = 0;
        double round = intervalSeconds + job.saveSeconds();
        for (int i = 0; i <= sorted.length; i++) {
            double end = i < sorted.length ? sorted[i] : totalSeconds;
            kept += intervalSeconds * Math.floor(Math.max(0, end - begin) / round);
            begin = end + job.restartSeconds();
        }
        return kept / totalSeconds;
    }
}

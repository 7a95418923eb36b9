package io.longhaul.planner.search;

/**
 * What failures cost a run that saves checkpoints.
 *
 * @param failuresPerDeviceHour of one device with its share of the node, > 0; Llama 3's pre-training had 419 unexpected
 *     interruptions in 54 days on 16,384 devices (Grattafiori et al. 2024, table 5): 2e-5
 * @param checkpointSeconds for which training waits to save, > 0
 * @param restartSeconds from a failure to the first step after it, with a spare at hand, >= 0
 * @param repairSeconds until a failed device is back, >= 0
 */
public record Reliability(
        double failuresPerDeviceHour,
        double checkpointSeconds,
        double restartSeconds,
        double repairSeconds) {
    public Reliability {
        if (!(failuresPerDeviceHour > 0 && checkpointSeconds > 0 && restartSeconds >= 0
                && repairSeconds >= 0)) {
            throw new IllegalArgumentException(
                    "failuresPerDeviceHour and checkpointSeconds must be > 0, restartSeconds and repairSeconds >= 0,"
                            + " got " + failuresPerDeviceHour + ", " + checkpointSeconds + ", "
                            + restartSeconds
                            + ", " + repairSeconds);
        }
    }

    private double failuresPerSecond(int ranks) {
        return ranks * failuresPerDeviceHour / 3600;
    }

    /**
     * Seconds between checkpoints that lose least: {@code sqrt(2 * save / failure rate)} (Young 1974), the first term of
     * Daly 2006, equation 37.
     */
    public double checkpointInterval(int ranks) {
        return Math.sqrt(2 * checkpointSeconds / failuresPerSecond(ranks));
    }

    /**
     * Share of the time that trains and is kept: saving, work lost since the last checkpoint (half an interval on
     * average), restarting, and the wait for a repair if all spares are out.
     *
     * @return in (0, 1)
     */
    public double usefulShare(int ranks, int spares) {
        double interval = checkpointInterval(ranks);
        double perFailure = interval / 2 + restartSeconds + noSpareShare(ranks, spares) * repairSeconds;
        return 1 / (1 + checkpointSeconds / interval + failuresPerSecond(ranks) * perFailure);
    }

    /** Probability that more devices are in repair than there are spares: failures come independently of each other. */
    double noSpareShare(int ranks, int spares) {
        double mean = failuresPerSecond(ranks) * repairSeconds;
        double term = Math.exp(-mean);
        double within = 0;
        // The failure itself needs one spare, so that all but one of them may be out before.
        for (int out = 0; out < spares; out++) {
            within += term;
            term *= mean / (out + 1);
        }
        return Math.clamp(1 - within, 0.0, 1.0);
    }
}

package io.longhaul.monitor.goodput;

/**
 * How often to save, and what share of the time then trains.
 *
 * <p>Failures come at random with a constant rate; work since the last save is lost; a restart takes a fixed time
 * in which failures may happen too. All times in seconds.
 *
 * @param saveSeconds pause of training for one save, above 0
 * @param restartSeconds from a failure to the first step after it
 * @param failureSeconds mean time between failures of the whole job, above 0
 * @see <a href="https://doi.org/10.1016/j.future.2004.11.016">Daly, A higher order estimate of the optimum checkpoint
 *     interval</a>
 */
public record CheckpointInterval(double saveSeconds, double restartSeconds, double failureSeconds) {
    public CheckpointInterval {
        if (!(saveSeconds > 0) || !(restartSeconds >= 0) || !(failureSeconds > 0)) {
            throw new IllegalArgumentException(
                    "needs saveSeconds > 0, restartSeconds >= 0 and failureSeconds > 0, got " + saveSeconds
                            + ", "
                            + restartSeconds + " and " + failureSeconds);
        }
    }

    /**
     * A job whose nodes fail independently.
     *
     * @param failuresPerThousandNodeDays as published for clusters: 2.3 to 6.5
     */
    public static CheckpointInterval of(double saveSeconds, double restartSeconds, int nodes,
            double failuresPerThousandNodeDays) {
        return new CheckpointInterval(saveSeconds, restartSeconds,
                86_400 * 1000 / (failuresPerThousandNodeDays * nodes));
    }

    /** Young's interval, the square root of twice save time and time between failures; first order. */
    public double young() {
        return Math.sqrt(2 * saveSeconds * failureSeconds);
    }

    /** Daly's interval, good while the save takes less than half of the time between failures. */
    public double daly() {
        if (saveSeconds >= 2 * failureSeconds) {
            return failureSeconds;
        }
        double ratio = saveSeconds / (2 * failureSeconds);
        return young() * (1 + Math.sqrt(ratio) / 3 + ratio / 9) - saveSeconds;
    }

    /** The interval with the highest {@link #exactShare}, to a tenth of a percent. */
    public double best() {
        double golden = (Math.sqrt(5) - 1) / 2;
        double low = Math.log(1e-3 * Math.min(saveSeconds, failureSeconds));
        double high = Math.log(20 * Math.max(saveSeconds, failureSeconds));
        while (high - low > 1e-3) {
            double left = high - golden * (high - low);
            double right = low + golden * (high - low);
            if (exactShare(Math.exp(left)) > exactShare(Math.exp(right))) {
                high = right;
            } else {
                low = left;
            }
        }
        return Math.exp((low + high) / 2);
    }

    /**
     * Effective training time ratio to first order: one less pauses, half an interval of lost work and a restart per
     * failure. At least 0.
     *
     * @param interval training between two saves
     */
    public double firstOrderShare(double interval) {
        double pauses = saveSeconds / (interval + saveSeconds);
        double failures = ((interval + saveSeconds) / 2 + restartSeconds) / failureSeconds;
        return Math.max(0, 1 - pauses - failures);
    }

    /**
     * Effective training time ratio, in [0, 1], also where failures are as frequent as restarts are long.
     *
     * @param interval training between two saves
     */
    public double exactShare(double interval) {
        double perInterval = Math.exp(restartSeconds / failureSeconds)
                * Math.expm1((interval + saveSeconds) / failureSeconds) * failureSeconds;
        return interval / perInterval;
    }
}

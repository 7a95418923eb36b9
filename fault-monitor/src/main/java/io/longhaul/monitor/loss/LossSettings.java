package io.longhaul.monitor.loss;

/**
 * When the loss is out of the ordinary.
 *
 * @param warmUp points that are only learned from, at least 9
 * @param sigmas standard deviations of the noise between neighbours
 * @param spreads and times the 95th percentile of what earlier points had above their baselines
 * @param spreadPoints points of which that percentile is taken
 * @param driftSigmas standard deviations by which half of {@value DriftDetector#POINTS} points must be above the
 *     best level so far
 * @param noise multiple of the usual noise that is a burst of noise
 * @param level standard errors by which the median of some points must be above those before to be a new level
 */
public record LossSettings(
        int warmUp,
        double sigmas,
        double spreads,
        int spreadPoints,
        double driftSigmas,
        double noise,
        double level) {
    public LossSettings {
        if (warmUp < 9 || !(sigmas > 0) || !(spreads >= 0) || spreadPoints < 20 || !(driftSigmas > 0)
                || !(noise > 1) || !(level > 0)) {
            throw new IllegalArgumentException(
                    "needs warmUp >= 9, sigmas > 0, spreads >= 0, spreadPoints >= 20, driftSigmas > 0, noise > 1 and level > 0, got "
                            + warmUp + ", " + sigmas + ", " + spreads + ", " + spreadPoints + ", "
                            + driftSigmas + ", " + noise + ", " + level);
        }
    }

    /** Chosen on recorded runs; {@code longhaul validate detectors} shows what they find there. */
    public static LossSettings usual() {
        return new LossSettings(30, 5.5, 3.5, 400, 3, 2.5, 6);
    }
}

package io.longhaul.monitor.straggler;

/**
 * When a worker is slower than its peers.
 *
 * @param steps steps over which a median is taken
 * @param ownRise rise of the ratio to the peers, above the worker's own past, from which it has become slow
 * @param ownSigmas and as many standard deviations of that past
 * @param leastRatio and ratio to the peers that it must have reached then
 * @param ratio ratio to the peers from which a worker is slow whatever it was before
 * @param lastingRatio ratio that is enough if it lasts four times as long
 * @param peerSigmas and as many standard deviations of how much the peers differ
 * @param certain ratio from which differences among the others are no excuse
 */
public record PeerSettings(
        int steps,
        double ownRise,
        double ownSigmas,
        double leastRatio,
        double ratio,
        double lastingRatio,
        double peerSigmas,
        double certain) {
    /** Chosen on recorded and generated groups; {@code longhaul validate detectors} shows what they find there. */
    public static PeerSettings usual() {
        return new PeerSettings(15, 0.035, 4.5, 1, 1.2, 1.15, 5, 1.5);
    }

    /** For groups so small that the median of the others is nearly as uncertain as the worker that it judges. */
    public static PeerSettings fewPeers() {
        return new PeerSettings(15, 0.2, 4.5, 1.3, 1.3, 1.3, 5, 1.5);
    }

    /** Workers whose shares of the work may differ are only compared with what they were. */
    public PeerSettings unequalWork() {
        double never = Double.POSITIVE_INFINITY;
        return new PeerSettings(steps, ownRise, ownSigmas, leastRatio, never, never, peerSigmas, never);
    }
}

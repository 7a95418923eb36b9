package io.longhaul.monitor.straggler;

/**
 * A worker that became slow, slower, or well again.
 *
 * @param worker its place in the group
 * @param step step that showed it
 * @param since first of the steps that were so, as far as the newest steps tell
 * @param ratio its time over the median of its peers
 * @param usual the same in its own past, 1 if that is not known
 */
public record PeerEvent(Kind kind, int worker, long step, long since, double ratio, double usual) {
    /** What happened. */
    public enum Kind {
        SLOWER_THAN_PEERS, SLOWER_THAN_BEFORE, RECOVERED
    }
}

package io.longhaul.planner.cluster;

/**
 * Ranks that communicate: {@code size} of them, {@code stride} ranks apart. Within a node they use its fast links;
 * across nodes every rank has a network card of its own, so that a ring with several ranks in a node has as many.
 */
public record Group(int size, int stride, Machine machine) {

    private boolean inside() {
        return (long) size * stride <= machine.ranksPerNode();
    }

    private int membersPerNode() {
        return Math.clamp(machine.ranksPerNode() / stride, 1, size);
    }

    private double ringBandwidth() {
        return inside()
                ? machine.bandwidth(true)
                : Math.min(machine.bandwidth(true), membersPerNode() * machine.bandwidth(false));
    }

    /** Seconds to sum so many bytes on every rank: a scatter of sums and a gather. */
    public double allReduceSeconds(double bytes) {
        return 2 * gatherSeconds(bytes);
    }

    /**
     * Seconds until every rank has all parts of so many bytes in all; as long until every rank has the sum of its part.
     * A ring passes {@code (n - 1) / n} of the bytes over every link.
     */
    public double gatherSeconds(double bytes) {
        if (size == 1) {
            return 0;
        }
        return machine.latencySeconds(inside()) * Math.ceil(Math.log(size) / Math.log(2))
                + bytes * (size - 1) / size / ringBandwidth();
    }

    /** Seconds to exchange so many bytes per rank, spread evenly over the group; both kinds of link work at once. */
    public double allToAllSeconds(double bytes) {
        if (size == 1) {
            return 0;
        }
        int near = inside() ? size : membersPerNode();
        return machine.latencySeconds(inside()) * (size - 1)
                + Math.max(
                        bytes * (near - 1) / size / machine.bandwidth(true),
                        bytes * (size - near) / size / machine.bandwidth(false));
    }

    /** Seconds to send so many bytes to the next rank, where that is slowest. */
    public double neighbourSeconds(double bytes) {
        return machine.latencySeconds(inside()) + bytes / machine.bandwidth(inside());
    }
}

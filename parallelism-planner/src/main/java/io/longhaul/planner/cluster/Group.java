package io.longhaul.planner.cluster;

/**
 * Ranks that communicate: {@code size} of them, {@code stride} ranks apart. Within a node they use its fast links;
 * across nodes every rank has a network card of its own, so that a ring with several ranks in a node has as many.
 */
public record Group(int size, int stride, Links links) {

    /** At the rates of the machine's data sheet. */
    public Group(int size, int stride, Machine machine) {
        this(size, stride, Links.of(machine));
    }

    boolean inside() {
        return (long) size * stride <= links.domainRanks();
    }

    private int membersPerNode() {
        return Math.clamp(links.domainRanks() / stride, 1, size);
    }

    private double ringBandwidth() {
        return inside()
                ? links.bandwidth(true)
                : Math.min(links.bandwidth(true), membersPerNode() * links.bandwidth(false));
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
        return links.latencySeconds(inside()) * Math.ceil(Math.log(size) / Math.log(2))
                + bytes * (size - 1) / size / ringBandwidth();
    }

    /** Seconds that a message around the ring of all ranks waits for, whatever its size. */
    public double ringWaitSeconds() {
        return (size - 1) * links.latencySeconds(inside());
    }

    /** Seconds to exchange so many bytes per rank, spread evenly over the group; both kinds of link work at once. */
    public double allToAllSeconds(double bytes) {
        return allToAllSeconds(bytes, 1);
    }

    /** The same where only a share of the bytes for other domains has to travel there, and is copied on arrival. */
    public double allToAllSeconds(double bytes, double crossing) {
        if (size == 1) {
            return 0;
        }
        int near = inside() ? size : membersPerNode();
        return links.latencySeconds(inside()) * (size - 1)
                + Math.max(
                        bytes * (near - 1) / size / links.bandwidth(true),
                        crossing * bytes * (size - near) / size / links.bandwidth(false));
    }

    /** Seconds to send so many bytes to the next rank, where that is slowest. */
    public double neighbourSeconds(double bytes) {
        return links.latencySeconds(inside()) + bytes / links.bandwidth(inside());
    }
}

package io.longhaul.planner.cluster;

/**
 * What messages between ranks pay.
 *
 * @param domainRanks ranks that share the fast links
 * @param fastBandwidth bytes/s per rank and direction among them
 * @param slowBandwidth bytes/s per rank and direction between domains, one network card per rank
 * @param fastLatencySeconds of a message among them
 * @param slowLatencySeconds of a message between domains
 */
public record Links(
        int domainRanks,
        double fastBandwidth,
        double slowBandwidth,
        double fastLatencySeconds,
        double slowLatencySeconds) {

    /** As the machine's data sheet promises. */
    public static Links of(Machine machine) {
        return new Links(machine.linkDomain(), machine.bandwidth(true), machine.bandwidth(false),
                machine.latencySeconds(true), machine.latencySeconds(false));
    }

    double bandwidth(boolean fast) {
        return fast ? fastBandwidth : slowBandwidth;
    }

    double latencySeconds(boolean fast) {
        return fast ? fastLatencySeconds : slowLatencySeconds;
    }
}

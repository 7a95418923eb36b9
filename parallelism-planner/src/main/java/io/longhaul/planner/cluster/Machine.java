package io.longhaul.planner.cluster;

import io.longhaul.planner.constants.Constants;
import java.util.Optional;

/**
 * What the ranks run on, as far as times and sizes go. Two kinds: an {@link Accelerator} computed from its data
 * sheet, or a machine that was measured.
 */
public sealed interface Machine {
    int nodes();

    int ranksPerNode();

    /** Bytes that one rank may use. */
    double memoryBytesPerRank();

    /** Bytes per weight or activation in the forward pass. */
    double bytesPerValue();

    /** FLOP/s of one rank that 100 % utilisation means. */
    double peakFlops();

    /** Bytes/s per rank and direction inside a node, or between nodes. */
    double bandwidth(boolean insideNode);

    /** Seconds that a message takes on top of its bytes. */
    double latencySeconds(boolean insideNode);

    /** Ranks that share the fast links, a node's unless nodes are switched together. */
    default int linkDomain() {
        return ranksPerNode();
    }

    /** Where the figures come from, for people. */
    String source();

    default int ranks() {
        return Math.multiplyExact(nodes(), ranksPerNode());
    }

    private static void requirePositive(String field, double value) {
        if (!(value > 0) || !Double.isFinite(value)) {
            throw new IllegalArgumentException(field + " must be positive and finite, got " + value);
        }
    }

    private static void requireNotNegative(String field, double value) {
        if (!(value >= 0) || !Double.isFinite(value)) {
            throw new IllegalArgumentException(field + " must be >= 0 and finite, got " + value);
        }
    }

    /**
     * A cluster of known accelerators in bf16.
     *
     * @param calibrated constants that attempts on this very cluster taught, in place of those that ship
     */
    record Cluster(
            Accelerator accelerator,
            int nodes,
            int ranksPerNode,
            double intraNodeBandwidth,
            double interNodeBandwidth,
            Optional<Constants> calibrated) implements Machine {
        public Cluster(Accelerator accelerator, int nodes, int ranksPerNode, double intraNodeBandwidth,
                double interNodeBandwidth) {
            this(accelerator, nodes, ranksPerNode, intraNodeBandwidth, interNodeBandwidth, Optional.empty());
        }

        public Cluster {
            requirePositive("nodes", nodes);
            requirePositive("ranksPerNode", ranksPerNode);
            requirePositive("intraNodeBandwidth", intraNodeBandwidth);
            requirePositive("interNodeBandwidth", interNodeBandwidth);
        }

        /** A part of the cluster. */
        public Cluster withNodes(int some) {
            return new Cluster(
                    accelerator, some, ranksPerNode, intraNodeBandwidth, interNodeBandwidth, calibrated);
        }

        /** A part of one node. */
        public Cluster withinNode(int ranks) {
            return new Cluster(accelerator, 1, ranks, intraNodeBandwidth, interNodeBandwidth, calibrated);
        }

        /** With other devices. */
        public Cluster with(Accelerator other) {
            return new Cluster(
                    other, nodes, ranksPerNode, intraNodeBandwidth, interNodeBandwidth, calibrated);
        }

        /** With links of other rates. */
        public Cluster with(double intraNode, double interNode) {
            return new Cluster(accelerator, nodes, ranksPerNode, intraNode, interNode, calibrated);
        }

        /** With what attempts on it taught. */
        public Cluster with(Constants constants) {
            return new Cluster(accelerator, nodes, ranksPerNode, intraNodeBandwidth, interNodeBandwidth,
                    Optional.of(constants));
        }

        @Override
        public int linkDomain() {
            return accelerator.linkDomain() > accelerator.devicesPerNode()
                    ? Math.max(ranksPerNode, Math.min(accelerator.linkDomain(), ranks()))
                    : ranksPerNode;
        }

        @Override
        public double memoryBytesPerRank() {
            return accelerator.memoryBytes();
        }

        @Override
        public double bytesPerValue() {
            return 2;
        }

        @Override
        public double peakFlops() {
            return accelerator.peakFlops();
        }

        @Override
        public double bandwidth(boolean insideNode) {
            return insideNode ? intraNodeBandwidth : interNodeBandwidth;
        }

        @Override
        public double latencySeconds(boolean insideNode) {
            return insideNode ? 8e-6 : 20e-6;
        }

        @Override
        public String source() {
            return accelerator.name() + " data sheet"
                    + (calibrated.isPresent() ? ", constants calibrated with attempts on this cluster" : "");
        }
    }

    /**
     * One machine whose times were measured with all ranks at work, in fp32.
     *
     * @param layerSeconds forward and backward of one layer with one sample more, per sample
     * @param layerOverheadSeconds forward and backward of one layer, apart from its samples
     * @param headSeconds embedding, output projection and loss, forward and backward, per sample
     * @param headOverheadSeconds the same, apart from samples
     * @param optimizerSecondsPerParameter update of one weight
     * @param stepOverheadSeconds of a step, apart from everything else
     * @param matmulFlops FLOP/s of a large multiplication on one rank
     */
    record Measured(
            int ranksPerNode,
            double memoryBytesPerRank,
            double matmulFlops,
            double layerSeconds,
            double layerOverheadSeconds,
            double headSeconds,
            double headOverheadSeconds,
            double optimizerSecondsPerParameter,
            double stepOverheadSeconds,
            double allReduceBandwidth,
            double allReduceLatency) implements Machine {
        public Measured {
            requirePositive("ranksPerNode", ranksPerNode);
            requirePositive("memoryBytesPerRank", memoryBytesPerRank);
            requirePositive("matmulFlops", matmulFlops);
            requirePositive("layerSeconds", layerSeconds);
            requireNotNegative("layerOverheadSeconds", layerOverheadSeconds);
            requireNotNegative("headSeconds", headSeconds);
            requireNotNegative("headOverheadSeconds", headOverheadSeconds);
            requireNotNegative("optimizerSecondsPerParameter", optimizerSecondsPerParameter);
            requireNotNegative("stepOverheadSeconds", stepOverheadSeconds);
            requirePositive("allReduceBandwidth", allReduceBandwidth);
            requireNotNegative("allReduceLatency", allReduceLatency);
        }

        @Override
        public int nodes() {
            return 1;
        }

        @Override
        public double bytesPerValue() {
            return 4;
        }

        @Override
        public double peakFlops() {
            return matmulFlops;
        }

        @Override
        public double bandwidth(boolean insideNode) {
            return allReduceBandwidth;
        }

        @Override
        public double latencySeconds(boolean insideNode) {
            return allReduceLatency;
        }

        @Override
        public String source() {
            return "measured on this machine";
        }
    }
}

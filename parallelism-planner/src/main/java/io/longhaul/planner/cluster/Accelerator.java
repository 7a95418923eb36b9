package io.longhaul.planner.cluster;

import java.util.List;
import java.util.Optional;

/**
 * A kind of device, by its maker's data sheet; rates are dense bf16.
 *
 * @param peakFlops FLOP/s
 * @param memoryBytes usable bytes
 * @param memoryBandwidth bytes/s
 * @param efficiency share of the peak that large matrix multiplications reach
 * @param intraNodeBandwidth bytes/s per device and direction between devices of a node
 * @param interNodeBandwidth bytes/s per device and direction between nodes, one network card per device
 * @param devicesPerNode in the usual server
 */
public record Accelerator(
        String name,
        double peakFlops,
        double memoryBytes,
        double memoryBandwidth,
        double efficiency,
        double intraNodeBandwidth,
        double interNodeBandwidth,
        int devicesPerNode) {

    private static final double GB = 1e9;

    private static final List<Accelerator> KNOWN = List.of(
            new Accelerator("V100-SXM-32GB", 125e12, 32 * GB, 900 * GB, 0.62, 150 * GB, 12.5 * GB, 8),
            new Accelerator("A100-SXM-40GB", 312e12, 40 * GB, 1555 * GB, 0.72, 300 * GB, 25 * GB, 8),
            new Accelerator("A100-SXM-80GB", 312e12, 80 * GB, 2039 * GB, 0.72, 300 * GB, 25 * GB, 8),
            new Accelerator("H100-SXM-80GB", 989e12, 80 * GB, 3350 * GB, 0.66, 450 * GB, 50 * GB, 8),
            new Accelerator("H200-SXM-141GB", 989e12, 141 * GB, 4800 * GB, 0.66, 450 * GB, 50 * GB, 8),
            new Accelerator("B200-SXM-180GB", 2250e12, 180 * GB, 7700 * GB, 0.62, 900 * GB, 50 * GB, 8));

    /** Every device of the table. */
    public static List<Accelerator> known() {
        return KNOWN;
    }

    /** The device of this name, in any case. */
    public static Optional<Accelerator> named(String name) {
        return KNOWN.stream().filter(a -> a.name().equalsIgnoreCase(name)).findFirst();
    }
}

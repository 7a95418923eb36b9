package io.longhaul.planner.cluster;

import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * A kind of device, by its maker's data sheet; rates are dense.
 *
 * @param peakFlops FLOP/s in bf16, or fp16 where there is no bf16
 * @param memoryBytes usable bytes
 * @param memoryBandwidth bytes/s
 * @param efficiency share of the peak that the best large matrix multiplication reaches, power limit included
 * @param intraNodeBandwidth bytes/s per device and direction between devices of a node
 * @param interNodeBandwidth bytes/s per device and direction between nodes, one network card per device
 * @param devicesPerNode in the usual server
 * @param generation devices of one generation run the same kernels
 * @param fp8Flops FLOP/s in fp8, or {@code peakFlops} if it has no faster fp8
 * @param fp4Flops FLOP/s in fp4, or {@code fp8Flops} if it has no faster fp4
 * @param linkDomain devices that share the fast links; more than a node's in racks of switched nodes
 */
public record Accelerator(
        String name,
        double peakFlops,
        double memoryBytes,
        double memoryBandwidth,
        double efficiency,
        double intraNodeBandwidth,
        double interNodeBandwidth,
        int devicesPerNode,
        Generation generation,
        double fp8Flops,
        double fp4Flops,
        int linkDomain) {

    /** Devices by the matrix units that they have. */
    public enum Generation {
        VOLTA, AMPERE, HOPPER, BLACKWELL, CDNA2, CDNA3, CDNA4, OTHER
    }

    private static final double TERA = 1e12;
    private static final double GB = 1e9;

    /**
     * Data sheets of the makers; {@code efficiency} is the best rate over many matrix shapes that
     * github.com/stas00/ml-engineering (compute/accelerator) measured, over the peak, and 0.8 where it did not.
     */
    private static final List<Accelerator> KNOWN = List.of(
            sheet("V100-SXM-16GB", Generation.VOLTA, 125, 0, 0, 16, 900, 0.80, 150, 12.5, 8, 8),
            sheet("V100-SXM-32GB", Generation.VOLTA, 125, 0, 0, 32, 900, 0.80, 150, 12.5, 8, 8),
            sheet("V100-SXM3-32GB", Generation.VOLTA, 130, 0, 0, 32, 980, 0.80, 150, 12.5, 16, 16),
            sheet("A100-SXM-40GB", Generation.AMPERE, 312, 0, 0, 40, 1555, 0.87, 300, 25, 8, 8),
            sheet("A100-SXM-80GB", Generation.AMPERE, 312, 0, 0, 80, 2039, 0.87, 300, 25, 8, 8),
            sheet("A100-PCIe-80GB", Generation.AMPERE, 312, 0, 0, 80, 1940, 0.81, 31, 12.5, 8, 8),
            sheet("A800-SXM-80GB", Generation.AMPERE, 312, 0, 0, 80, 2039, 0.87, 200, 25, 8, 8),
            sheet("H100-SXM-80GB", Generation.HOPPER, 989, 1979, 0, 80, 3350, 0.80, 450, 50, 8, 8),
            sheet("H100-PCIe-80GB", Generation.HOPPER, 756, 1513, 0, 80, 2000, 0.70, 63, 25, 8, 8),
            sheet("H100-SXM-96GB", Generation.HOPPER, 989, 1979, 0, 96, 2400, 0.70, 450, 50, 8, 8),
            sheet("GH200-96GB", Generation.HOPPER, 989, 1979, 0, 96, 4000, 0.80, 450, 25, 4, 4),
            sheet("H200-SXM-141GB", Generation.HOPPER, 989, 1979, 0, 141, 4800, 0.80, 450, 50, 8, 8),
            sheet("H800-SXM-80GB", Generation.HOPPER, 989, 1979, 0, 80, 3350, 0.80, 200, 50, 8, 8),
            sheet("H20-96GB", Generation.HOPPER, 148, 296, 0, 96, 4000, 0.90, 450, 50, 8, 8),
            sheet("B200-SXM-180GB", Generation.BLACKWELL, 2250, 4500, 9000, 180, 7700, 0.776, 900, 50, 8, 8),
            sheet("B300-SXM-270GB", Generation.BLACKWELL, 2250, 4500, 13500, 270, 7700, 0.786, 900, 100, 8,
                    8),
            sheet("GB200-NVL72", Generation.BLACKWELL, 2450, 4900, 9800, 186, 8000, 0.744, 900, 50, 4, 72),
            sheet("GB300-NVL72", Generation.BLACKWELL, 2450, 4900, 14700, 279, 8000, 0.76, 900, 100, 4, 72),
            sheet("MI250X-GCD", Generation.CDNA2, 191.5, 0, 0, 64, 1640, 0.80, 50, 12.5, 8, 8),
            sheet("MI300X", Generation.CDNA3, 1307, 2614, 0, 192, 5300, 0.514, 448, 50, 8, 8),
            sheet("MI325X", Generation.CDNA3, 1307, 2614, 0, 256, 6000, 0.604, 448, 50, 8, 8),
            sheet("MI350X", Generation.CDNA4, 2300, 4600, 9200, 288, 8000, 0.68, 535.5, 50, 8, 8),
            sheet("MI355X", Generation.CDNA4, 2500, 5000, 10100, 288, 8000, 0.626, 535.5, 50, 8, 8),
            sheet("Ascend-910B", Generation.OTHER, 320, 0, 0, 64, 1600, 0.80, 196, 25, 8, 8));

    private static Accelerator sheet(String name, Generation generation, double peak, double fp8, double fp4,
            double memory, double memoryBandwidth, double efficiency, double intra, double inter, int perNode,
            int domain) {
        double eight = Math.max(fp8, peak);
        return new Accelerator(name, peak * TERA, memory * GB, memoryBandwidth * GB, efficiency, intra * GB,
                inter * GB, perNode, generation, eight * TERA, Math.max(fp4, eight) * TERA, domain);
    }

    /** A device of no known generation that has nothing faster than bf16. */
    public Accelerator(String name, double peakFlops, double memoryBytes, double memoryBandwidth,
            double efficiency, double intraNodeBandwidth, double interNodeBandwidth, int devicesPerNode) {
        this(name, peakFlops, memoryBytes, memoryBandwidth, efficiency, intraNodeBandwidth,
                interNodeBandwidth, devicesPerNode, Generation.OTHER, peakFlops, peakFlops, devicesPerNode);
    }

    /**
     * Bytes/s per device and direction to the host with all devices of a node at work: PCI Express as far as its devices
     * share it (two to a port of generation 3 or 4 in the usual servers), or the coherent link of Grace and of MI250X.
     */
    public double hostBandwidth() {
        return switch (generation) {
            case VOLTA -> 6e9;
            case AMPERE -> 12e9;
            case CDNA2 -> 30e9;
            case HOPPER, BLACKWELL -> name.startsWith("G") ? 150e9 : 40e9;
            case CDNA3, CDNA4 -> 40e9;
            case OTHER -> 12e9;
        };
    }

    /** Every device of the table. */
    public static List<Accelerator> known() {
        return KNOWN;
    }

    /** The device of this name, in any case. */
    public static Optional<Accelerator> named(String name) {
        return KNOWN.stream().filter(a -> a.name().equalsIgnoreCase(name)).findFirst();
    }

    /** The device whose name begins most like this one: the same word before the first sign, the most in common. */
    public static Optional<Accelerator> like(String name, double memoryGigabytes) {
        String asked = plain(name);
        String kind = asked.split("-", 2)[0];
        return KNOWN.stream()
                .filter(a -> plain(a.name()).split("-", 2)[0].equals(kind))
                .max((a, b) -> Double.compare(likeness(a, asked, memoryGigabytes),
                        likeness(b, asked, memoryGigabytes)));
    }

    private static double likeness(Accelerator a, String asked, double memoryGigabytes) {
        String own = plain(a.name());
        int same = 0;
        while (same < Math.min(own.length(), asked.length()) && own.charAt(same) == asked.charAt(same)) {
            same++;
        }
        double off = Double.isNaN(memoryGigabytes)
                ? 0
                : Math.abs(Math.log(a.memoryBytes() / GB / memoryGigabytes));
        return same - 5 * off;
    }

    /** Without case and with one spelling of the socket's version. */
    private static String plain(String name) {
        return name.toUpperCase(Locale.ROOT).replace('_', '-').replaceAll("SXM[2456]", "SXM");
    }
}

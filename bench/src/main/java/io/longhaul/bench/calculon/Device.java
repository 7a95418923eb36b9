package io.longhaul.bench.calculon;

/**
 * A device and its two network tiers; rates by steps of the size of an operation.
 *
 * @param matrixFlops peak FLOP/s of multiplications; {@code vectorFlops} that of everything else
 * @param matrixSteps pairs (FLOP of an operation from which on, share of the peak), falling; the last starts at 0
 */
public record Device(
        double matrixFlops,
        double[][] matrixSteps,
        double vectorFlops,
        double[][] vectorSteps,
        double memoryBytes,
        double memoryBandwidth,
        double[][] memorySteps,
        Network[] networks) {

    /** A100 of 80 GiB in servers of eight, one 200 Gbit/s card per device, fp16. */
    public static final Device A100 = new Device(
            312e12, new double[][]{{128e9, 0.95}, {16e9, 0.9}, {1e9, 0.6}, {0, 0.1}},
            78e12, new double[][]{{16e9, 0.95}, {1e9, 0.5}, {0, 0.1}},
            80.0 * (1 << 30), 2048e9, new double[][]{{100e6, 0.9}, {10e6, 0.75}, {1e6, 0.6}, {0, 0.3}},
            new Network[]{
                    new Network(300e9, 0.65, 8, 10e-6, 1.5, -1, 2, -1, true, 0.15),
                    new Network(25e9, 0.9, 65536, 20e-6, 1, 0, 1, 0, false, 0.02)});

    /**
     * @param halfScale bytes over the link per byte of a scatter or gather, {@code halfOffset} times 1/n more
     * @param allScale the same for an all-reduce
     * @param filled the groups on this tier must divide its size
     * @param processorUsage share of the device that drives the network
     */
    public record Network(
            double bandwidth,
            double efficiency,
            int size,
            double latency,
            double halfScale,
            double halfOffset,
            double allScale,
            double allOffset,
            boolean filled,
            double processorUsage) {

        double scatterSeconds(double bytes, int members) {
            return seconds(bytes * halfScale, halfOffset, members);
        }

        double allReduceSeconds(double bytes, int members) {
            return seconds(bytes * allScale, allOffset, members);
        }

        double transferSeconds(double bytes) {
            return latency + bytes / (bandwidth * efficiency);
        }

        private double seconds(double bytes, double offset, int members) {
            return latency + bytes * (1 + offset / members) / (bandwidth * efficiency);
        }
    }

    private static double share(double[][] steps, double size) {
        for (double[] step : steps) {
            if (size >= step[0]) {
                return step[1];
            }
        }
        throw new IllegalArgumentException("size must be >= 0, got " + size);
    }

    double matrixSeconds(double flops) {
        return flops / (matrixFlops * share(matrixSteps, flops));
    }

    double vectorSeconds(double flops) {
        return flops / (vectorFlops * share(vectorSteps, flops));
    }

    double memorySeconds(double bytes) {
        return bytes / (memoryBandwidth * share(memorySteps, bytes));
    }
}

package io.longhaul.planner.cluster;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;

/**
 * Measured links between nodes. A message between two nodes takes {@code latency + bytes / bandwidth}; where the two
 * directions differ, the slower one is taken for both, since rings and pipelines use both.
 */
public final class LinkMatrix {
    private final List<String> names;
    private final double[] bytesPerSecond;
    private final double[] latencySeconds;

    /**
     * @param names of the nodes, distinct
     * @param bytesPerSecond of one rank from node {@code i} to its like in node {@code j}, with all ranks of both
     *     nodes at work, shape {@code [nodes, nodes]}; positive, the diagonal is not read
     * @param latencySeconds of a message on top of its bytes, of the same shape, >= 0
     */
    public LinkMatrix(List<String> names, double[][] bytesPerSecond, double[][] latencySeconds) {
        this.names = List.copyOf(names);
        int n = names.size();
        if (n == 0 || new HashSet<>(names).size() != n) {
            throw new IllegalArgumentException("nodes must be one or more of different names, got " + names);
        }
        requireSquare("bytesPerSecond", bytesPerSecond, n);
        requireSquare("latencySeconds", latencySeconds, n);
        this.bytesPerSecond = new double[n * n];
        this.latencySeconds = new double[n * n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                double rate = Math.min(bytesPerSecond[i][j], bytesPerSecond[j][i]);
                double latency = Math.max(latencySeconds[i][j], latencySeconds[j][i]);
                if (i != j
                        && !(rate > 0 && Double.isFinite(rate) && latency >= 0 && Double.isFinite(latency))) {
                    throw new IllegalArgumentException(
                            "between " + names.get(i) + " and " + names.get(j)
                                    + " bandwidth must be positive and latency >= 0, both finite, got " + rate
                                    + " bytes/s and " + latency + " s");
                }
                this.bytesPerSecond[i * n + j] = rate;
                this.latencySeconds[i * n + j] = latency;
            }
        }
    }

    private static void requireSquare(String field, double[][] matrix, int n) {
        for (double[] row : matrix) {
            if (matrix.length != n || row.length != n) {
                throw new IllegalArgumentException(
                        field + " must have " + n + " rows and columns, one for each node, got "
                                + matrix.length
                                + " rows, one of " + row.length);
            }
        }
    }

    public int nodes() {
        return names.size();
    }

    public List<String> names() {
        return names;
    }

    /** Seconds of a message between two different nodes, in the slower direction. */
    public double seconds(int from, int to, double bytes) {
        int at = from * nodes() + to;
        return latencySeconds[at] + bytes / bytesPerSecond[at];
    }

    /** Of the two directions the slower one. */
    public double bytesPerSecond(int from, int to) {
        return bytesPerSecond[from * nodes() + to];
    }

    /** Of the two directions the slower one. */
    public double latencySeconds(int from, int to) {
        return latencySeconds[from * nodes() + to];
    }

    /** The links between some of the nodes, in that order. */
    public LinkMatrix of(List<Integer> some) {
        int n = some.size();
        double[][] rates = new double[n][n];
        double[][] latencies = new double[n][n];
        List<String> chosen = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            chosen.add(names.get(some.get(i)));
            for (int j = 0; j < n; j++) {
                rates[i][j] = bytesPerSecond(some.get(i), some.get(j));
                latencies[i][j] = latencySeconds(some.get(i), some.get(j));
            }
        }
        return new LinkMatrix(chosen, rates, latencies);
    }
}

package io.longhaul.orchestrator.cli.place;

import io.longhaul.planner.cluster.LinkMatrix;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Measured links between nodes: a header {@code node,a,b,c}, then a line for each node in the same order, for instance
 * {@code a,,23.1,22.8}. What stands on the diagonal is not read.
 */
final class LinkFile {
    private static final String GBPS = "a positive number of GB/s";
    private static final String MICROSECONDS = "a number of microseconds >= 0";

    private LinkFile() {}

    /**
     * @param gBps bandwidths in 1e9 bytes/s
     * @param microseconds latencies, if measured; else 20 us
     */
    static LinkMatrix read(Path gBps, Optional<Path> microseconds) {
        Matrix rates = matrix(gBps, 0, false, GBPS);
        int n = rates.names().size();
        double[][] seconds = new double[n][n];
        for (double[] row : seconds) {
            Arrays.fill(row, 20e-6);
        }
        microseconds.ifPresent(file -> {
            Matrix measured = matrix(file, 0, true, MICROSECONDS);
            Table table = new Table(file);
            if (!measured.names().equals(rates.names())) {
                table.problem(1, "header", String.join(",", measured.names()),
                        "the nodes of " + gBps + ", in the same order");
                table.refuse();
            }
            scale(measured.values(), 1e-6, seconds);
        });
        double[][] bytes = new double[n][n];
        scale(rates.values(), 1e9, bytes);
        return new LinkMatrix(rates.names(), bytes, seconds);
    }

    private record Matrix(List<String> names, double[][] values) {}

    private static void scale(double[][] from, double by, double[][] to) {
        for (int i = 0; i < from.length; i++) {
            for (int j = 0; j < from.length; j++) {
                to[i][j] = by * from[i][j];
            }
        }
    }

    private static Matrix matrix(Path file, double low, boolean orEqual, String allowed) {
        Table table = new Table(file);
        Table.Line header = table.lines().getFirst();
        List<String> names = header.fields().subList(1, header.fields().size());
        Set<String> seen = new HashSet<>();
        for (String name : names) {
            if (name.isEmpty() || name.contains(" ") || !seen.add(name)) {
                table.problem(header.number(), "name of a node", name,
                        "a name without blanks that no other node has");
            }
        }
        int n = names.size();
        if (n == 0 || table.lines().size() != n + 1) {
            table.problem(header.number(), "number of lines after the header",
                    Integer.toString(table.lines().size() - 1),
                    "one for each of its " + n + " nodes, at least one");
            table.refuse();
        }
        double[][] values = new double[n][n];
        for (int i = 0; i < n; i++) {
            Table.Line line = table.lines().get(i + 1);
            if (!line.fields().getFirst().equals(names.get(i))) {
                table.problem(line.number(), "node", line.fields().getFirst(),
                        names.get(i) + ", as in the header");
            }
            if (line.fields().size() != n + 1) {
                table.problem(line.number(), "number of fields", Integer.toString(line.fields().size()),
                        (n + 1) + ", the node and one for each node of the header");
                continue;
            }
            for (int j = 0; j < n; j++) {
                values[i][j] = i == j ? 1 : table.number(line, j + 1, names.get(j), low, orEqual, allowed);
            }
        }
        table.refuse();
        return new Matrix(names, values);
    }
}

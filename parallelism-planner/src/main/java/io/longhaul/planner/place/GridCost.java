package io.longhaul.planner.place;

import io.longhaul.planner.cluster.LinkMatrix;

/**
 * Seconds that a placement of nodes in the grid costs: the slowest column, from end to end, plus the ring that is seen
 * for longest. After a change only the rows and columns that it touched are added up again.
 */
final class GridCost {
    final int stages;
    final int columns;
    final int nodes;
    /** Seconds that two nodes cost as neighbours in a column, or in a row; shape {@code [nodes, nodes]}. */
    final double[] hop;
    final double[] ring;
    /** Seconds that the ring of each stage may take before it is seen. */
    final double[] slack;
    /** Node of each cell, row by row: the order of nodes by rank. */
    final int[] at;
    private final double[] columnSeconds;
    private final double[] ringSeconds;
    private final double[] keptColumns;
    private final double[] keptRings;

    GridCost(LinkMatrix links, NodeTraffic traffic) {
        stages = traffic.stages();
        columns = traffic.columns();
        nodes = traffic.nodes();
        if (links.nodes() != nodes) {
            throw new IllegalArgumentException(
                    "stages * columns (" + stages + " * " + columns + ") must be the number of nodes ("
                            + links.nodes() + ")");
        }
        hop = new double[nodes * nodes];
        ring = new double[nodes * nodes];
        for (int i = 0; i < nodes; i++) {
            for (int j = 0; j < nodes; j++) {
                if (i != j) {
                    hop[i * nodes + j] = traffic.hops() * links.seconds(i, j, traffic.hopBytes());
                    // A ring sums in columns - 1 rounds and hands out in as many, each as slow as its slowest link.
                    ring[i * nodes + j] = 2 * (columns - 1)
                            * links.seconds(i, j, traffic.ringBytes() / columns);
                }
            }
        }
        slack = new double[stages];
        for (int p = 1; p < stages; p++) {
            slack[p] = p * traffic.slackSeconds();
        }
        at = new int[nodes];
        columnSeconds = new double[columns];
        ringSeconds = new double[stages];
        keptColumns = new double[columns];
        keptRings = new double[stages];
        for (int i = 0; i < nodes; i++) {
            at[i] = i;
        }
        refresh();
    }

    void refresh() {
        for (int d = 0; d < columns; d++) {
            refreshColumn(d);
        }
        for (int p = 0; p < stages; p++) {
            refreshRing(p);
        }
    }

    private void refreshColumn(int column) {
        double sum = 0;
        for (int cell = column; cell + columns < nodes; cell += columns) {
            sum += hop[at[cell] * nodes + at[cell + columns]];
        }
        columnSeconds[column] = sum;
    }

    private void refreshRing(int stage) {
        int first = stage * columns;
        double worst = ring[at[first + columns - 1] * nodes + at[first]];
        for (int cell = first; cell < first + columns - 1; cell++) {
            worst = Math.max(worst, ring[at[cell] * nodes + at[cell + 1]]);
        }
        ringSeconds[stage] = worst;
    }

    /** Remembers what the columns and rings cost, for {@link #undo}. */
    private void remember() {
        System.arraycopy(columnSeconds, 0, keptColumns, 0, columns);
        System.arraycopy(ringSeconds, 0, keptRings, 0, stages);
    }

    /** Takes the last move back. */
    void undo(Move move, int a, int b) {
        move.permute(this, a, b);
        System.arraycopy(keptColumns, 0, columnSeconds, 0, columns);
        System.arraycopy(keptRings, 0, ringSeconds, 0, stages);
    }

    void apply(Move move, int a, int b) {
        remember();
        move.permute(this, a, b);
        int from = Math.min(a % columns, b % columns);
        int to = Math.max(a % columns, b % columns);
        switch (move) {
            case SWAP -> {
                refreshColumn(from);
                refreshColumn(to);
                refreshRing(a / columns);
                refreshRing(b / columns);
            }
            case REVERSE_ROW -> {
                for (int d = from; d <= to; d++) {
                    refreshColumn(d);
                }
                refreshRing(a / columns);
            }
            case REVERSE_COLUMNS -> {
                for (int d = from; d <= to; d++) {
                    columnSeconds[d] = keptColumns[from + to - d];
                }
                for (int p = 0; p < stages; p++) {
                    refreshRing(p);
                }
            }
        }
    }

    /** A change of the placement, between two cells; made twice it changes nothing. */
    enum Move {
        /** Two nodes change places. */
        SWAP,
        /** The part of the first cell's row between the two columns is turned round; its pipelines cross over. */
        REVERSE_ROW,
        /** So are all rows between the two columns; pipelines stay as they are. */
        REVERSE_COLUMNS;

        private void permute(GridCost grid, int a, int b) {
            switch (this) {
                case SWAP -> grid.exchange(a, b);
                case REVERSE_ROW -> grid.reverse(a / grid.columns, a, b);
                case REVERSE_COLUMNS -> {
                    for (int row = 0; row < grid.stages; row++) {
                        grid.reverse(row, a, b);
                    }
                }
            }
        }
    }

    private void reverse(int row, int a, int b) {
        int low = row * columns + Math.min(a % columns, b % columns);
        int high = row * columns + Math.max(a % columns, b % columns);
        for (; low < high; low++, high--) {
            exchange(low, high);
        }
    }

    private void exchange(int a, int b) {
        int node = at[a];
        at[a] = at[b];
        at[b] = node;
    }

    double columnSeconds() {
        double worst = 0;
        for (double seconds : columnSeconds) {
            worst = Math.max(worst, seconds);
        }
        return worst;
    }

    double ringSeconds() {
        double worst = 0;
        for (int p = 0; p < stages; p++) {
            worst = Math.max(worst, ringSeconds[p] - slack[p]);
        }
        return worst;
    }

    double seconds() {
        return columnSeconds() + ringSeconds();
    }

    int worstColumn() {
        int worst = 0;
        for (int d = 1; d < columns; d++) {
            worst = columnSeconds[d] > columnSeconds[worst] ? d : worst;
        }
        return worst;
    }

    int worstRing() {
        int worst = 0;
        for (int p = 1; p < stages; p++) {
            worst = ringSeconds[p] - slack[p] > ringSeconds[worst] - slack[worst] ? p : worst;
        }
        return worst;
    }

    /** Mean over columns and over rings that count: falls also where the worst does not change. */
    double meanSeconds() {
        double columnsSum = 0;
        for (double seconds : columnSeconds) {
            columnsSum += seconds;
        }
        double ringSum = 0;
        for (int p = 0; p < stages; p++) {
            ringSum += Math.max(0, ringSeconds[p] - slack[p]);
        }
        return columnsSum / columns + ringSum / stages;
    }
}

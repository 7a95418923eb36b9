package io.longhaul.planner.place;

/**
 * What a step sends between nodes that stand in a grid of {@code stages} rows and {@code columns} columns: down each
 * column the micro-batches of a pipeline, round each row the gradients of a stage.
 *
 * @param stages rows: nodes that follow each other in a pipeline
 * @param columns nodes of one stage
 * @param hopBytes of one rank from a stage to the next
 * @param hops times that a column is passed from end to end without anything to hide behind: at least 2, forward when
 *     the pipeline fills and backward when it drains
 * @param ringBytes of one rank's gradients, summed over the columns by a ring
 * @param slackSeconds by which each stage is done before the one above it, so that its ring may take as much longer
 *     unnoticed; infinite where only the ring of the first stage is seen
 */
public record NodeTraffic(
        int stages,
        int columns,
        double hopBytes,
        double hops,
        double ringBytes,
        double slackSeconds) {
    public NodeTraffic {
        if (stages < 1 || columns < 1) {
            throw new IllegalArgumentException(
                    "stages and columns must be >= 1, got " + stages + " and " + columns);
        }
        if (!(hopBytes >= 0 && hops >= 0 && ringBytes >= 0 && slackSeconds >= 0)) {
            throw new IllegalArgumentException(
                    "hopBytes, hops, ringBytes and slackSeconds must be >= 0, got " + hopBytes + ", " + hops
                            + ", " + ringBytes + ", " + slackSeconds);
        }
    }

    public int nodes() {
        return Math.multiplyExact(stages, columns);
    }
}

package io.longhaul.planner.place;

import io.longhaul.planner.cluster.LinkMatrix;
import io.longhaul.planner.place.GridCost.Move;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Puts nodes into the grid of stages and columns so that slow links are not where a step waits (the mapping problem of
 * Pipette, Yim et al. 2024). Fast links are gathered greedily from several starting nodes; the best start is improved by
 * exchanging nodes, half of the time one of the slowest column or ring, and by turning parts of the grid round, at
 * first also for the worse (simulated annealing), in the end only for the better. Stops when the bound is reached.
 *
 * <p>Deterministic: the same links and traffic give the same order. Never worse than the order that was given.
 * Exact up to {@value #FEW} nodes, of which every order is tried; else {@link NodePlacement#gap} says how far from the
 * bound it ended.
 */
public final class NodeOrder {
    /** Nodes whose orders are all tried. */
    private static final int FEW = 8;
    private static final int STARTS = 16;
    /** Moves that are tried, for every node and at most; one takes some 0.3 us with 128 nodes. */
    private static final int MOVES_PER_NODE = 10_000;
    private static final int MOST_MOVES = 120_000;
    /**
     * Weight of the mean at first, none in the end: where many columns are equally slow, making one of them faster
     * has to count.
     */
    private static final double MEAN = 1;
    /** As shares of the mean loss by a random exchange, which tells how rough the links are. */
    private static final double FIRST_TEMPERATURE = 0.3;
    private static final double LAST_TEMPERATURE = 1e-4;
    private static final int SAMPLES = 200;

    private final GridCost grid;
    private final double bound;
    private final SplittableRandom random = new SplittableRandom(1);
    private int[] best;
    private double bestSeconds;

    NodeOrder(LinkMatrix links, NodeTraffic traffic) {
        grid = new GridCost(links, traffic);
        bound = NodeOrderBound.seconds(grid);
        best = grid.at.clone();
        bestSeconds = grid.seconds();
    }

    /**
     * @param links between as many nodes as the traffic has places
     * @throws IllegalArgumentException if there are more or fewer
     */
    public static NodePlacement best(LinkMatrix links, NodeTraffic traffic) {
        NodeOrder search = new NodeOrder(links, traffic);
        return links.nodes() <= FEW ? search.everyOrder() : search.improved();
    }

    /** All orders of a few nodes: the bound is what the best one takes. */
    private NodePlacement everyOrder() {
        double given = bestSeconds;
        int[] turns = new int[grid.nodes];
        // Heap's algorithm: every order comes from the one before by exchanging two nodes.
        for (int i = 1; i < grid.nodes;) {
            if (turns[i] < i) {
                grid.apply(Move.SWAP, i % 2 == 0 ? 0 : turns[i], i);
                keep(grid.seconds());
                turns[i]++;
                i = 1;
            } else {
                turns[i++] = 0;
            }
        }
        return placement(bestSeconds, given);
    }

    /** What the search finds that larger grids get. */
    NodePlacement improved() {
        double given = bestSeconds;
        greedy();
        anneal();
        return placement(bound, given);
    }

    private NodePlacement placement(double bound, double given) {
        restore();
        return new NodePlacement(
                Arrays.stream(best).boxed().toList(), grid.columnSeconds(), grid.ringSeconds(),
                Math.min(bound, grid.seconds()), given);
    }

    private boolean proven() {
        return bestSeconds <= bound * (1 + 1e-12);
    }

    private void keep(double seconds) {
        if (seconds < bestSeconds) {
            bestSeconds = seconds;
            System.arraycopy(grid.at, 0, best, 0, best.length);
        }
    }

    private void restore() {
        System.arraycopy(best, 0, grid.at, 0, best.length);
        grid.refresh();
    }

    private void greedy() {
        int starts = Math.min(STARTS, grid.nodes);
        for (int s = 0; s < starts && !proven(); s++) {
            grow(s * grid.nodes / starts);
            keep(grid.seconds());
        }
        restore();
    }

    /** Fills the grid row by row, each time with the node that is nearest to those above and to the left. */
    private void grow(int first) {
        int n = grid.nodes;
        boolean[] placed = new boolean[n];
        for (int cell = 0; cell < n; cell++) {
            int chosen = first;
            double least = Double.POSITIVE_INFINITY;
            for (int node = 0; node < n && cell > 0; node++) {
                if (!placed[node] && priced(cell, node) < least) {
                    least = priced(cell, node);
                    chosen = node;
                }
            }
            grid.at[cell] = chosen;
            placed[chosen] = true;
        }
        grid.refresh();
    }

    private double priced(int cell, int node) {
        int row = cell / grid.columns;
        double seconds = 0;
        if (row > 0) {
            seconds += grid.hop[grid.at[cell - grid.columns] * grid.nodes + node] * (grid.stages - 1);
        }
        if (grid.slack[row] < Double.POSITIVE_INFINITY && cell % grid.columns > 0) {
            seconds += Math.max(0, grid.ring[grid.at[cell - 1] * grid.nodes + node] - grid.slack[row]);
        }
        return seconds;
    }

    private double roughness() {
        double before = grid.seconds();
        double sum = 0;
        for (int i = 0; i < SAMPLES; i++) {
            int a = random.nextInt(grid.nodes);
            int b = random.nextInt(grid.nodes);
            grid.apply(Move.SWAP, a, b);
            sum += Math.max(0, grid.seconds() - before);
            grid.undo(Move.SWAP, a, b);
        }
        return sum / SAMPLES + Double.MIN_NORMAL;
    }

    private void anneal() {
        int moves = Math.min(MOVES_PER_NODE * grid.nodes, MOST_MOVES);
        double cooling = Math.pow(LAST_TEMPERATURE / FIRST_TEMPERATURE, 1.0 / moves);
        double temperature = FIRST_TEMPERATURE * roughness();
        double now = grid.seconds();
        double mean = grid.meanSeconds();
        for (int i = 0; i < moves && !proven(); i++, temperature *= cooling) {
            Move move = switch (random.nextInt(8)) {
                case 0 -> Move.REVERSE_COLUMNS;
                case 1 -> Move.REVERSE_ROW;
                default -> Move.SWAP;
            };
            int a = move == Move.SWAP ? cell() : random.nextInt(grid.nodes);
            int b = random.nextInt(grid.nodes);
            grid.apply(move, a, b);
            double then = grid.seconds();
            double thenMean = grid.meanSeconds();
            keep(then);
            double worse = then - now + MEAN * (1 - (double) i / moves) * (thenMean - mean);
            if (worse <= 0 || random.nextDouble() < Math.exp(-worse / temperature)) {
                now = then;
                mean = thenMean;
            } else {
                grid.undo(move, a, b);
            }
        }
    }

    /** Half of the time one of the slowest column or ring, else any. */
    private int cell() {
        return switch (random.nextInt(4)) {
            case 0 -> grid.worstColumn() + grid.columns * random.nextInt(grid.stages);
            case 1 -> grid.worstRing() * grid.columns + random.nextInt(grid.columns);
            default -> random.nextInt(grid.nodes);
        };
    }
}

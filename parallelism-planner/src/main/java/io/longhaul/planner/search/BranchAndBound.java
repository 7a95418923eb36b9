package io.longhaul.planner.search;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.PriorityQueue;
import org.jspecify.annotations.Nullable;

/**
 * Best-first branch and bound: the cheapest leaf of a tree of choices, with the proof that no other is cheaper.
 *
 * <p>The node with the smallest bound is opened next. Once that bound exceeds the cheapest leaf found, so does every
 * leaf that was not looked at. Leaves and nodes of equal cost are opened in the order in which they were offered and
 * compared by the given order, so that the result does not depend on anything but the space.
 *
 * @param <N> node, a set of leaves
 * @param <L> leaf, one complete choice
 */
public final class BranchAndBound<N, L> {
    /** The tree. */
    public interface Space<N, L> {
        /** Nodes that hold every leaf exactly once. */
        List<N> roots();

        /** Never more than the cost of any leaf under the node. */
        double bound(N node);

        /** Leaves under the node. */
        long size(N node);

        /** Offers the parts of a node, which hold its leaves exactly once, to {@code into}. */
        void open(N node, Opened<N, L> into);
    }

    /** Takes the parts of an opened node. */
    public interface Opened<N, L> {
        void node(N node);

        /** A leaf; {@link Double#POSITIVE_INFINITY} is the cost of one that cannot be chosen. */
        void leaf(L leaf, double cost);
    }

    /**
     * @param best cheapest leaf, if any can be chosen
     * @param cost of the best leaf
     * @param bound that every leaf not looked at costs at least; infinite if all were looked at
     * @param nominal leaves of the whole space
     * @param priced leaves that were looked at
     * @param pruned leaves that the bound excludes; {@code priced + pruned == nominal}
     * @param opened nodes that were opened
     */
    public record Result<L>(
            Optional<L> best,
            double cost,
            double bound,
            long nominal,
            long priced,
            long pruned,
            long opened) {}

    private record Entry<N>(N node, double bound, long order) {}

    private final Space<N, L> space;
    private final Comparator<L> order;
    private final PriorityQueue<Entry<N>> queue = new PriorityQueue<>(
            Comparator.<Entry<N>>comparingDouble(Entry::bound).thenComparingLong(Entry::order));
    private @Nullable L best;
    private double cost = Double.POSITIVE_INFINITY;
    private long offered;
    private long priced;
    private long opened;

    private BranchAndBound(Space<N, L> space, Comparator<L> order) {
        this.space = space;
        this.order = order;
    }

    /** @param order decides between leaves of equal cost */
    public static <N, L> Result<L> search(Space<N, L> space, Comparator<L> order) {
        return new BranchAndBound<>(space, order).run();
    }

    private Result<L> run() {
        long nominal = 0;
        for (N root : space.roots()) {
            nominal += space.size(root);
            offer(root, 0);
        }
        while (!queue.isEmpty() && queue.peek().bound <= cost) {
            Entry<N> next = queue.remove();
            opened++;
            space.open(next.node, new Opened<>() {
                @Override
                public void node(N node) {
                    offer(node, next.bound);
                }

                @Override
                public void leaf(L leaf, double leafCost) {
                    take(leaf, leafCost);
                }
            });
        }
        double bound = queue.isEmpty() ? Double.POSITIVE_INFINITY : queue.peek().bound;
        long pruned = queue.stream().mapToLong(e -> space.size(e.node)).sum();
        return new Result<>(Optional.ofNullable(best), cost, bound, nominal, priced, pruned, opened);
    }

    /** A part costs at least what the whole does, whatever its own bound says. */
    private void offer(N node, double atLeast) {
        queue.add(new Entry<>(node, Math.max(atLeast, space.bound(node)), offered++));
    }

    private void take(L leaf, double leafCost) {
        priced++;
        L old = best;
        if (leafCost < cost
                || leafCost == cost && old != null && order.compare(leaf, old) < 0) {
            best = leaf;
            cost = leafCost;
        }
    }
}

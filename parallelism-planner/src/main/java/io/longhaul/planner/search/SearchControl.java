package io.longhaul.planner.search;

import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * How a search is run; it changes what is found only if it stops it.
 *
 * @param stop asked now and then; once true, the best plan so far is returned with its gap
 * @param progress told now and then
 * @param threads that look for plans
 */
public record SearchControl(BooleanSupplier stop, Consumer<Progress> progress, int threads) {
    /** To the end, on one thread. */
    public static final SearchControl PLAIN = new SearchControl(() -> false, _ -> {
    }, 1);

    /**
     * @param best figure of the best plan so far, infinite before there is one
     * @param bound no plan that is still open is better
     * @param covered points that are decided
     */
    public record Progress(double best, double bound, long covered, long nominal) {}
}

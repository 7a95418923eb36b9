package io.longhaul.planner.search;

import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * How a search is run; it changes what is found only if it stops it.
 *
 * @param stop asked now and then; once true, the best plan so far is returned with its gap
 * @param progress told now and then
 * @param threads that look for plans
 * @param mostEvaluations of the cost model, after which it stops too, up to a round of parts later: the same answer on
 *     every machine and for any number of threads
 */
public record SearchControl(
        BooleanSupplier stop,
        Consumer<Progress> progress,
        int threads,
        long mostEvaluations) {
    /** To the end, on one thread. */
    public static final SearchControl PLAIN = new SearchControl(() -> false, _ -> {
    }, 1);

    public SearchControl(BooleanSupplier stop, Consumer<Progress> progress, int threads) {
        this(stop, progress, threads, Long.MAX_VALUE);
    }

    /** No more than about so many evaluations. */
    public SearchControl withMostEvaluations(long most) {
        return new SearchControl(stop, progress, threads, most);
    }

    /**
     * @param best figure of the best plan so far, infinite before there is one
     * @param bound no plan that is still open is better
     * @param covered points that are decided
     */
    public record Progress(double best, double bound, long covered, long nominal) {}
}

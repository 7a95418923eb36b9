package io.longhaul.planner.search;

import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.search.Legality.Broken;
import io.longhaul.planner.search.PlanResult.Rejection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Where the points of a part of the space went. */
final class Tally {
    /** A layout that does not fit and what its fullest rank needs. */
    record TooLarge(ParallelLayout layout, double peakBytes, double capacityBytes) {}

    private final Map<String, Rejection> illegal = new LinkedHashMap<>();
    long tooLarge;
    long bounded;
    long dominated;
    long priced;
    long evaluations;
    long memoryEvaluations;
    /** Of all that do not fit, the one that needs least. */
    @Nullable
    TooLarge closest;

    void illegal(Broken broken, long points) {
        count(new Rejection(broken.rule(), broken.values(), points));
    }

    private void count(Rejection one) {
        illegal.merge(
                one.rule(), one,
                (old, more) -> new Rejection(old.rule(), old.example(), old.count() + more.count()));
    }

    void tooLarge(ParallelLayout layout, double peakBytes, double capacityBytes) {
        if (closest == null || peakBytes < closest.peakBytes) {
            closest = new TooLarge(layout, peakBytes, capacityBytes);
        }
    }

    void add(Tally more) {
        more.illegal.values().forEach(this::count);
        tooLarge += more.tooLarge;
        bounded += more.bounded;
        dominated += more.dominated;
        priced += more.priced;
        evaluations += more.evaluations;
        memoryEvaluations += more.memoryEvaluations;
        if (more.closest != null) {
            tooLarge(more.closest.layout, more.closest.peakBytes, more.closest.capacityBytes);
        }
    }

    long illegal() {
        return illegal.values().stream().mapToLong(Rejection::count).sum();
    }

    long covered() {
        return illegal() + tooLarge + bounded + dominated + priced;
    }

    /** Commonest first. */
    List<Rejection> rules() {
        return illegal.values()
                .stream()
                .sorted(Comparator.comparingLong(Rejection::count).reversed().thenComparing(Rejection::rule))
                .toList();
    }
}

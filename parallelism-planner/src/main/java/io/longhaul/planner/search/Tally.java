package io.longhaul.planner.search;

import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.legal.Facts;
import io.longhaul.planner.legal.Rule;
import io.longhaul.planner.search.PlanResult.Rejection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Where the points of a part of the space went. */
final class Tally {
    /** A layout that does not fit and what its fullest rank needs. */
    record TooLarge(ParallelLayout layout, double peakBytes, double capacityBytes) {}

    /** Points that break a rule, with what the first of them was. */
    private static final class Broken {
        final Rule rule;
        final Facts example;
        long points;

        Broken(Rule rule, Facts example) {
            this.rule = rule;
            this.example = example;
        }
    }

    private final Map<String, Broken> illegal = new LinkedHashMap<>();
    private @Nullable Rejection unwanted;
    long tooLarge;
    long bounded;
    long dominated;
    long priced;
    long evaluations;
    long memoryEvaluations;
    long replays;
    /** Of all that do not fit, the one that needs least. */
    @Nullable
    TooLarge closest;

    void illegal(Rule rule, Facts facts, long points) {
        Broken old = illegal.get(rule.id());
        if (old == null) {
            old = new Broken(rule, facts.copy());
            illegal.put(rule.id(), old);
        }
        old.points += points;
    }

    /** Choices of so many points each. */
    void illegal(List<Rules.Broken> broken, long points) {
        for (Rules.Broken one : broken) {
            illegal(one.rule(), one.example(), one.choices() * points);
        }
    }

    /** Degrees other than those that were asked for. */
    void unwanted(ParallelLayout c, long points) {
        unwanted = new Rejection(
                "not the layout that was asked for",
                unwanted == null
                        ? "tensor " + c.tensor() + ", pipeline " + c.pipeline() + ", context " + c.context()
                                + ", data " + c.data()
                        : unwanted.example(),
                points + (unwanted == null ? 0 : unwanted.count()), false);
    }

    void tooLarge(ParallelLayout layout, double peakBytes, double capacityBytes) {
        if (closest == null || peakBytes < closest.peakBytes) {
            closest = new TooLarge(layout, peakBytes, capacityBytes);
        }
    }

    void add(Tally more) {
        more.illegal.values().forEach(one -> illegal(one.rule, one.example, one.points));
        tooLarge += more.tooLarge;
        bounded += more.bounded;
        dominated += more.dominated;
        priced += more.priced;
        evaluations += more.evaluations;
        memoryEvaluations += more.memoryEvaluations;
        replays += more.replays;
        if (more.closest != null) {
            tooLarge(more.closest.layout, more.closest.peakBytes, more.closest.capacityBytes);
        }
    }

    long illegal() {
        return illegal.values().stream().mapToLong(one -> one.points).sum()
                + (unwanted == null ? 0 : unwanted.count());
    }

    long covered() {
        return illegal() + tooLarge + bounded + dominated + priced;
    }

    /** Commonest first. */
    List<Rejection> rules() {
        Stream<Rejection> broken = illegal.values()
                .stream()
                .map(one -> new Rejection(
                        one.rule.id(), one.rule.say(one.example), one.points,
                        one.rule.kind() == Rule.Kind.ABILITY));
        return Stream.concat(Stream.ofNullable(unwanted), broken)
                .sorted(Comparator.comparingLong(Rejection::count).reversed().thenComparing(Rejection::rule))
                .toList();
    }
}

package io.longhaul.planner.search;

import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.layout.ParallelLayout;
import java.util.List;
import java.util.Optional;

/**
 * Outcome of a search.
 *
 * @param best the best plan that fits, if any does
 * @param machine what it is for: all that was offered, or a part of it
 * @param reason why that one, or why none
 * @param runnersUp the best plans of other degrees, best first, each with why it lost
 * @param rejected why candidates are no plans, commonest first
 * @param deficit if nothing fits, the layout that needs least
 */
public record PlanResult(
        Optional<Plan> best,
        Machine machine,
        String reason,
        List<RunnerUp> runnersUp,
        List<Rejection> rejected,
        Optional<Deficit> deficit,
        Certificate certificate) {
    public PlanResult {
        runnersUp = List.copyOf(runnersUp);
        rejected = List.copyOf(rejected);
    }

    /** Candidates of the space, rejected ones included. */
    public long considered() {
        return certificate.nominal();
    }

    /** What the trainer's version cannot run of what might have been better; {@link PlanRequest#whatIf} plans with it. */
    public List<Rejection> masked() {
        return rejected.stream().filter(Rejection::masked).toList();
    }

    /** A plan that was not chosen. */
    public record RunnerUp(Plan plan, String why) {}

    /**
     * Candidates that broke the same rule first.
     *
     * @param example what one of them breaks; of those that do not fit, the one that needs least
     * @param masked the trainer's version cannot run it, and others can
     */
    public record Rejection(String rule, String example, long count, boolean masked) {}

    /** @param missingBytes of the fullest rank */
    public record Deficit(ParallelLayout layout, double missingBytes) {}
}

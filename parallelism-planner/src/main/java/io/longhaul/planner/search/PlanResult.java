package io.longhaul.planner.search;

import java.util.List;
import java.util.Optional;

/**
 * Outcome of the search over every candidate.
 *
 * @param best fastest plan that fits, if any does
 * @param reason why that one, or why none
 * @param runnersUp the best plans of other layouts, fastest first, each with why it lost
 * @param rejected why the other candidates are no plans, commonest first
 * @param considered candidates that were looked at, rejected ones included
 */
public record PlanResult(
        Optional<Plan> best,
        String reason,
        List<RunnerUp> runnersUp,
        List<Rejection> rejected,
        long considered) {
    public PlanResult {
        runnersUp = List.copyOf(runnersUp);
        rejected = List.copyOf(rejected);
    }

    /** A plan that was not chosen. */
    public record RunnerUp(Plan plan, String why) {}

    /**
     * Candidates that broke the same rule first.
     *
     * @param example the values of one of them; of those that do not fit, of the one that needs least
     */
    public record Rejection(String rule, String example, long count) {}
}

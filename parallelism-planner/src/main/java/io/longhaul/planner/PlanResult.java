package io.longhaul.planner;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Outcome of the search over every candidate.
 *
 * @param best fastest plan that fits, if any does
 * @param runnersUp the best plans of other layouts, fastest first, each with why it lost
 * @param rejected candidates by the rule that they broke
 * @param considered candidates that were looked at, rejected ones included
 */
public record PlanResult(
        Optional<Plan> best,
        String reason,
        List<RunnerUp> runnersUp,
        Map<String, Long> rejected,
        long considered) {
    public PlanResult {
        runnersUp = List.copyOf(runnersUp);
        rejected = new LinkedHashMap<>(rejected);
    }

    /** A plan that was not chosen. */
    public record RunnerUp(Plan plan, String why) {}
}

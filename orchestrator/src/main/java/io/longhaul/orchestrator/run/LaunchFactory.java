package io.longhaul.orchestrator.run;

import io.longhaul.orchestrator.plan.PlanPort.RankProcess;
import java.util.List;

/** How the ranks of a run are started; a pure function of its arguments. */
@FunctionalInterface
public interface LaunchFactory {
    /** @param resumeStep checkpoint to start from, 0 for none */
    RankProcess process(RunState state, Recipe recipe, long resumeStep, List<StepRange> skipped);
}

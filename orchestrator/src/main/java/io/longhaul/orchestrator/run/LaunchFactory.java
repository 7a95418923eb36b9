package io.longhaul.orchestrator.run;

import io.longhaul.orchestrator.plan.PlanPort.RankProcess;
import java.time.Instant;
import java.util.List;

/** How the ranks of a run are started. */
@FunctionalInterface
public interface LaunchFactory {
    /**
     * A pure function of its arguments.
     *
     * @param resumeStep checkpoint to start from, 0 for none
     */
    RankProcess process(RunState state, Recipe recipe, long resumeStep, List<StepRange> skipped);

    /**
     * Machines that a run had better not use now, as other runs and people found; the decision keeps them.
     *
     * @param blamed what is about to be remembered and counts already
     */
    default List<String> avoid(Instant now, List<RunEvent.MachineBlamed> blamed) {
        return List.of();
    }
}

package io.longhaul.orchestrator.plan;

import io.longhaul.orchestrator.run.Recipe;
import io.longhaul.orchestrator.run.StepRange;
import java.util.List;

/**
 * What differs between the attempts of one plan.
 *
 * @param recipe optimizer settings of the attempt
 * @param resumeStep checkpoint to start from, 0 for none
 * @param skipped steps whose data is consumed without an update, ascending and disjoint
 * @param data corpus directory on the workers' machines
 * @param checkpoints checkpoint directory of the run
 */
public record LaunchContext(
        Recipe recipe,
        long resumeStep,
        List<StepRange> skipped,
        String data,
        String checkpoints) {
    public LaunchContext {
        skipped = List.copyOf(skipped);
    }
}

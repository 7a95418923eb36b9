package io.longhaul.orchestrator.plan;

import io.longhaul.orchestrator.run.RunSpec;

/** Plans a run that trains already once more. */
@FunctionalInterface
public interface ReplanPort {
    /**
     * The best plan by what is known now; its view says under {@code move} whether it pays to change to it.
     *
     * @throws NoPlanException if nothing legal fits
     */
    PlannedRun replan(RunSpec spec, Questions.Running running);
}

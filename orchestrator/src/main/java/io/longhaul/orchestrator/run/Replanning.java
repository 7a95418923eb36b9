package io.longhaul.orchestrator.run;

import io.longhaul.orchestrator.plan.PlannedRun;
import io.longhaul.orchestrator.plan.Questions;
import java.util.Optional;

/** What a change of a run's plan has to be weighed against. */
public final class Replanning {
    private Replanning() {}

    /**
     * The plan that the run trains with, and how much there is left to train.
     *
     * @param step last step that was trained
     * @param storageBytesPerSecond that all ranks together read a checkpoint with
     * @throws IllegalStateException if there is no plan yet, or the run has ended
     */
    public static Questions.Running running(RunState state, long step, double storageBytesPerSecond) {
        PlannedRun plan = state.plan().orElseThrow(() -> new IllegalStateException("there is no plan yet"));
        if (state.endedAt().isPresent()) {
            throw new IllegalStateException("the run has ended");
        }
        long steps = Math.max(0, state.totalSteps() - step);
        return new Questions.Running(plan.layout().toString(), Optional.of(plan.layout()),
                steps * state.tokensPerStep(), storageBytesPerSecond, Responses.restartSeconds(state));
    }
}

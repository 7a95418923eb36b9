package io.longhaul.orchestrator.adapt;

import io.longhaul.orchestrator.run.RecipeChange;
import java.util.List;
import java.util.UUID;

/** What the run's life needs from adaptation. Both calls are idempotent and may be repeated after a crash. */
public interface AdaptPort {

    /**
     * Advice before an attempt, the same for the same (run, attempt) however often it is asked for.
     *
     * <p>Too little or unusable evidence is an answer without a change, not an error.
     *
     * @throws IllegalArgumentException if the request is malformed, naming field and value
     */
    AdaptOutcome adapt(AdaptRequest request);

    /**
     * Compares an applied change with what happened.
     *
     * @param curve training loss of the kept steps of the whole run, ascending
     * @return the change with its score
     * @throws IllegalArgumentException if the curve does not reach the last steps of the run
     */
    RecipeChange score(UUID run, RecipeChange change, long totalSteps, List<CurvePoint> curve);
}

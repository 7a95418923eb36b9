package io.longhaul.orchestrator.adapt;

import io.longhaul.orchestrator.run.RecipeChange;
import java.util.Optional;

/**
 * Answer to an {@link AdaptRequest}.
 *
 * @param change the proposed change, or nothing when the evidence does not support one
 * @param explanation why, for people; never empty
 */
public record AdaptOutcome(Optional<RecipeChange> change, String explanation) {
    public AdaptOutcome {
        if (explanation.isBlank()) {
            throw new IllegalArgumentException("explanation must not be blank");
        }
    }
}

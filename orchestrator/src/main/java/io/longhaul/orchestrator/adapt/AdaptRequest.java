package io.longhaul.orchestrator.adapt;

import com.fasterxml.jackson.annotation.JsonCreator;
import io.longhaul.orchestrator.run.Recipe;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * Asks for advice before an attempt.
 *
 * @param attempt the attempt that is about to start
 * @param resumeStep last step that is kept; the attempt goes on with {@code resumeStep + 1}
 * @param totalSteps steps of the whole run
 * @param current recipe that holds up to now
 * @param parameters weights without embeddings and output projection; requests of older versions have none
 * @param curve training loss of the kept steps over all attempts, ascending, at most {@code resumeStep};
 *     skipped steps are absent
 * @param validation validation losses of the kept steps, ascending; may be empty
 * @param pastMisses of earlier advice to any run: measured minus predicted final loss, in half widths of its 90 %
 *     interval; filled in by the service, requests of older versions have none
 * @param seed of everything random in the fit
 */
public record AdaptRequest(
        UUID run,
        int attempt,
        long resumeStep,
        long totalSteps,
        Recipe current,
        Optional<Double> parameters,
        List<CurvePoint> curve,
        List<CurvePoint> validation,
        List<Double> pastMisses,
        long seed) {
    public AdaptRequest(UUID run, int attempt, long resumeStep, long totalSteps, Recipe current,
            Optional<Double> parameters, List<CurvePoint> curve, List<CurvePoint> validation, long seed) {
        this(run, attempt, resumeStep, totalSteps, current, parameters, curve, validation, List.of(), seed);
    }

    @JsonCreator
    public AdaptRequest {
        pastMisses = pastMisses == null ? List.of() : List.copyOf(pastMisses);
        curve = List.copyOf(curve);
        validation = List.copyOf(validation);
        if (attempt < 1 || resumeStep < 0 || totalSteps < 1) {
            throw new IllegalArgumentException(
                    "attempt must be >= 1, resumeStep >= 0 and totalSteps >= 1, got "
                            + attempt + ", " + resumeStep + ", " + totalSteps);
        }
    }

    AdaptRequest with(List<Double> misses) {
        return new AdaptRequest(
                run, attempt, resumeStep, totalSteps, current, parameters, curve, validation, misses, seed);
    }
}

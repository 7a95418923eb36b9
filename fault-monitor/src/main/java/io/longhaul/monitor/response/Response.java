package io.longhaul.monitor.response;

import io.longhaul.monitor.response.Situation.Steps;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * A decision.
 *
 * @param does what is done, for people; what would be done in a dry run
 * @param rule the sentence that decided
 * @param gpuSeconds what that is expected to cost
 * @param inputs figures that the rule looked at, by name
 * @param alternatives what was not done, and why
 * @param rollbackStep checkpoint to go on from, 0 for the beginning; empty if the attempt goes on
 * @param skip steps whose data is not to be read again
 * @param learningRateFactor factor on the learning rate of the next attempt
 */
public record Response(
        Action action,
        String does,
        String rule,
        OptionalDouble gpuSeconds,
        Map<String, String> inputs,
        List<Alternative> alternatives,
        OptionalLong rollbackStep,
        Optional<Steps> skip,
        double learningRateFactor) {
    public Response {
        inputs = new LinkedHashMap<>(inputs);
        alternatives = List.copyOf(alternatives);
    }

    /**
     * Something that was not done.
     *
     * @param gpuSeconds what it would be expected to cost, where it could be done at all
     */
    public record Alternative(String action, String why, OptionalDouble gpuSeconds) {}
}

package io.longhaul.monitor.response;

import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;

/**
 * What Longhaul may do alone.
 *
 * @param version changes with the rules, so that a stored decision tells by which it was made
 * @param dryRun decide and tell, but do nothing
 * @param mayChangeRecipe the learning rate may be lowered
 * @param skipMarginSteps steps to skip on both sides of the damage if the data is not known
 * @param window sliding window of the budgets
 * @param budgets how often each action may be taken within the window; actions that are not in it are not bounded
 */
public record Policy(
        int version,
        boolean dryRun,
        boolean mayChangeRecipe,
        int skipMarginSteps,
        Duration window,
        Map<Action, Integer> budgets) {
    public Policy {
        budgets = new EnumMap<>(budgets);
        if (skipMarginSteps < 0 || !window.isPositive()
                || budgets.values().stream().anyMatch(most -> most < 0)) {
            throw new IllegalArgumentException(
                    "needs skipMarginSteps >= 0, window > 0 and budgets >= 0, got " + skipMarginSteps + ", "
                            + window
                            + " and " + budgets);
        }
    }

    /** PaLM was rolled back some twenty times in a training of months: eight in a day are a run that needs a person. */
    public static Policy usual(boolean dryRun, boolean mayChangeRecipe, int skipMarginSteps) {
        return new Policy(1, dryRun, mayChangeRecipe, skipMarginSteps, Duration.ofDays(1),
                Map.of(Action.ROLL_BACK, 8, Action.ROLL_BACK_AND_SKIP, 8, Action.LOWER_LEARNING_RATE, 2,
                        Action.REPLACE_NODE, 4));
    }
}

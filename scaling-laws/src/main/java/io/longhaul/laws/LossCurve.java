package io.longhaul.laws;

/**
 * Losses measured along a run.
 *
 * @param steps from 0, ascending, within the history
 * @param losses in nats per token, positive
 */
public record LossCurve(RateHistory history, int[] steps, double[] losses) {
    public LossCurve {
        if (steps.length != losses.length) {
            throw new IllegalArgumentException(
                    "steps and losses must be as many, got " + steps.length + " and " + losses.length);
        }
        for (int i = 0; i < steps.length; i++) {
            if (steps[i] < 0 || steps[i] >= history.steps()) {
                throw new IllegalArgumentException(
                        "steps must lie in [0, " + history.steps() + "), got " + steps[i]);
            }
            if (i > 0 && steps[i] <= steps[i - 1]) {
                throw new IllegalArgumentException(
                        "steps must ascend, got step " + steps[i] + " after step " + steps[i - 1]);
            }
            if (!(losses[i] > 0) || !Double.isFinite(losses[i])) {
                throw new IllegalArgumentException(
                        "loss of step " + steps[i] + " must be positive and finite, got " + losses[i]);
            }
        }
    }

    int size() {
        return steps.length;
    }
}

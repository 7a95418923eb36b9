package io.longhaul.orchestrator.run;

import java.util.Optional;

/**
 * A change of recipe between two attempts: what, why, and what it is expected to do to the final loss.
 *
 * <p>All losses are nats per token and mean the training loss averaged over the run's last steps, as
 * {@code ChangeScore} measures it.
 *
 * @param id unique within the run and a function of the attempt, so that asking twice proposes one change
 * @param beforeAttempt first attempt that would run with {@code to}
 * @param law the law and the constants behind the prediction, for people
 * @param explanation one paragraph for people: evidence, choice, domain, risk
 * @param predictedFinalLossUnchanged final loss if the run went on with {@code from}
 * @param predictedFinalLoss final loss with {@code to}
 * @param low90 lower end of the 90 % interval of the final loss with {@code to}
 * @param high90 upper end of that interval
 * @param effectLow90 lower end of the 90 % interval of the effect, changed minus unchanged; negative is better
 * @param effectHigh90 upper end of that interval
 * @param score what happened, once the run has ended
 */
public record RecipeChange(
        String id,
        int beforeAttempt,
        Recipe from,
        Recipe to,
        String law,
        String explanation,
        double predictedFinalLossUnchanged,
        double predictedFinalLoss,
        double low90,
        double high90,
        double effectLow90,
        double effectHigh90,
        Optional<Score> score,
        Status status) {

    public RecipeChange {
        requireOrdered("low90", low90, "predictedFinalLoss", predictedFinalLoss);
        requireOrdered("predictedFinalLoss", predictedFinalLoss, "high90", high90);
        requireOrdered("effectLow90", effectLow90, "effectHigh90", effectHigh90);
        if (score.isPresent() != (status == Status.SCORED)) {
            throw new IllegalArgumentException("status " + status + " with score " + score);
        }
    }

    /** Where the change stands; {@code SCORED} is the end of an applied one. */
    public enum Status {
        PROPOSED, APPROVED, REJECTED, APPLIED, SCORED
    }

    /**
     * What happened to the prediction.
     *
     * @param measuredFinalLoss nats per token
     * @param inInterval whether it lies in {@code [low90, high90]}
     * @param measuredEffect measured final loss minus the loss predicted without the change; the twin that was
     *     not run cannot be measured
     */
    public record Score(double measuredFinalLoss, boolean inInterval, double measuredEffect) {}

    public RecipeChange with(Status next) {
        return new RecipeChange(id, beforeAttempt, from, to, law, explanation, predictedFinalLossUnchanged,
                predictedFinalLoss, low90, high90, effectLow90, effectHigh90, Optional.empty(), next);
    }

    /** The change with its score and status {@link Status#SCORED}. */
    public RecipeChange scored(Score result) {
        return new RecipeChange(id, beforeAttempt, from, to, law, explanation, predictedFinalLossUnchanged,
                predictedFinalLoss, low90, high90, effectLow90, effectHigh90, Optional.of(result),
                Status.SCORED);
    }

    private static void requireOrdered(String lowName, double low, String highName, double high) {
        if (!(low <= high) || !Double.isFinite(low) || !Double.isFinite(high)) {
            throw new IllegalArgumentException(
                    lowName + " (" + low + ") must be finite and <= " + highName + " (" + high + ")");
        }
    }
}

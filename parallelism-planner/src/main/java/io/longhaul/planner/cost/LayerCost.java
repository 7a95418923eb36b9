package io.longhaul.planner.cost;

/**
 * Seconds that one layer and one micro-batch take on one rank; each is >= 0 and they add up.
 *
 * @param forward compute of the forward pass
 * @param inputGradient compute of the gradient by the layer's input
 * @param weightGradient compute of the gradient by its weights, which some schedules put off
 * @param recompute forward compute that is done again in the backward pass
 * @param tensor tensor-parallel traffic that is waited for
 * @param context context-parallel traffic that is waited for
 * @param expert expert-parallel traffic that is waited for
 */
public record LayerCost(
        double forward,
        double inputGradient,
        double weightGradient,
        double recompute,
        double tensor,
        double context,
        double expert) {
    public static final LayerCost NONE = new LayerCost(0, 0, 0, 0, 0, 0, 0);

    /** Compute of both passes, done once. */
    public double compute() {
        return forward + inputGradient + weightGradient;
    }

    public double total() {
        return compute() + recompute + tensor + context + expert;
    }

    /** So much of everything. */
    public LayerCost times(double n) {
        return new LayerCost(n * forward, n * inputGradient, n * weightGradient, n * recompute, n * tensor,
                n * context, n * expert);
    }

    public LayerCost plus(LayerCost o) {
        return new LayerCost(forward + o.forward, inputGradient + o.inputGradient,
                weightGradient + o.weightGradient, recompute + o.recompute, tensor + o.tensor,
                context + o.context, expert + o.expert);
    }
}

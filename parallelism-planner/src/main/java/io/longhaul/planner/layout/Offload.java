package io.longhaul.planner.layout;

/**
 * What waits in the host's memory.
 *
 * @param activations share of a stage's layers whose activations leave the device between passes, in [0, 1]
 * @param optimizer share of the optimizer's state and work on the host, in [0, 1]
 */
public record Offload(double activations, double optimizer) {
    public static final Offload NONE = new Offload(0, 0);

    public Offload {
        if (!(activations >= 0 && activations <= 1 && optimizer >= 0 && optimizer <= 1)) {
            throw new IllegalArgumentException(
                    "shares must be in [0, 1], got activations " + activations + ", optimizer " + optimizer);
        }
    }
}

package io.longhaul.planner.layout;

/**
 * Optimizer, by the state that it keeps per weight.
 *
 * <p>Bytes are those of moments in fp32; the fp32 copy of a 2-byte weight comes on top.
 */
public enum OptimizerKind {
    /** Two moments (Kingma and Ba 2015; Loshchilov and Hutter 2019). */
    ADAM(8),
    /** Two moments of one byte each (Dettmers et al. 2022). */
    ADAM_8BIT(2),
    /** One momentum, orthogonalised by Newton-Schulz steps (Jordan et al. 2024). */
    MUON(4),
    /** One momentum (Chen et al. 2023). */
    LION(4),
    /** Two moments of the gradient in a subspace of a quarter of its rank (GaLore, Zhao et al. 2024). */
    LOW_RANK(2);

    private final double momentBytes;

    OptimizerKind(double momentBytes) {
        this.momentBytes = momentBytes;
    }

    /** Bytes of moments per weight. */
    public double momentBytes() {
        return momentBytes;
    }
}

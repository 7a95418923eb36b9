package io.longhaul.laws;

/**
 * A step of a run.
 *
 * @param step counted from 1
 * @param learningRate that the step used
 * @param loss training loss, nats per token
 */
public record Observation(long step, double learningRate, double loss) {
    public Observation {
        if (step < 1) {
            throw new IllegalArgumentException("step must be >= 1, got " + step);
        }
        if (!(learningRate >= 0) || !Double.isFinite(learningRate)) {
            throw new IllegalArgumentException(
                    "learningRate of step " + step + " must be >= 0 and finite, got " + learningRate);
        }
        if (!Double.isFinite(loss)) {
            throw new IllegalArgumentException("loss of step " + step + " must be finite, got " + loss);
        }
    }
}

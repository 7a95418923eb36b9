package io.longhaul.laws;

/**
 * A step of a run.
 *
 * @param step counted from 1
 * @param learningRate that the step used
 * @param loss training loss, nats per token
 */
public record Observation(long step, double learningRate, double loss) {}

package io.longhaul.orchestrator.adapt;

/**
 * One point of a run's loss curve.
 *
 * @param step optimizer step, counted from 1
 * @param learningRate learning rate that this step used
 * @param loss nats per token; finite
 * @param tokens tokens consumed up to and including this step
 */
public record CurvePoint(long step, double learningRate, double loss, long tokens) {}

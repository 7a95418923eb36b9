package io.longhaul.monitor.straggler;

import java.util.Arrays;

/**
 * How long a step would take if some ranks were as fast as the others.
 *
 * <p>A step is modelled by what its ranks compute: a pipeline of {@code p} stages takes the time that the first
 * micro-batch needs through all of them, and then {@code m - 1} times that of the slowest stage, as 1F1B does; the
 * slowest of the pipelines keeps the others waiting when gradients are summed. Transfers are taken for hidden. The
 * slowdown by some ranks is what the step takes if they alone are as they are, over what it takes if nobody is.
 *
 * @see <a href="https://arxiv.org/abs/2505.05713">Understanding Stragglers in Large Model Training Using What-if
 *     Analysis, OSDI 25, section 3</a>, which replays every operation; from sums per rank its results are met
 *     within 7 % ({@code longhaul validate detectors})
 */
public final class WhatIf {
    private final double[][] seconds;
    private final int microBatches;
    private final double restSeconds;
    private final double ideal;

    /**
     * @param computeSeconds by pipeline and stage, shape {@code [data, p]}: forward and backward of all micro-batches
     *     of one step, all positive
     * @param microBatches {@code m >= 1} per pipeline and step
     * @param restSeconds of a step that is the same whoever is slow: gradients, optimizer
     */
    public WhatIf(double[][] computeSeconds, int microBatches, double restSeconds) {
        if (computeSeconds.length == 0 || microBatches < 1 || !(restSeconds >= 0)) {
            throw new IllegalArgumentException(
                    "needs at least one pipeline, microBatches >= 1 and restSeconds >= 0, got "
                            + computeSeconds.length + ", " + microBatches + " and " + restSeconds);
        }
        this.seconds = Arrays.stream(computeSeconds).map(double[]::clone).toArray(double[][]::new);
        this.microBatches = microBatches;
        this.restSeconds = restSeconds;
        this.ideal = Arrays.stream(seconds).flatMapToDouble(Arrays::stream).average().orElseThrow();
    }

    /** The step as it is. */
    public double stepSeconds() {
        double slowest = 0;
        for (double[] pipeline : seconds) {
            slowest = Math.max(slowest, pipelineSeconds(pipeline, microBatches));
        }
        return slowest + restSeconds;
    }

    /** How many times as long the step takes as if all ranks computed equally long. */
    public double slowdown() {
        return stepSeconds() / idealSeconds();
    }

    /** The same if only the ranks of one stage are as they are. */
    public double ofStage(int stage) {
        double slowest = 0;
        for (double[] pipeline : seconds) {
            double[] others = equal();
            others[stage] = pipeline[stage];
            slowest = Math.max(slowest, pipelineSeconds(others, microBatches));
        }
        return (slowest + restSeconds) / idealSeconds();
    }

    /** The same if only one pipeline is as it is. */
    public double ofPipeline(int data) {
        double slowest = Math.max(pipelineSeconds(seconds[data], microBatches),
                pipelineSeconds(equal(), microBatches));
        return (slowest + restSeconds) / idealSeconds();
    }

    /**
     * How many times as long a step takes when one rank of a stage is slow and all others are as usual: less than that
     * rank is slow, where other stages have more to do anyway.
     *
     * @param stageSeconds usual compute of each stage, positive
     * @param times how many times as long as usual the rank computes, at least 1
     */
    public static double alone(double[] stageSeconds, int stage, double times, int microBatches,
            double restSeconds) {
        double[] slowed = stageSeconds.clone();
        slowed[stage] *= times;
        return (pipelineSeconds(slowed, microBatches) + restSeconds)
                / (pipelineSeconds(stageSeconds, microBatches) + restSeconds);
    }

    private double idealSeconds() {
        return pipelineSeconds(equal(), microBatches) + restSeconds;
    }

    private double[] equal() {
        double[] stages = new double[seconds[0].length];
        Arrays.fill(stages, ideal);
        return stages;
    }

    private static double pipelineSeconds(double[] stages, int microBatches) {
        double all = 0;
        double slowest = 0;
        for (double stage : stages) {
            all += stage / microBatches;
            slowest = Math.max(slowest, stage / microBatches);
        }
        return all + (microBatches - 1) * slowest;
    }
}

package io.longhaul.monitor.straggler;

import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;

/**
 * What ranks usually take for a step, and what a slow one costs the others.
 *
 * <p>Usual is a mean that forgets: the newest step counts one eighth. Nothing is allocated for a sample.
 */
public final class RankTimes {
    private static final double NEWEST = 0.125;

    private final JobShape shape;
    private final double[] compute;
    private final double[] communication;
    private final int[] stageOf;

    /** @param ranks size of the world; ranks are numbered from 0 */
    public RankTimes(int ranks, JobShape shape) {
        this.shape = shape;
        compute = new double[ranks];
        communication = new double[ranks];
        stageOf = new int[ranks];
        Arrays.fill(compute, Double.NaN);
        Arrays.fill(communication, Double.NaN);
        Arrays.fill(stageOf, -1);
        for (int stage = 0; stage < shape.stages().size(); stage++) {
            for (int rank : shape.stages().get(stage)) {
                stageOf[rank] = stage;
            }
        }
    }

    /** Takes in one step of one rank; what is negative or not finite is passed over. */
    public void onStep(int rank, double computeSeconds, double communicationSeconds) {
        if (rank >= 0 && rank < compute.length) {
            learn(compute, rank, computeSeconds);
            learn(communication, rank, communicationSeconds);
        }
    }

    private static void learn(double[] usual, int rank, double value) {
        if (value >= 0 && value < Double.POSITIVE_INFINITY) {
            usual[rank] = Double.isNaN(usual[rank]) ? value : usual[rank] + NEWEST * (value - usual[rank]);
        }
    }

    /**
     * How many times as long a step takes because of a slow rank alone.
     *
     * @param rank of a stage
     * @param times its compute time over that of its peers
     * @return at least 1; {@code times} itself where too little is known of the stages
     */
    public double stepSlowdown(int rank, double times) {
        double[] stages = new double[shape.stages().size()];
        double rest = Double.POSITIVE_INFINITY;
        for (int stage = 0; stage < stages.length; stage++) {
            stages[stage] = median(compute, shape.stages().get(stage));
            for (int one : shape.stages().get(stage)) {
                // Who waits for nobody shows what communication takes by itself.
                rest = Math.min(rest, Double.isNaN(communication[one]) ? rest : communication[one]);
            }
            if (!(stages[stage] > 0)) {
                return Math.max(1, times);
            }
        }
        return WhatIf.alone(stages, stageOf[rank], Math.max(1, times), shape.microBatches(),
                rest == Double.POSITIVE_INFINITY ? 0 : rest);
    }

    /**
     * How much longer its peers communicate than a rank, waiting included: about what it keeps them waiting.
     *
     * @return seconds per step, NaN if not known
     */
    public double peersWaitSeconds(int rank) {
        List<Integer> others = shape.stages().get(stageOf[rank]).stream().filter(one -> one != rank).toList();
        return median(communication, others) - communication[rank];
    }

    /** Who waits for a slow rank: its peers when gradients are summed, and its pipeline in every micro-batch. */
    public String waiting(int rank) {
        int stage = stageOf[rank];
        List<List<Integer>> stages = shape.stages();
        List<Integer> peers = stages.get(stage);
        StringBuilder text = new StringBuilder("the other ").append(peers.size() - 1)
                .append(stages.size() > 1 ? " ranks of stage " + stage : " ranks")
                .append(" at the sum of gradients");
        TreeSet<Integer> pipeline = new TreeSet<>();
        int place = peers.indexOf(rank);
        for (List<Integer> other : stages) {
            if (other.size() == peers.size() && !other.equals(peers)) {
                pipeline.add(other.get(place));
            }
        }
        if (!pipeline.isEmpty()) {
            text.append(", and rank").append(pipeline.size() > 1 ? "s " : " ");
            text.append(String.join(", ", pipeline.stream().map(String::valueOf).toList()))
                    .append(" of its pipeline in every micro-batch");
        }
        return text.toString();
    }

    private static double median(double[] usual, List<Integer> of) {
        double[] known = of.stream()
                .mapToDouble(rank -> usual[rank])
                .filter(v -> !Double.isNaN(v))
                .sorted()
                .toArray();
        int middle = known.length / 2;
        return known.length == 0
                ? Double.NaN
                : known.length % 2 == 1 ? known[middle] : (known[middle - 1] + known[middle]) / 2;
    }
}

package io.longhaul.orchestrator.cli.planner;

import io.longhaul.planner.memory.StageMemory.Verdict;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/** Figures of predictions against measurements; groups count alike, whatever their size. */
record PlannerScore(List<Prediction> predictions) {
    /** Rows in which ranks are worth correlating. */
    private static final int SWEEP = 5;

    /** Rows by group, in the order of the file. */
    Map<String, List<Prediction>> groups() {
        return by(p -> p.run().group());
    }

    private Map<String, List<Prediction>> by(Function<Prediction, String> key) {
        return predictions.stream()
                .collect(Collectors.groupingBy(key, LinkedHashMap::new,
                        Collectors.toList()));
    }

    double stepTimeMape() {
        return macro(p -> p.run().timed(), p -> Math.abs(Math.expm1(p.timeError())));
    }

    double memoryMape() {
        return macro(p -> p.run().weighed(), p -> Math.abs(Math.expm1(p.memoryError())));
    }

    private double macro(Predicate<Prediction> counted, ToDoubleFunction<Prediction> value) {
        return groups().values()
                .stream()
                .map(group -> group.stream().filter(counted).mapToDouble(value).average())
                .filter(mean -> mean.isPresent())
                .mapToDouble(mean -> mean.getAsDouble())
                .average()
                .orElse(Double.NaN);
    }

    double timeCoverage() {
        return predictions.stream()
                .filter(p -> p.run().timed())
                .mapToDouble(p -> p.timeCovered() ? 1 : 0)
                .average()
                .orElse(Double.NaN);
    }

    double memoryCoverage() {
        return predictions.stream()
                .filter(p -> p.run().weighed())
                .mapToDouble(p -> p.memoryCovered() ? 1 : 0)
                .average()
                .orElse(Double.NaN);
    }

    /** Ways to run one model on one cluster with as many devices and samples: those that a planner chooses from. */
    List<List<Prediction>> sweeps(boolean sameShape) {
        return by(p -> String.join("|", p.run().group(), String.valueOf(p.run().machine().ranks()),
                String.valueOf(p.run().globalBatch()), sameShape ? p.run().model().toString() : ""))
                .values()
                .stream()
                .map(sweep -> sweep.stream().filter(p -> p.run().timed()).toList())
                .toList();
    }

    /** Spearman's, the mean over sweeps of at least five. */
    double rankCorrelation(boolean sameShape) {
        return sweeps(sameShape).stream()
                .filter(sweep -> sweep.size() >= SWEEP)
                .mapToDouble(PlannerScore::spearman)
                .filter(Double::isFinite)
                .average()
                .orElse(Double.NaN);
    }

    /** What the layout that is predicted fastest really takes longer than the fastest, the mean over sweeps. */
    double regret(boolean sameShape) {
        return sweeps(sameShape).stream()
                .filter(sweep -> sweep.size() > 1)
                .mapToDouble(PlannerScore::regret)
                .average()
                .orElse(Double.NaN);
    }

    private static double regret(List<Prediction> sweep) {
        double best = sweep.stream().mapToDouble(p -> p.run().seconds()).min().orElseThrow();
        Prediction chosen = sweep.stream().min(Comparator.comparingDouble(Prediction::seconds)).orElseThrow();
        return chosen.run().seconds() / best - 1;
    }

    static double spearman(List<Prediction> sweep) {
        double[] a = ranks(sweep.stream().mapToDouble(Prediction::seconds).toArray());
        double[] b = ranks(sweep.stream().mapToDouble(p -> p.run().seconds()).toArray());
        double mean = (a.length - 1) / 2.0;
        double both = 0;
        double first = 0;
        double second = 0;
        for (int i = 0; i < a.length; i++) {
            both += (a[i] - mean) * (b[i] - mean);
            first += (a[i] - mean) * (a[i] - mean);
            second += (b[i] - mean) * (b[i] - mean);
        }
        return both / Math.sqrt(first * second);
    }

    /** Places from 0, the mean of them for equal values. */
    private static double[] ranks(double[] values) {
        double[] ranks = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            for (int j = 0; j < values.length; j++) {
                ranks[i] += values[j] < values[i] ? 1 : j != i && values[j] == values[i] ? 0.5 : 0;
            }
        }
        return ranks;
    }

    List<Prediction> outOfMemory() {
        return predictions.stream().filter(p -> p.run().outOfMemory()).toList();
    }

    long outOfMemoryCalledSafe() {
        return outOfMemory().stream().filter(p -> p.verdict() == Verdict.SAFE).count();
    }

    /** Rows that ran although they are said not to fit. */
    List<Prediction> ranCalledOutOfMemory() {
        return predictions.stream()
                .filter(p -> !p.run().outOfMemory() && p.verdict() == Verdict.NO)
                .toList();
    }

    /** Rows furthest off in time, worst first. */
    List<Prediction> worst(double beyond) {
        List<Prediction> off = new ArrayList<>(predictions.stream()
                .filter(p -> p.run().timed() && Math.abs(Math.expm1(p.timeError())) > beyond)
                .toList());
        off.sort(Comparator.comparingDouble(p -> -Math.abs(p.timeError())));
        return off;
    }
}

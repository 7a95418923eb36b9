package io.longhaul.orchestrator.cli.planner;

import io.longhaul.planner.calibrate.HierarchicalFit;
import io.longhaul.planner.calibrate.Observation;
import io.longhaul.planner.calibrate.Posterior;
import io.longhaul.planner.constants.Constants;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/** Predicts every run with constants that were fitted without the runs of its part. */
final class CrossValidation {
    private static final double SMALLEST_SCALE = 0.7;

    private CrossValidation() {}

    /** Parts of a known number, each of whole groups, spread so that neighbours in the file part. */
    static Function<MeasuredRun, String> folds(List<MeasuredRun> runs, int count) {
        Map<String, Integer> order = new LinkedHashMap<>();
        for (MeasuredRun run : runs) {
            order.putIfAbsent(run.group(), order.size());
        }
        return run -> String.valueOf(order.getOrDefault(run.group(), 0) % count);
    }

    /** In the order of the runs; intervals of a part are as wide as the errors of the other parts ask for. */
    static List<Prediction> byPart(List<MeasuredRun> runs, Function<MeasuredRun, String> partOf,
            Consumer<String> progress) {
        Map<String, List<MeasuredRun>> parts = new LinkedHashMap<>();
        for (MeasuredRun run : runs) {
            parts.computeIfAbsent(partOf.apply(run), p -> new ArrayList<>()).add(run);
        }
        Map<MeasuredRun, Prediction> found = new IdentityHashMap<>();
        int done = 0;
        for (Map.Entry<String, List<MeasuredRun>> part : parts.entrySet()) {
            progress.accept("part " + ++done + " of " + parts.size());
            List<MeasuredRun> rest = runs.stream()
                    .filter(run -> !partOf.apply(run).equals(part.getKey()))
                    .toList();
            predict(rest, part.getValue()).forEach(p -> found.put(p.run(), p));
        }
        List<Prediction> raw = runs.stream().map(found::get).toList();
        Map<String, double[]> scales = new LinkedHashMap<>();
        for (String part : parts.keySet()) {
            scales.put(part,
                    scales(raw.stream().filter(p -> !partOf.apply(p.run()).equals(part)).toList()));
        }
        return raw.stream().map(p -> {
            double[] s = Objects.requireNonNull(scales.get(partOf.apply(p.run())));
            return p.scaled(s[0], s[1]);
        }).toList();
    }

    /** Fits to some runs and predicts others; the width of the intervals comes from cross-validation of the first. */
    static List<Prediction> onOthers(List<MeasuredRun> known, List<MeasuredRun> asked,
            Consumer<String> progress) {
        List<Prediction> within = new ArrayList<>();
        Function<MeasuredRun, String> folds = folds(known, 5);
        for (String part : known.stream().map(folds).distinct().toList()) {
            progress.accept("width of intervals, part " + part);
            within.addAll(predict(known.stream().filter(r -> !folds.apply(r).equals(part)).toList(),
                    known.stream().filter(r -> folds.apply(r).equals(part)).toList()));
        }
        double[] s = scales(within);
        return predict(known, asked).stream().map(p -> p.scaled(s[0], s[1])).toList();
    }

    /** Factors on the spreads of times and of memory that make 90 % intervals hold 90 % of these. */
    static double[] scales(List<Prediction> predictions) {
        return new double[]{
                scale(predictions.stream().filter(p -> p.run().timed()).toList(),
                        p -> Math.abs(p.timeError()) / p.secondsSpread()),
                scale(predictions.stream().filter(p -> p.run().weighed()).toList(),
                        p -> Math.abs(p.memoryError()) / p.bytesSpread())};
    }

    /** Rows and groups count half each, so that neither a large group nor many small ones decide alone. */
    private static double scale(List<Prediction> predictions, ToDoubleFunction<Prediction> deviations) {
        if (predictions.isEmpty()) {
            return 1;
        }
        Map<String, Integer> sizes = new LinkedHashMap<>();
        predictions.forEach(p -> sizes.merge(p.run().group(), 1, Integer::sum));
        double[][] weighted = predictions.stream()
                .map(p -> new double[]{deviations.applyAsDouble(p),
                        0.5 / predictions.size()
                                + 0.5 / (sizes.size() * (double) sizes.getOrDefault(p.run().group(), 1))})
                .toArray(double[][]::new);
        Arrays.sort(weighted, (a, b) -> Double.compare(a[0], b[0]));
        double below = 0;
        for (double[] one : weighted) {
            below += one[1];
            if (below >= 0.9) {
                return Math.max(SMALLEST_SCALE, one[0] / Prediction.Z90);
            }
        }
        return Math.max(SMALLEST_SCALE, weighted[weighted.length - 1][0] / Prediction.Z90);
    }

    static List<Prediction> predict(List<MeasuredRun> known, List<MeasuredRun> asked) {
        Posterior time = HierarchicalFit.fit(
                known.stream().filter(MeasuredRun::timed).map(MeasuredRun::timeObservation).toList());
        Posterior memory = HierarchicalFit.fit(
                known.stream().map(MeasuredRun::memoryObservation).toList());
        return asked.stream().map(run -> predict(run, time, memory)).toList();
    }

    private static Prediction predict(MeasuredRun run, Posterior time, Posterior memory) {
        Constants forTime = time.constants(run.keys());
        Constants forMemory = memory.constants(run.keys());
        Observation seconds = new Observation(run.keys(), run::predictedSeconds, 1, run.noise());
        Observation bytes = new Observation(run.keys(), run::predictedBytes, 1, MeasuredRun.MEMORY_NOISE);
        return new Prediction(run,
                run.predictedSeconds(forTime),
                Math.hypot(run.noise(), time.spread(run.keys(), HierarchicalFit.slopes(seconds, forTime))),
                run.predictedBytes(forMemory),
                Math.hypot(MeasuredRun.MEMORY_NOISE,
                        memory.spread(run.keys(), HierarchicalFit.slopes(bytes, forMemory))),
                run.predictedBytes(forMemory, MeasuredRun.MemoryKind.DEVICE));
    }
}

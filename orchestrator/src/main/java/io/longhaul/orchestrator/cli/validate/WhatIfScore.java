package io.longhaul.orchestrator.cli.validate;

import io.longhaul.monitor.straggler.WhatIf;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What stragglers cost, from what each rank computed in a step, against the results that were published for the same
 * recorded steps after a replay of every single operation.
 */
final class WhatIfScore {
    private static final String COMPUTE = "(forward|backward)-compute";
    private static final String TRANSFER = ".*-(send|recv)";

    private WhatIfScore() {}

    /** One recorded step: compute seconds by pipeline and stage, and what comes on top of them on every rank. */
    private record Step(double[][] compute, int microBatches, double rest) {
        WhatIf whatIf() {
            return new WhatIf(compute, microBatches, rest);
        }
    }

    static void score(Path directory, Report report) {
        for (String name : List.of("AR", "ST", "SE")) {
            Path timeline = directory.resolve("workers/bytedance_" + name + "_agg.csv");
            Path published = directory.resolve("workers/bytedance_results/result-" + name + ".json");
            if (Csv.exists(timeline) && Files.isRegularFile(published)) {
                score(name, steps(timeline), results(published), report);
            }
        }
    }

    private static void score(String name, List<Step> steps, JsonNode published, Report report) {
        double slowdown = Report.median(steps.stream().map(step -> step.whatIf().slowdown()).toList());
        double theirs = published.path("blocking_slowdown").asDouble(Double.NaN);
        report.figure("workers.what_if." + name + ".slowdown", slowdown);
        report.figure("workers.what_if." + name + ".published", theirs);
        double[][] shape = steps.getFirst().compute;
        report.line("what if nobody were slow, %s: slowdown %.3f, published %.3f; by stage%s; by pipeline%s",
                name,
                slowdown, theirs,
                parts(IntStream.range(0, shape[0].length), stage -> Report.median(
                        steps.stream().map(step -> step.whatIf().ofStage(stage)).toList()),
                        published.path("blocking_decompose_by_stage")),
                parts(IntStream.range(0, Math.min(4, shape.length)), data -> Report.median(
                        steps.stream().map(step -> step.whatIf().ofPipeline(data)).toList()),
                        published.path("blocking_decompose_by_dp_rank")));
    }

    private static String parts(IntStream numbers, IntToDoubleFunction ours, JsonNode theirs) {
        StringBuilder text = new StringBuilder();
        numbers.forEach(number -> text.append(String.format(Locale.ROOT, " %d: %.3f (%.3f)", number,
                ours.applyAsDouble(number), theirs.path(Integer.toString(number)).asDouble(Double.NaN))));
        return text.toString();
    }

    private static JsonNode results(Path file) {
        try {
            return JsonMapper.builder().build().readTree(Files.readAllBytes(file));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file + ": " + e.getMessage(), e);
        } catch (JacksonException e) {
            throw new UncheckedIOException(
                    new IOException(file + " is no JSON: " + e.getOriginalMessage(), e));
        }
    }

    private static List<Step> steps(Path file) {
        Map<Long, List<Csv.Row>> byStep = new TreeMap<>();
        Csv.read(file,
                row -> byStep.computeIfAbsent((long) row.number("step"), s -> new ArrayList<>()).add(row));
        return byStep.values().stream().map(WhatIfScore::step).toList();
    }

    private static Step step(List<Csv.Row> rows) {
        int data = 1 + rows.stream().mapToInt(row -> (int) row.number("dp")).max().orElseThrow();
        int stages = 1 + rows.stream().mapToInt(row -> (int) row.number("pp")).max().orElseThrow();
        double[][] compute = new double[data][stages];
        double[][] rest = new double[data][stages];
        int microBatches = 1;
        for (Csv.Row row : rows) {
            String operation = row.text("op");
            double[][] to = operation.matches(COMPUTE) ? compute : rest;
            if (!operation.matches(TRANSFER)) {
                to[(int) row.number("dp")][(int) row.number("pp")] += row.number("sum_us") / 1e6;
            }
            microBatches = operation.matches(COMPUTE) ? (int) row.number("n") : microBatches;
        }
        double least = Arrays.stream(rest)
                .flatMapToDouble(Arrays::stream)
                .min()
                .orElseThrow();
        return new Step(compute, microBatches, least);
    }
}

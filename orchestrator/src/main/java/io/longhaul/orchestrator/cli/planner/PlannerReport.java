package io.longhaul.orchestrator.cli.planner;

import io.longhaul.orchestrator.cli.validate.Csv;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Writes down how predictions compare with measurements. */
record PlannerReport(MeasuredRuns read, PlannerScore score, Optional<PlannerScore> sources) {
    private static final String HEADER = "id,group,layout,status,seconds,predicted_seconds,low_seconds,high_seconds,time_error,"
            + "memory_gb,memory_kind,predicted_memory_gb,low_memory_gb,high_memory_gb,memory_error,"
            + "outcome,device_memory_gb,capacity_gb,verdict,assumed";

    /** Flat figures; shares are fractions, what is not known is null. */
    Map<String, @Nullable Object> summary(double seconds) {
        Map<String, @Nullable Object> all = new LinkedHashMap<>();
        all.put("rows_total", read.runs().size() + read.skipped().size());
        all.put("rows_scored", read.runs().size());
        all.put("rows_skipped", read.skipped().size());
        all.put("groups", score.groups().size());
        all.put("step_time_macro_mape", known(score.stepTimeMape()));
        all.put("rank_correlation", known(score.rankCorrelation(false)));
        all.put("chosen_layout_regret", known(score.regret(false)));
        all.put("memory_mape", known(score.memoryMape()));
        all.put("oom_rows", score.outOfMemory().size());
        all.put("oom_called_safe", score.outOfMemoryCalledSafe());
        all.put("safe_called_oom", score.ranCalledOutOfMemory().size());
        all.put("interval90_coverage", known(score.timeCoverage()));
        all.put("memory_interval90_coverage", known(score.memoryCoverage()));
        all.put("same_model_rank_correlation", known(score.rankCorrelation(true)));
        all.put("same_model_regret", known(score.regret(true)));
        sources.ifPresent(s -> {
            all.put("unseen_source_step_time_macro_mape", known(s.stepTimeMape()));
            all.put("unseen_source_memory_mape", known(s.memoryMape()));
            all.put("unseen_source_interval90_coverage", known(s.timeCoverage()));
        });
        all.put("seconds", seconds);
        return all;
    }

    private static @Nullable Object known(double value) {
        return Double.isFinite(value) ? value : null;
    }

    /** One line per row of the file that was predicted or skipped. */
    List<String> rows() {
        List<String> lines = new ArrayList<>(List.of(HEADER));
        for (Prediction p : score.predictions()) {
            MeasuredRun run = p.run();
            double time = Math.exp(Prediction.Z90 * p.secondsSpread());
            double memory = Math.exp(Prediction.Z90 * p.bytesSpread());
            lines.add(Stream
                    .of(run.id(), run.group(), run.layout() + " m" + run.layout().microBatches(), "scored",
                            number(run.seconds()), number(p.seconds()), number(p.seconds() / time),
                            number(p.seconds() * time), number(Math.expm1(p.timeError())),
                            number(run.memoryBytes() / 1e9), run.memoryKind().name().toLowerCase(Locale.ROOT),
                            number(p.bytes() / 1e9), number(p.bytes() / memory / 1e9),
                            number(p.bytes() * memory / 1e9),
                            number(Math.expm1(p.memoryError())), run.outOfMemory() ? "oom" : "ok",
                            number(p.deviceBytes() / 1e9), number(run.machine().memoryBytesPerRank() / 1e9),
                            p.verdict().name().toLowerCase(Locale.ROOT), String.join("; ", run.assumed()))
                    .map(Csv::field)
                    .collect(Collectors.joining(",")));
        }
        for (MeasuredRuns.Skipped s : read.skipped()) {
            lines.add(Csv.field(s.id()) + "," + Csv.field(s.group()) + ",,"
                    + Csv.field("skipped: " + s.reason()) + ",".repeat(16));
        }
        return lines;
    }

    private static String number(double value) {
        return Double.isFinite(value) ? String.format(Locale.ROOT, "%.5g", value) : "";
    }

    void print(PrintWriter text, double bad, int shown, boolean tables) {
        text.printf(Locale.ROOT, "%d rows, %d predicted, %d skipped%n",
                read.runs().size() + read.skipped().size(), read.runs().size(), read.skipped().size());
        read.skipped()
                .stream()
                .collect(Collectors.groupingBy(s -> s.reason().replaceAll("\\d+(\\.\\d+)?", "#"),
                        LinkedHashMap::new,
                        Collectors.counting()))
                .forEach((reason, count) -> text.printf("  skipped %d: %s%n", count, reason));
        text.printf("%n%-42s %4s %9s %8s %8s %9s%n", "group", "rows", "step time", "bias", "covered",
                "memory");
        score.groups().forEach((group, rows) -> {
            PlannerScore own = new PlannerScore(rows);
            double bias = rows.stream()
                    .filter(p -> p.run().timed())
                    .mapToDouble(Prediction::timeError)
                    .average()
                    .orElse(Double.NaN);
            text.printf("%-42s %4d %9s %8s %8s %9s%n", group, rows.size(), percent(own.stepTimeMape()),
                    percent(Math.expm1(bias)), percent(own.timeCoverage()), percent(own.memoryMape()));
        });
        printSweeps(text);
        printBad(text, bad, shown);
        if (tables) {
            score.predictions().forEach(p -> text.println(line(p)));
        }
        text.println();
        line(text, "step time, macro MAPE over groups", percent(score.stepTimeMape()));
        sources.ifPresent(s -> line(text, "  with whole sources held out", percent(s.stepTimeMape())));
        line(text, "rank correlation within sweeps of 5 or more", number(score.rankCorrelation(false)));
        line(text, "  of one model", number(score.rankCorrelation(true)));
        line(text, "regret of the chosen layout", percent(score.regret(false)));
        line(text, "  of one model", percent(score.regret(true)));
        line(text, "90 % intervals that hold the step time", percent(score.timeCoverage()));
        line(text, "memory, macro MAPE over groups", percent(score.memoryMape()));
        line(text, "90 % intervals that hold the memory", percent(score.memoryCoverage()));
        line(text, "out of memory: rows, of which called safe",
                score.outOfMemory().size() + ", " + score.outOfMemoryCalledSafe());
        line(text, "rows that ran but were called too large",
                String.valueOf(score.ranCalledOutOfMemory().size()));
    }

    private static void line(PrintWriter text, String what, String value) {
        text.printf("%-46s %s%n", what, value);
    }

    private void printSweeps(PrintWriter text) {
        text.printf("%n%-42s %5s %6s %6s %6s %8s%n", "sweep", "gpus", "batch", "rows", "rank", "regret");
        for (List<Prediction> sweep : score.sweeps(false)) {
            if (sweep.size() >= 5) {
                PlannerScore own = new PlannerScore(sweep);
                MeasuredRun run = sweep.getFirst().run();
                text.printf(Locale.ROOT, "%-42s %5d %6d %6d %6.2f %8s%n", run.group(), run.machine().ranks(),
                        run.globalBatch(), sweep.size(), PlannerScore.spearman(sweep),
                        percent(own.regret(false)));
            }
        }
    }

    private void printBad(PrintWriter text, double bad, int shown) {
        List<Prediction> worst = score.worst(bad);
        text.printf("%n%d rows are off by more than %s; the worst:%n", worst.size(), percent(bad));
        worst.stream().limit(shown).forEach(p -> text.println(line(p)));
        for (Prediction p : score.outOfMemory()) {
            text.printf(Locale.ROOT, "out of memory: %s %s: %.1f of %.0f GB, %s%n", p.run().id(),
                    p.run().layout(), p.deviceBytes() / 1e9, p.run().machine().memoryBytesPerRank() / 1e9,
                    p.verdict().name().toLowerCase(Locale.ROOT));
        }
    }

    private static String line(Prediction p) {
        String memory = p.run().weighed()
                ? String.format(Locale.ROOT, " %6.1f GB measured, %6.1f predicted %+5.1f %%",
                        p.run().memoryBytes() / 1e9, p.bytes() / 1e9, 100 * Math.expm1(p.memoryError()))
                : "";
        return String.format(Locale.ROOT, "  %-17s %-32s %9.3f s measured, %9.3f predicted %+6.1f %%%s  %s",
                p.run().id(), p.run().group(), p.run().seconds(), p.seconds(),
                100 * Math.expm1(p.timeError()), memory, p.run().layout());
    }

    private static String percent(double share) {
        return Double.isNaN(share) ? "-" : String.format(Locale.ROOT, "%.1f %%", 100 * share);
    }
}

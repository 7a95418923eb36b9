package io.longhaul.orchestrator.cli.planner;

import io.longhaul.orchestrator.cli.validate.Csv;
import io.longhaul.planner.cluster.Accelerator;
import io.longhaul.planner.cluster.Accelerator.Generation;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

/** {@code longhaul validate planner}. */
@Command(name = "planner", mixinStandardHelpOptions = true, description = "Predicts step time and memory of measured runs, each with constants that were fitted without its group, and prints how far off they are.")
public final class PlannerValidateCommand implements Runnable {
    private static final int FOLDS = 10;
    private static final double BAD = 0.3;
    private static final int BAD_SHOWN = 25;

    @Option(names = "--runs", paramLabel = "CSV", required = true, description = "measured runs (.csv or .csv.gz), one line each")
    private Path runs = Path.of("training-runs.csv");

    @Option(names = "--accelerators", paramLabel = "CSV", description = "data sheets that override the built-in ones")
    private @Nullable Path accelerators;

    @Option(names = "--fit", paramLabel = "CSV", description = "fit to these runs and try on all of --runs, instead of cross-validation over groups")
    private @Nullable Path fit;

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "folder for summary.json and rows.csv")
    private Path out = Path.of(".");

    @Option(names = "--tables", description = "print every row of the published tables, predicted against measured")
    private boolean tables;

    @Option(names = "--constants", paramLabel = "FILE", description = "write the constants that all of --runs give, as they ship with the planner")
    private @Nullable Path constants;

    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public void run() {
        long start = System.nanoTime();
        PrintWriter text = Objects.requireNonNull(spec).commandLine().getOut();
        Consumer<String> progress = Objects.requireNonNull(spec).commandLine().getErr()::println;
        Map<String, Accelerator> devices = accelerators == null ? Map.of() : devices(existing(accelerators));
        MeasuredRuns read = MeasuredRuns.read(existing(runs), devices);
        if (read.runs().isEmpty()) {
            throw failure(runs + " has no row that can be predicted" + read.skipped()
                    .stream()
                    .findFirst()
                    .map(s -> "; the first: " + s.reason())
                    .orElse(""));
        }
        List<MeasuredRun> all = read.runs();
        boolean apart = fit != null;
        List<Prediction> predictions = apart
                ? CrossValidation.onOthers(MeasuredRuns.read(existing(Objects.requireNonNull(fit)), devices)
                        .runs(), all, progress)
                : CrossValidation.byPart(all, CrossValidation.folds(all, FOLDS), progress);
        PlannerScore score = new PlannerScore(predictions);
        Optional<PlannerScore> sources = apart || all.stream().map(MeasuredRun::source).distinct().count() < 3
                ? Optional.empty()
                : Optional.of(new PlannerScore(CrossValidation.byPart(all, MeasuredRun::source, progress)));
        PlannerReport report = new PlannerReport(read, score, sources);
        Map<String, @Nullable Object> summary = report.summary((System.nanoTime() - start) / 1e9);
        report.print(text, BAD, BAD_SHOWN, tables);
        text.flush();
        write(out, "summary.json", JsonMapper.builder()
                .build()
                .writerWithDefaultPrettyPrinter()
                .writeValueAsString(summary) + "\n");
        write(out, "rows.csv", String.join("\n", report.rows()) + "\n");
        if (constants != null) {
            Path file = constants.toAbsolutePath();
            write(Objects.requireNonNull(file.getParent()), String.valueOf(file.getFileName()),
                    FittedConstants.text(all));
        }
    }

    private static void write(Path folder, String name, String text) {
        try {
            Files.createDirectories(folder);
            Files.writeString(folder.resolve(name), text);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write to " + folder + ": " + e.getMessage(), e);
        }
    }

    private Path existing(Path file) {
        if (!Csv.exists(file)) {
            throw failure(file + " is no file");
        }
        return file;
    }

    private ParameterException failure(String message) {
        return new ParameterException(Objects.requireNonNull(spec).commandLine(), message);
    }

    /** Data sheets in the columns of the data set's accelerators.csv; empty cells keep what is built in. */
    static Map<String, Accelerator> devices(Path file) {
        Map<String, Accelerator> found = new HashMap<>();
        for (Csv.Row row : Csv.read(file)) {
            String name = row.text("id");
            double peak = row.number("bf16_dense_tflops", row.number("fp16_dense_tflops"));
            Optional<Accelerator> known = Accelerator.like(name, row.number("mem_gb"));
            if (name.isEmpty() || Double.isNaN(peak) && known.isEmpty()) {
                continue;
            }
            Accelerator base = known.orElseGet(() -> new Accelerator(name, peak * 1e12, 80e9, peak * 6.5e9,
                    0.8, 2e11, 2.5e10, 8));
            double flops = Double.isNaN(peak) ? base.peakFlops() : peak * 1e12;
            double fp8 = row.number("fp8_dense_tflops", flops / 1e12) * 1e12;
            found.put(name, new Accelerator(name, flops, row.number("mem_gb", base.memoryBytes() / 1e9) * 1e9,
                    row.number("mem_bw_gb_s", base.memoryBandwidth() / 1e9) * 1e9,
                    row.number("matmul_best_bf16_tflops", base.efficiency() * flops / 1e12) * 1e12 / flops,
                    row.number("scaleup_gb_s_per_dir", base.intraNodeBandwidth() / 1e9) * 1e9,
                    row.number("nic_gbit_s_per_gpu_typical", base.interNodeBandwidth() * 8e-9) * 1.25e8,
                    base.devicesPerNode(), known.map(Accelerator::generation).orElse(Generation.OTHER), fp8,
                    row.number("fp4_dense_tflops", fp8 / 1e12) * 1e12,
                    (int) row.number("scaleup_domain", base.linkDomain())));
        }
        return new LinkedHashMap<>(found);
    }
}

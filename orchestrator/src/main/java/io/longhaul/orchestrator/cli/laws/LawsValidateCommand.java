package io.longhaul.orchestrator.cli.laws;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code longhaul validate laws}. */
@Command(name = "laws", mixinStandardHelpOptions = true, description = "Tries the scaling laws on recorded runs, each on curves, sizes and cells that it was not fitted to.")
public final class LawsValidateCommand implements Runnable {
    @Parameters(paramLabel = "DIR", description = "folder of data sets (mpl, epfl_schedules, steplaw, ...); those that are absent are named and left out")
    private Path folder = Path.of(".");

    @Option(names = "--fit", paramLabel = "DIR2", description = "fit to this folder's data and try on DIR's")
    private @Nullable Path fit;

    @Option(names = "--out", paramLabel = "OUT", required = true, description = "folder for summary.json and curves.csv")
    private Path out = Path.of(".");

    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public void run() {
        if (!Files.isDirectory(folder)) {
            throw new ParameterException(Objects.requireNonNull(spec).commandLine(),
                    folder + " is no folder");
        }
        Path from = Objects.requireNonNullElse(fit, folder);
        Figures figures = new Figures(System.out);
        Map<String, Consumer<String>> scores = new LinkedHashMap<>();
        scores.put("mpl", name -> MplScore.score(folder.resolve(name), from.resolve(name), figures));
        scores.put("epfl_schedules",
                name -> EpflScore.score(folder.resolve(name), from.resolve(name), figures));
        scores.put("steplaw", name -> {
            attempt(figures, () -> StepLawScore.dense(folder.resolve(name), from.resolve(name), figures));
            attempt(figures, () -> StepLawScore.moe(folder.resolve(name), from.resolve(name), figures));
        });
        scores.put("olmo_ladder",
                name -> SurfaceScore.olmo(folder.resolve(name), from.resolve(name), figures));
        scores.put("gadre", name -> SurfaceScore.gadre(folder.resolve(name), from.resolve(name), figures));
        scores.put(
                "misfitting",
                name -> SurfaceScore.misfitting(folder.resolve(name), from.resolve(name), figures));
        scores.put(
                "critical_batch",
                name -> BatchScore.criticalBatch(folder.resolve(name), from.resolve(name), figures));
        scores.put("datablations",
                name -> BatchScore.dataBlations(folder.resolve(name), from.resolve(name), figures));
        scores.put("gpt100m_20b", name -> GptScore.score(folder.resolve(name), from.resolve(name), figures));
        scores.forEach((name, score) -> {
            if (!Files.isDirectory(folder.resolve(name))) {
                figures.say("%s: absent, left out", name);
            } else if (!Files.isDirectory(from.resolve(name))) {
                figures.say("%s: absent from %s, which is to be fitted to: left out", name, from);
            } else {
                figures.say("%s", name);
                attempt(figures, () -> score.accept(name));
            }
        });
        figures.write(out);
    }

    /** Data that cannot be read costs its own figures only. */
    private static void attempt(Figures figures, Runnable score) {
        try {
            score.run();
        } catch (Rows.BadDataException | IllegalArgumentException e) {
            figures.say("  left out: %s", String.valueOf(e.getMessage()));
        }
    }
}

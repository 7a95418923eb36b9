package io.longhaul.orchestrator.cli;

import io.longhaul.orchestrator.cli.plan.PlanReport;
import io.longhaul.orchestrator.cli.plan.SearchProgress;
import io.longhaul.orchestrator.plan.ConstantsFile;
import io.longhaul.orchestrator.plan.PlanService;
import io.longhaul.orchestrator.plan.Questions;
import io.longhaul.orchestrator.plan.WorkerTools;
import io.longhaul.orchestrator.run.RunSpec;
import io.longhaul.orchestrator.run.RunSpecReader;
import io.longhaul.planner.constants.Constants;
import io.longhaul.planner.schedule.ChromeTrace;
import io.longhaul.planner.schedule.StepReplay;
import io.longhaul.planner.schedule.Timeline;
import io.longhaul.planner.schedule.TimelineSvg;
import io.longhaul.planner.search.SearchControl;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code longhaul plan}. */
@Command(name = "plan", mixinStandardHelpOptions = true, description = "Plans a RunSpec and explains the plan. Needs no service; measures this machine if that is the cluster.")
final class PlanCommand implements Runnable {
    private static final double LONGEST_DEADLINE = 86_400;

    private enum Format {
        text, json, launch, megatron, deepspeed
    }

    private enum Objective {
        time, cost, energy, goodput
    }

    @Parameters(paramLabel = "FILE", description = "RunSpec as YAML or JSON, - for standard input")
    private Path file = Path.of("-");

    @Option(names = "--format", paramLabel = "FORMAT", description = "${COMPLETION-CANDIDATES}; launch is the text that starts the run, megatron and deepspeed the same planned for that framework; usual is text")
    private Format format = Format.text;

    @Option(names = "--objective", paramLabel = "WHAT", description = "what is to be least, ${COMPLETION-CANDIDATES}; usual is what the RunSpec says")
    private @Nullable Objective objective;

    @Option(names = "--why-not", paramLabel = "CONFIG", description = "says why this is not the plan, for instance \"tp8 pp4 b2 recompute-full\"; what is not named is as in the plan")
    private @Nullable String whyNot;

    @Option(names = "--what-if", description = "plans again as if the framework's version could run everything, and says what it lacks for that; plans twice")
    private boolean whatIf;

    @Option(names = "--constants", paramLabel = "CSV", description = "constants that longhaul calibrate learned on this cluster")
    private @Nullable Path constants;

    @Option(names = "--deadline", paramLabel = "SECONDS", description = "ends the search after so long, with the best plan so far and how far from the best it can be")
    private @Nullable Double deadline;

    @Option(names = "--pareto", description = "lists plans of which none is beaten in the objective, memory and number of ranks; plans several times")
    private boolean pareto;

    @Option(names = "--sensitivity", description = "says what would have to change for another plan to win, how sure the order of the plans is, and what to measure next; plans several times")
    private boolean sensitivity;

    @ArgGroup(exclusive = false, heading = "%nA run that trains already:%n")
    private @Nullable RunningOptions running;

    private static final class RunningOptions {
        @Option(names = "--running", required = true, paramLabel = "CONFIG", description = "its layout: says whether it pays to leave it for the plan")
        private String layout = "";

        @Option(names = "--tokens-left", paramLabel = "TOKENS", description = "usual are the RunSpec's tokens")
        private @Nullable Long tokens;

        @Option(names = "--storage-gbps", paramLabel = "GB/S", description = "rate at which all ranks together read a checkpoint; usual is ${DEFAULT-VALUE}", defaultValue = "10")
        private double storage;

        @Option(names = "--restart-seconds", paramLabel = "S", description = "from the end of the old processes to the first new step; usual is ${DEFAULT-VALUE}", defaultValue = "300")
        private double restart;
    }

    @Option(names = "--report", paramLabel = "HTML", description = "writes one page with pictures; includes --sensitivity and --pareto")
    private @Nullable Path report;

    @Option(names = "--trace", paramLabel = "JSON", description = "writes the schedule of a step for chrome://tracing or Perfetto")
    private @Nullable Path trace;

    @Option(names = "--width", paramLabel = "COLUMNS", description = "of the text; usual is $COLUMNS, or 100", defaultValue = "${env:COLUMNS:-100}")
    private int width;

    @Override
    public void run() {
        RunSpec spec = asked(RunSpecReader.read(Specs.read(file), Optional.ofNullable(objective)
                .map(o -> RunSpec.Objective.valueOf(o.name().toUpperCase(Locale.ROOT)))));
        Path worker = Path.of(Homes.setting("LONGHAUL_WORKER", "worker")).toAbsolutePath();
        WorkerTools tools = new WorkerTools(worker, Homes.setting("LONGHAUL_PYTHON", "/usr/bin/python3"));
        Questions questions = new Questions(Optional.ofNullable(whyNot), whatIf,
                sensitivity || report != null,
                pareto || report != null, running(spec));
        PlanService service = new PlanService(tools, Homes.home(null).resolve("corpus"),
                Optional.ofNullable(constants).map(PlanCommand::constants));
        PlanService.Explained explained;
        try (SearchProgress progress = SearchProgress.onTerminal()) {
            explained = service.explain(spec, questions, control(progress));
        }
        JsonMapper mapper = new JsonMapper();
        JsonNode view = mapper.readTree(explained.plan().view());
        switch (format) {
            case text -> System.out.print(PlanText.plan(view, width));
            case json -> System.out.println(mapper.writerWithDefaultPrettyPrinter().writeValueAsString(view));
            case launch, megatron, deepspeed -> System.out.print(PlanText.launch(view));
        }
        Optional<Timeline> timeline = explained.replay().map(StepReplay::timeline);
        if (report != null) {
            String picture = timeline.map(TimelineSvg::draw).orElse("");
            write(report, out -> out.append(
                    PlanReport.html(spec.name(), view, picture, PlanText.launch(view))));
        }
        if (trace != null) {
            Timeline step = timeline.orElseThrow(() -> new ApiException(ExitCodes.USAGE,
                    "there is no trace: the plan has no pipeline, or this machine was measured as a whole"));
            write(trace, out -> ChromeTrace.write(step, out));
        }
    }

    private Optional<Questions.Running> running(RunSpec spec) {
        RunningOptions r = running;
        if (r == null) {
            return Optional.empty();
        }
        long tokens = r.tokens == null ? spec.training().tokens() : r.tokens;
        if (tokens < 0 || !(r.storage > 0 && r.restart >= 0)) {
            throw new ApiException(ExitCodes.USAGE,
                    "--tokens-left (" + tokens + ") and --restart-seconds (" + r.restart
                            + ") must be >= 0, --storage-gbps (" + r.storage + ") > 0");
        }
        return Optional
                .of(new Questions.Running(r.layout, Optional.empty(), tokens, 1e9 * r.storage, r.restart));
    }

    private SearchControl control(SearchProgress progress) {
        if (deadline == null) {
            return new SearchControl(() -> false, progress, 1);
        }
        if (!(deadline > 0 && deadline <= LONGEST_DEADLINE)) {
            throw new ApiException(ExitCodes.USAGE,
                    "--deadline is " + deadline + ": allowed are more than 0 and up to " + LONGEST_DEADLINE
                            + " seconds");
        }
        long end = System.nanoTime() + (long) (1e9 * deadline);
        return new SearchControl(() -> System.nanoTime() - end > 0, progress, 1);
    }

    private static Constants constants(Path file) {
        try {
            return ConstantsFile.read(Files.readString(file));
        } catch (IOException | IllegalArgumentException e) {
            throw new ApiException(ExitCodes.USAGE, "constants of " + file + ":\n" + e.getMessage());
        }
    }

    private RunSpec asked(RunSpec spec) {
        return switch (format) {
            case megatron -> spec.withFramework(RunSpec.Framework.MEGATRON_LM);
            case deepspeed -> spec.withFramework(RunSpec.Framework.DEEPSPEED);
            case text, json, launch -> spec;
        };
    }

    private interface Content {
        void to(Appendable out) throws IOException;
    }

    private static void write(Path file, Content content) {
        try (Writer out = Files.newBufferedWriter(file)) {
            content.to(out);
        } catch (IOException e) {
            throw new ApiException(ExitCodes.USAGE, "cannot write " + file + ": " + e);
        }
    }
}

package io.longhaul.orchestrator.cli.plan;

import io.longhaul.orchestrator.cli.ApiException;
import io.longhaul.orchestrator.cli.ExitCodes;
import io.longhaul.orchestrator.cli.Specs;
import io.longhaul.orchestrator.plan.ConstantsFile;
import io.longhaul.orchestrator.plan.PlanService;
import io.longhaul.orchestrator.run.RunSpec;
import io.longhaul.orchestrator.run.RunSpec.Cluster;
import io.longhaul.orchestrator.run.RunSpecReader;
import io.longhaul.planner.calibrate.Attempt;
import io.longhaul.planner.calibrate.Calibration;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.constants.Constants;
import io.longhaul.planner.constants.ShippedConstants;
import io.longhaul.planner.constants.Software;
import io.longhaul.planner.cost.CostModel;
import io.longhaul.planner.explain.LayoutReader;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.memory.MemoryModel;
import io.longhaul.planner.memory.StageMemory;
import io.longhaul.planner.model.ModelShape;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code longhaul calibrate}. */
@Command(name = "calibrate", mixinStandardHelpOptions = true, description = "Learns the cost model's constants of a cluster from ordinary logs of finished attempts, for longhaul plan --constants.")
public final class CalibrateCommand implements Runnable {
    /** Beyond this distance the measurements say something else than the model can, or the layout is not theirs. */
    private static final double FAR = 4;

    @Parameters(index = "0", paramLabel = "FILE", description = "RunSpec with the model and the described cluster of the attempts")
    private Path file = Path.of("-");

    @Parameters(index = "1..*", arity = "1..*", paramLabel = "LOG", description = "logs of Megatron-LM, Megatron-DeepSpeed or Longhaul's trainer, one per attempt")
    private List<Path> logs = List.of();

    @Option(names = "--layout", paramLabel = "CONFIG", description = "layout of an attempt whose log tells no arguments, for instance \"tp8 pp4 b2 zero1\"; once for each such log, in their order")
    private List<String> layouts = List.of();

    @Option(names = "--out", paramLabel = "CSV", description = "where to write the constants; usual is ${DEFAULT-VALUE}", defaultValue = "constants.csv")
    private Path out = Path.of("constants.csv");

    private record Measured(String name, Attempt attempt) {}

    @Override
    public void run() {
        RunSpec spec = RunSpecReader.read(Specs.read(file));
        if (!(spec.cluster() instanceof Cluster.Described described)) {
            throw new ApiException(ExitCodes.USAGE,
                    "/cluster/kind is this-machine: allowed is described; this machine is measured anew by every plan");
        }
        Machine.Cluster machine = PlanService.cluster(described);
        List<Measured> measured = measured(spec, machine);
        Software software = spec.framework() == RunSpec.Framework.DEEPSPEED
                ? Software.DEEPSPEED
                : Software.MEGATRON_CORE;
        ModelShape model = spec.model().shape();
        Calibration calibration = Calibration.of(model, machine, software, "",
                measured.stream().map(Measured::attempt).toList());
        Constants before = ShippedConstants.on(machine, software);
        Constants after = calibration.constants();
        print("%-24s %10s %18s %18s %10s %10s", "attempt", "step", "predicted before", "after", "memory",
                "before, after");
        for (Measured m : measured) {
            Attempt a = m.attempt();
            print("%-24s %8.3f s %18s %18s %10s %s", m.name(), a.stepSeconds(),
                    seconds(a, new CostModel(model, machine, before, software)),
                    seconds(a, new CostModel(model, machine, after, software)),
                    a.peakBytes().isPresent()
                            ? String.format(Locale.ROOT, "%.1f GB", a.peakBytes().getAsDouble() / 1e9)
                            : "",
                    a.peakBytes().isPresent()
                            ? bytes(a, new MemoryModel(model, machine, before, software)) + ", "
                                    + bytes(a, new MemoryModel(model, machine, after, software))
                            : "");
        }
        print("%n%-24s %12s %12s %8s", "constant", "before", "after", "sigmas");
        for (Calibration.Move move : calibration.moves()) {
            print("%-24s %12.4g %12.4g %+8.2f", move.constant(), move.before(), move.after(), move.sigmas());
        }
        print("%nall together moved by %.2f standard deviations%s", calibration.distance(),
                calibration.distance() > FAR
                        ? ": so far that the model, the layouts or the data sheet are likely wrong"
                        : "");
        write(after, measured.size(), machine);
    }

    private List<Measured> measured(RunSpec spec, Machine machine) {
        List<Measured> all = new ArrayList<>();
        List<String> named = new ArrayList<>(layouts);
        for (Path log : logs) {
            AttemptLog read = read(log);
            double seconds = read.stepSeconds()
                    .orElseThrow(
                            () -> new ApiException(ExitCodes.USAGE, log + " has " + read.steps()
                                    + " step times: needed are two of \"elapsed time per iteration (ms)\" or \"iter time (s)\""));
            ParallelLayout layout = read.layout().orElseGet(() -> layout(log, named, spec, machine));
            all.add(new Measured(layout.toString(), new Attempt(layout, seconds, read.peakBytes())));
        }
        if (!named.isEmpty()) {
            throw new ApiException(ExitCodes.USAGE, "--layout " + named.getFirst()
                    + " is one too many: the other logs tell their arguments");
        }
        return all;
    }

    private static ParallelLayout layout(Path log, List<String> named, RunSpec spec, Machine machine) {
        if (named.isEmpty()) {
            throw new ApiException(ExitCodes.USAGE,
                    log + " tells no arguments that make a layout: name it with --layout");
        }
        try {
            return LayoutReader.read(named.removeFirst(), ParallelLayout.of(1, 1, 1, machine.ranks(), 1, 1),
                    machine.ranks(), spec.training().recipe().globalBatch());
        } catch (IllegalArgumentException e) {
            throw new ApiException(ExitCodes.USAGE, "--layout of " + log + ": " + e.getMessage());
        }
    }

    /** Logs hold all kinds of bytes, so that none is refused for them. */
    private static AttemptLog read(Path log) {
        Charset any = StandardCharsets.ISO_8859_1;
        try (Stream<String> lines = Files.lines(log, any)) {
            return AttemptLog.read(lines);
        } catch (IOException | UncheckedIOException e) {
            throw new ApiException(ExitCodes.USAGE, "cannot read " + log + ": " + e.getMessage());
        }
    }

    private static String seconds(Attempt a, CostModel model) {
        double predicted = model.price(a.layout()).total();
        return String.format(Locale.ROOT, "%.3f s %+.1f %%", predicted,
                100 * (predicted / a.stepSeconds() - 1));
    }

    private static String bytes(Attempt a, MemoryModel model) {
        double predicted = model.stages(a.layout())
                .stream()
                .mapToDouble(StageMemory::totalBytes)
                .max()
                .orElseThrow();
        return String.format(Locale.ROOT, "%+.1f %%", 100 * (predicted / a.peakBytes().orElseThrow() - 1));
    }

    private void write(Constants constants, int attempts, Machine.Cluster machine) {
        try {
            Files.writeString(out,
                    ConstantsFile.text(constants,
                            "of " + machine.accelerator().name() + " on " + machine.nodes()
                                    + " nodes, after " + attempts + " attempts"));
            print("written to %s: longhaul plan --constants %s", out, out);
        } catch (IOException e) {
            throw new ApiException(ExitCodes.USAGE, "cannot write " + out + ": " + e);
        }
    }

    private static void print(String format, @Nullable Object... values) {
        System.out.println(String.format(Locale.ROOT, format, values).stripTrailing());
    }
}

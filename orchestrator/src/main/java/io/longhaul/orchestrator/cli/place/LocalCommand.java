package io.longhaul.orchestrator.cli.place;

import io.longhaul.orchestrator.cli.ApiException;
import io.longhaul.orchestrator.cli.ExitCodes;
import io.longhaul.planner.place.LocalUpdates;
import java.nio.file.Path;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code longhaul place local}: advice only, no trainer that Longhaul launches averages like this. */
@Command(name = "local", mixinStandardHelpOptions = true, description = "Compares groups that average now and then (local SGD, DiLoCo) with summing gradients over a weak link at every step. Advice only.")
final class LocalCommand implements Runnable {
    private static final double GRADIENT_BYTES = 4;

    @Parameters(paramLabel = "FILE", description = "RunSpec of one group: its cluster and its share of the batch")
    private Path file = Path.of("-");

    @Option(names = "--groups", required = true, paramLabel = "K", description = "groups like this")
    private int groups;

    @Option(names = "--link-gbps", required = true, paramLabel = "GBPS", description = "GB/s of a whole group to another")
    private double gBps;

    @Option(names = "--link-ms", defaultValue = "1", paramLabel = "MS", description = "latency between groups (default: ${DEFAULT-VALUE} ms)")
    private double milliseconds;

    @Option(names = "--every", defaultValue = "500", paramLabel = "STEPS", description = "steps between averages (default: ${DEFAULT-VALUE})")
    private int every;

    @Option(names = "--overlap", defaultValue = "0", paramLabel = "STEPS", description = "steps that go on while an average travels (default: ${DEFAULT-VALUE})")
    private int overlap;

    @Override
    public void run() {
        Planned plan = Planned.of(file);
        LocalUpdates local;
        try {
            local = new LocalUpdates(
                    plan.stepSeconds(), groups, GRADIENT_BYTES * plan.spec().model().shape().parameters(),
                    gBps * 1e9, milliseconds * 1e-3, every, overlap);
        } catch (IllegalArgumentException e) {
            throw new ApiException(ExitCodes.USAGE, String.valueOf(e.getMessage()));
        }
        // What the backward pass could hide at best: two thirds of the step.
        double hidden = plan.stepSeconds() * 2 / 3;
        print("group        %.3f s per step, %d groups", plan.stepSeconds(), groups);
        print("one average  %.1f GB each way over the link, %.1f s", local.bytesPerStep() * every / 1e9,
                local.exchangeSeconds());
        print("every step   %.3f s per step, gradients summed over the link behind the backward pass",
                local.synchronousSeconds(hidden));
        print("every %-6d %.3f s per step, %.1f MB over the link per step", every, local.localSeconds(),
                local.bytesPerStep() / 1e6);
        print("1 %% lost     from %,d steps between averages on", local.leastSteps(0.01));
        double spare = local.tokensToSpare(hidden);
        print(spare > 0
                ? "pays         as long as the same loss needs less than %.1f %% more tokens"
                : "pays         never: summing at every step is as fast (%.1f %%)", 100 * spare);
        print("%nThe statistical price is not in these figures. DiLoCo reports the loss of synchronous training with 8"
                + "%ngroups and averages every 500 steps (arXiv 2311.08105); how it depends on groups and size is in"
                + "%narXiv 2503.09799. Both tried small models: try it on yours first. Advice only: nothing that%n"
                + "Longhaul launches averages like this.");
    }

    private static void print(String format, Object... values) {
        System.out.printf(Locale.ROOT, format + "%n", values);
    }
}

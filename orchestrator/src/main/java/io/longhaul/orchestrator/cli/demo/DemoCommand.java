package io.longhaul.orchestrator.cli.demo;

import io.longhaul.orchestrator.cli.ApiException;
import io.longhaul.orchestrator.cli.ExitCodes;
import io.longhaul.orchestrator.cli.Homes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code longhaul demo}. */
@Command(name = "demo", mixinStandardHelpOptions = true, description = {
        "Trains a small GPT on this machine in a few minutes, hurts it, and shows what Longhaul saw, did and improved.",
        "Hurts: corrupt data, a slowed rank, a killed one. Exit code 0 if every hurt was healed, 6 if not."})
public final class DemoCommand implements Callable<Integer> {
    @Option(names = "--home", description = "directory of the service (default: $LONGHAUL_HOME or ~/.longhaul)")
    private @Nullable Path home;

    @Option(names = "--port", defaultValue = "8787", description = "port of the service, 0 for a free one (default: ${DEFAULT-VALUE})")
    private int port;

    /** Where the ranks run. */
    enum Backend {
        local, kubernetes
    }

    @Option(names = "--backend", defaultValue = "local", description = {
            "local: processes of this machine; kubernetes: pods of a test cluster on it (default: ${DEFAULT-VALUE}).",
            "The cluster's control plane is real, and is built from source the first time: about 8 minutes."})
    private Backend backend = Backend.local;

    @Option(names = "--keep", description = "leave the service up at the end")
    private boolean keep;

    @Option(names = "--summary", paramLabel = "FILE", description = "write the summary as JSON")
    private @Nullable Path summary;

    @Override
    public Integer call() throws IOException {
        DemoSession session = new DemoSession(Homes.home(home), port, keep, backend == Backend.kubernetes);
        try (session) {
            DemoSummary result = session.run();
            System.out.println();
            System.out.print(result.table());
            if (summary != null) {
                Files.writeString(summary, result.json() + "\n");
            }
            System.out.println(result.passed()
                    ? "Every hurt was seen and healed."
                    : "Not everything went as it should.");
            return result.passed() ? ExitCodes.OK : ExitCodes.RUN_FAILED;
        } catch (DemoException e) {
            if (!session.abandoned()) {
                System.err.println("longhaul: " + e.getMessage());
            }
            return ExitCodes.FAILED;
        } catch (ApiException e) {
            if (!session.abandoned()) {
                throw e;
            }
            return ExitCodes.FAILED;
        }
    }
}

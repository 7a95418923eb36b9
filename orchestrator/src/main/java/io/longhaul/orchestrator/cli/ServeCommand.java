package io.longhaul.orchestrator.cli;

import io.longhaul.orchestrator.LonghaulApplication;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code longhaul serve}. */
@Command(name = "serve", mixinStandardHelpOptions = true, description = {
        "Runs the service: API, page and agents' channel on the loopback interface.",
        "Brings its own PostgreSQL unless LONGHAUL_DATABASE_URL (jdbc:postgresql://...) names one. SIGTERM ends it;"
                + " workers keep running."})
final class ServeCommand implements Runnable {
    @Option(names = "--home", description = "directory of database and runs (default: $LONGHAUL_HOME or ~/.longhaul)")
    private @Nullable Path home;

    @Option(names = "--port", defaultValue = "8787", description = "port, 0 for a free one that is kept with the home (default: ${DEFAULT-VALUE})")
    private int port;

    @Override
    public void run() {
        if (port < 0 || port > 65_535) {
            throw new ApiException(ExitCodes.USAGE, "--port is " + port + ": allowed is 0 to 65535");
        }
        LonghaulApplication.serve(Homes.home(home), port);
    }
}

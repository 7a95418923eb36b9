package io.longhaul.orchestrator.cli.validate;

import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code longhaul validate detectors}. */
@Command(name = "detectors", mixinStandardHelpOptions = true, description = "Runs the fault detectors on recorded runs, worker times and log lines, and prints what they find, miss and make up.")
final class DetectorsCommand implements Runnable {
    @Parameters(paramLabel = "DIR", description = "folders runs, injected, mlperf, workers, logs; those that are missing are skipped")
    private Path directory = Path.of(".");

    @Option(names = "--out", paramLabel = "OUT", required = true, description = "gets summary.json and misses.csv")
    private Path out = Path.of(".");

    @Option(names = "--no-cross-validate", negatable = true, defaultValue = "true", fallbackValue = "true", description = "leaves out the scores of each run with the settings that do best on all others")
    private boolean crossValidate = true;

    @Override
    public void run() {
        Report report = new Report();
        long start = System.nanoTime();
        DetectorValidation.run(directory, report);
        if (crossValidate) {
            DetectorValidation.crossValidate(directory, report);
        }
        report.figure("seconds", (System.nanoTime() - start) / 1e9);
        report.write(out);
        report.lines().forEach(System.out::println);
    }
}

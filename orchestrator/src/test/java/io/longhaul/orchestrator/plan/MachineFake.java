package io.longhaul.orchestrator.plan;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;

/** Stands for Python: "measures" always the same machine, so that plans for this machine can be compared. */
public final class MachineFake {
    /** A made-up machine, of the order of two cores. */
    private static final String PROBE = """
            {"ranks": 2, "cores": 2, "device": "cpu", "memoryBytesPerRank": 8.0e9, "matmulFlops": 3.0e10,
             "layerSeconds": 0.0068, "layerOverheadSeconds": 0.0004, "headSeconds": 0.0009,
             "headOverheadSeconds": 0.0002, "optimizerSecondsPerParameter": 4.0e-9,
             "allReduceLatencySeconds": 0.0002, "allReduceBytesPerSecond": 1.0e9}
            """;

    private MachineFake() {}

    /** A service that plans for that machine. */
    public static PlanService plans(Path directory) throws IOException {
        Path python = directory.resolve("python");
        Files.writeString(
                python, "#!/bin/sh\nwhile [ \"$1\" != --out ]; do shift; done\ncat >\"$2\" <<'END'\n" + PROBE
                        + "END\n");
        Files.setPosixFilePermissions(python, PosixFilePermissions.fromString("rwx------"));
        Path corpus = Files.createDirectories(directory.resolve("corpus"));
        Files.writeString(corpus.resolve("manifest.json"), "{}");
        return new PlanService(new WorkerTools(directory.resolve("worker"), python.toString()), corpus);
    }
}

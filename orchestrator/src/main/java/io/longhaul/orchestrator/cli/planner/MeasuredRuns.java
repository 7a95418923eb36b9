package io.longhaul.orchestrator.cli.planner;

import io.longhaul.orchestrator.cli.validate.Csv;
import io.longhaul.planner.cluster.Accelerator;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Reads rows of measured runs; what a row does not say is assumed and named, or the row is skipped with the reason. */
final class MeasuredRuns {
    /** A row that cannot be predicted. */
    record Skipped(String id, String group, String reason) {}

    private final List<MeasuredRun> runs = new ArrayList<>();
    private final List<Skipped> skipped = new ArrayList<>();
    private final Map<String, Accelerator> devices;

    private MeasuredRuns(Map<String, Accelerator> devices) {
        this.devices = devices;
    }

    static MeasuredRuns read(Path file, Map<String, Accelerator> devices) {
        MeasuredRuns all = new MeasuredRuns(devices);
        int[] line = {1};
        Csv.read(file, row -> {
            line[0]++;
            String id = row.has("id") ? row.text("id") : "line " + line[0];
            try {
                all.runs.add(new MeasuredRow(row, id, all.devices).run());
            } catch (IllegalArgumentException | ArithmeticException e) {
                all.skipped.add(new Skipped(id, row.text("group"), String.valueOf(e.getMessage())));
            }
        });
        return all;
    }

    List<MeasuredRun> runs() {
        return runs;
    }

    List<Skipped> skipped() {
        return skipped;
    }
}

package io.longhaul.orchestrator.cli.validate;

import io.longhaul.monitor.loss.LossSettings;
import io.longhaul.monitor.steptime.StepTimeSettings;
import io.longhaul.monitor.straggler.PeerSettings;
import java.nio.file.Path;

/** Every detector family on the folders that there are. */
final class DetectorValidation {
    private DetectorValidation() {}

    static void run(Path directory, Report report) {
        LossScore.score(directory, LossSettings.usual(), report);
        LossScore.injected(directory, LossSettings.usual(), report);
        StepTimeScore.runs(directory, StepTimeSettings.usual(), report);
        StepTimeScore.mlperf(directory, StepTimeSettings.usual(), report);
        StepTimeScore.injected(directory, StepTimeSettings.usual(), report);
        WorkerScore.score(directory, PeerSettings.usual(), report);
        LogScore.score(directory, report);
    }
}

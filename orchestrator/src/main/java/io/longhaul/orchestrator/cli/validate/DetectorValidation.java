package io.longhaul.orchestrator.cli.validate;

import io.longhaul.monitor.loss.LossSettings;
import io.longhaul.monitor.steptime.StepTimeSettings;
import io.longhaul.monitor.straggler.PeerSettings;
import java.io.UncheckedIOException;
import java.nio.file.Path;

/** Every detector family on the folders that there are. */
final class DetectorValidation {
    private DetectorValidation() {}

    static void run(Path directory, Report report) {
        LossSettings loss = LossSettings.usual();
        StepTimeSettings stepTime = StepTimeSettings.usual();
        unlessUnreadable(report, () -> LossScore.score(directory, loss, report));
        unlessUnreadable(report, () -> LossScore.injected(directory, loss, report));
        unlessUnreadable(report, () -> StepTimeScore.runs(directory, stepTime, report));
        unlessUnreadable(report, () -> StepTimeScore.mlperf(directory, stepTime, report));
        unlessUnreadable(report, () -> StepTimeScore.injected(directory, stepTime, report));
        unlessUnreadable(report, () -> WorkerScore.score(directory, PeerSettings.usual(), report));
        unlessUnreadable(report, () -> WhatIfScore.score(directory, report));
        unlessUnreadable(report, () -> LogScore.score(directory, report));
    }

    /** With the settings chosen anew for each run by all others. */
    static void crossValidate(Path directory, Report report) {
        unlessUnreadable(report, () -> LossScore.crossValidate(directory, report));
        unlessUnreadable(report, () -> StepTimeScore.crossValidate(directory, report));
        unlessUnreadable(report, () -> WorkerScore.crossValidate(directory, report));
    }

    private static void unlessUnreadable(Report report, Runnable score) {
        try {
            score.run();
        } catch (UncheckedIOException e) {
            report.line("skipped: %s", String.valueOf(e.getMessage()));
        }
    }
}

package io.longhaul.orchestrator.cli.planner;

import io.longhaul.planner.memory.StageMemory.Verdict;

/**
 * What the models say of a run that they were not fitted to.
 *
 * @param secondsSpread standard deviation of the logarithm of the step time
 * @param bytes of the fullest rank, in the terms of the source
 * @param bytesSpread standard deviation of its logarithm
 * @param deviceBytes of the fullest rank, everything that the device holds
 */
record Prediction(
        MeasuredRun run,
        double seconds,
        double secondsSpread,
        double bytes,
        double bytesSpread,
        double deviceBytes) {
    /** Of a normal distribution, 5 % beyond on either side. */
    static final double Z90 = 1.645;

    /** Logarithm of the prediction over what was measured; NaN if nothing was. */
    double timeError() {
        return Math.log(seconds / run.seconds());
    }

    double memoryError() {
        return Math.log(bytes / run.memoryBytes());
    }

    /** With wider or narrower intervals. */
    Prediction scaled(double time, double memory) {
        return new Prediction(run, seconds, time * secondsSpread, bytes, memory * bytesSpread, deviceBytes);
    }

    boolean timeCovered() {
        return Math.abs(timeError()) <= Z90 * secondsSpread;
    }

    boolean memoryCovered() {
        return Math.abs(memoryError()) <= Z90 * bytesSpread;
    }

    /** Whether the run fits its devices. */
    Verdict verdict() {
        double capacity = run.machine().memoryBytesPerRank();
        if (deviceBytes > capacity) {
            return Verdict.NO;
        }
        return deviceBytes * Math.exp(Z90 * bytesSpread) > capacity ? Verdict.TIGHT : Verdict.SAFE;
    }
}

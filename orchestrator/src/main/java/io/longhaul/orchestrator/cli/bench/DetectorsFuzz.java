package io.longhaul.orchestrator.cli.bench;

import io.longhaul.monitor.AttemptMonitor;
import io.longhaul.monitor.Signal;
import io.longhaul.monitor.Thresholds;
import io.longhaul.monitor.fuzz.HostileInputs;
import io.longhaul.monitor.watch.LogWatch;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;

/**
 * Feeds detectors with hostile lines and signals, half of each, on one thread.
 *
 * <p>Fails at the first exception, naming the input and the seed that made it, and if more is kept at the end than after
 * the first quarter.
 *
 * @param inputs lines and signals in all
 */
record DetectorsFuzz(long inputs, long seed) {
    private static final int RANKS = 16;
    /** A monitor whose ranks have exited says little, so now and then a new attempt begins. */
    private static final long ATTEMPT = 100_000;
    /** What the collector leaves behind from time to time. */
    private static final long SLACK_BYTES = 8 << 20;

    /** @return exit code, 0 if nothing broke */
    int run(PrintStream out) {
        HostileInputs hostile = new HostileInputs(seed);
        LogWatch watch = new LogWatch();
        AttemptMonitor monitor = attempt();
        long start = System.nanoTime();
        long keptEarly = 0;
        long notices = 0;
        long findings = 0;
        for (long i = 0; i < inputs; i++) {
            if (i == inputs / 4) {
                keptEarly = kept();
            }
            if (i % 2 == 0) {
                String line = hostile.line();
                try {
                    notices += watch.accept(line).size();
                } catch (RuntimeException | StackOverflowError e) {
                    return broke(out, i, line, e);
                }
                continue;
            }
            monitor = i % ATTEMPT == 1 ? attempt() : monitor;
            Signal signal = hostile.signal(RANKS, i);
            try {
                findings += monitor.accept(signal).size();
            } catch (RuntimeException | StackOverflowError e) {
                return broke(out, i, signal.toString(), e);
            }
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        long grown = kept() - keptEarly;
        out.printf(Locale.ROOT,
                "%d hostile inputs (seed %d): no exception; %d notices of lines, %d findings of signals;"
                        + " %.1f s, %.1f us each; %.2f MiB more kept than after the first quarter%n",
                inputs, seed, notices, findings, seconds, 1e6 * seconds / inputs, grown / 1048576.0);
        // Kept until here, so that what they hold is counted.
        boolean bounded = grown < SLACK_BYTES && watch.lines() == (inputs + 1) / 2 && monitor != null;
        return bounded ? 0 : 1;
    }

    private static AttemptMonitor attempt() {
        return new AttemptMonitor(RANKS, Thresholds.of(Duration.ofSeconds(120), Duration.ofSeconds(60)));
    }

    private int broke(PrintStream out, long input, String what, Throwable e) {
        out.printf("input %d of seed %d broke a detector: %s%n%s%n", input, seed, e, what);
        return 1;
    }

    private static long kept() {
        System.gc();
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }
}

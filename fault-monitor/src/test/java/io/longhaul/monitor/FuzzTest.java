package io.longhaul.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.monitor.fuzz.HostileInputs;
import io.longhaul.monitor.watch.LogWatch;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/**
 * Lines and signals that no trainer would send: nothing throws, and what is kept does not grow. A hundred thousand inputs
 * of each kind; {@code longhaul bench detectors --fuzz 10000000} tries ten million.
 */
class FuzzTest {
    private static final int INPUTS = Integer.getInteger("fuzz.inputs", 100_000);
    private static final long SEED = Long.getLong("fuzz.seed", 1);
    private static final long MEGABYTE = 1 << 20;
    private static final int RANKS = 16;

    private static long used() {
        System.gc();
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }

    @Test
    void anyLineIsReadWithoutHarm() {
        HostileInputs inputs = new HostileInputs(SEED);
        LogWatch watch = new LogWatch();
        long before = 0;
        for (int i = 0; i < INPUTS; i++) {
            before = i == INPUTS / 2 ? used() : before;
            watch.accept(inputs.line());
        }
        assertThat(watch.lines()).isEqualTo(INPUTS);
        assertThat(used() - before).as("bytes kept by the second half, seed %d", SEED)
                .isLessThan(8 * MEGABYTE);
        assertThat(watch.unknownLines().all()).hasSizeLessThanOrEqualTo(256);
    }

    @Test
    void anySignalIsTakenWithoutHarm() {
        HostileInputs inputs = new HostileInputs(SEED);
        AttemptMonitor monitor = new AttemptMonitor(RANKS,
                Thresholds.of(Duration.ofSeconds(120), Duration.ofSeconds(60)));
        long before = 0;
        long findings = 0;
        for (int i = 0; i < INPUTS; i++) {
            before = i == INPUTS / 2 ? used() : before;
            findings += monitor.accept(inputs.signal(RANKS, i)).size();
        }
        assertThat(findings).as("some of it is trouble").isPositive();
        assertThat(used() - before).as("bytes kept by the second half, seed %d", SEED)
                .isLessThan(8 * MEGABYTE);
    }
}

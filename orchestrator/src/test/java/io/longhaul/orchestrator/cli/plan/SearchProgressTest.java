package io.longhaul.orchestrator.cli.plan;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.planner.search.SearchControl.Progress;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class SearchProgressTest {
    private final AtomicLong nanos = new AtomicLong();
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final SearchProgress progress = new SearchProgress(
            new PrintStream(bytes, true, StandardCharsets.UTF_8), nanos::get);

    private void after(double seconds, Progress p) {
        nanos.addAndGet((long) (1e9 * seconds));
        progress.accept(p);
    }

    @Test
    void aShortSearchSaysNothing() {
        after(0.1, new Progress(2, 1, 10, 100));
        progress.close();
        assertThat(bytes.size()).isZero();
    }

    @Test
    void aLongOneWritesOverItsLineAndTakesItAway() {
        after(1, new Progress(Double.POSITIVE_INFINITY, 1, 10, 100_000));
        after(0.1, new Progress(9, 1, 11, 100_000));
        after(0.2, new Progress(2, 1.9, 12_345, 100_000));
        progress.close();
        String first = "10 of 100,000 points decided, no plan yet";
        String second = "12,345 of 100,000 points decided, best 2.000, at most 5.00 % from the best of all";
        assertThat(bytes.toString(StandardCharsets.UTF_8))
                .isEqualTo("\r" + first + "\r" + second + "\r" + " ".repeat(second.length()) + "\r");
    }
}

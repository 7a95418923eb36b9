package io.longhaul.orchestrator.cli.plan;

import io.longhaul.planner.search.SearchControl.Progress;
import java.io.Console;
import java.io.PrintStream;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/** One line about a search that takes longer than a moment, written over itself and gone when the plan is there. */
public final class SearchProgress implements Consumer<Progress>, AutoCloseable {
    private static final long MOMENT_NANOS = 700_000_000;
    private static final long BETWEEN_NANOS = 200_000_000;

    private final PrintStream out;
    private final LongSupplier nanoTime;
    private long next;
    private int written;

    /** @param nanoTime of a clock that only goes forward */
    SearchProgress(PrintStream out, LongSupplier nanoTime) {
        this.out = out;
        this.nanoTime = nanoTime;
        next = nanoTime.getAsLong() + MOMENT_NANOS;
    }

    /** On standard error; silent if no person watches. */
    public static SearchProgress onTerminal() {
        Console console = System.console();
        return console != null && console.isTerminal()
                ? new SearchProgress(System.err, System::nanoTime)
                : new SearchProgress(new PrintStream(PrintStream.nullOutputStream()), () -> 0);
    }

    @Override
    public void accept(Progress p) {
        long now = nanoTime.getAsLong();
        if (now < next) {
            return;
        }
        next = now + BETWEEN_NANOS;
        String best = Double.isInfinite(p.best())
                ? "no plan yet"
                : String.format(Locale.ROOT, "best %.4g, at most %.2f %% from the best of all", p.best(),
                        100 * (1 - p.bound() / p.best()));
        show(String.format(Locale.ROOT, "%,d of %,d points decided, %s", p.covered(), p.nominal(), best));
    }

    private void show(String line) {
        out.print("\r" + line + " ".repeat(Math.max(0, written - line.length())));
        out.flush();
        written = line.length();
    }

    @Override
    public void close() {
        if (written > 0) {
            show("");
            out.print("\r");
            out.flush();
        }
    }
}

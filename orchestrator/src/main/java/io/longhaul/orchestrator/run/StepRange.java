package io.longhaul.orchestrator.run;

/** Optimizer steps {@code first} to {@code last}, both included, counted from 1. */
public record StepRange(long first, long last) {
    public StepRange {
        if (first < 1 || last < first) {
            throw new IllegalArgumentException(
                    "steps must be 1 <= first <= last, got " + first + ".." + last);
        }
    }

    public long length() {
        return last - first + 1;
    }

    public boolean contains(long step) {
        return first <= step && step <= last;
    }
}

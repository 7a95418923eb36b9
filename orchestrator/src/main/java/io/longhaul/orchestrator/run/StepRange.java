package io.longhaul.orchestrator.run;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

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

    /** The same steps as ascending ranges that neither touch nor overlap. */
    static List<StepRange> merged(List<StepRange> ranges) {
        List<StepRange> result = new ArrayList<>();
        for (StepRange range : ranges.stream().sorted(Comparator.comparingLong(StepRange::first)).toList()) {
            if (!result.isEmpty() && result.getLast().last() + 1 >= range.first()) {
                StepRange last = result.removeLast();
                result.add(new StepRange(last.first(), Math.max(last.last(), range.last())));
            } else {
                result.add(range);
            }
        }
        return List.copyOf(result);
    }
}

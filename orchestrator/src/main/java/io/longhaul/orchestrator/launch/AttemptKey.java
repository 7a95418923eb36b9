package io.longhaul.orchestrator.launch;

import java.util.UUID;

/**
 * Names one launch of a run. Everything a backend creates is named by it, so that creating twice is one.
 *
 * @param attempt 1 for the first launch
 */
public record AttemptKey(UUID run, int attempt) {
    public AttemptKey {
        if (attempt < 1) {
            throw new IllegalArgumentException("attempt must be >= 1, got " + attempt);
        }
    }
}

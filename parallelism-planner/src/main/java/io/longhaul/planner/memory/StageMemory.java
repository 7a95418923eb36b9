package io.longhaul.planner.memory;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Memory of one rank of a pipeline stage.
 *
 * @param terms bytes by what they are for
 * @param capacityBytes bytes that a rank may use
 */
public record StageMemory(int stage, Map<String, Double> terms, double capacityBytes) {
    public StageMemory {
        terms = new LinkedHashMap<>(terms);
    }

    /** {@code TIGHT} fits if nothing is wrong with the model by more than a tenth. */
    public enum Verdict {
        SAFE, TIGHT, NO
    }

    public double totalBytes() {
        return terms.values().stream().mapToDouble(Double::doubleValue).sum();
    }

    public Verdict verdict() {
        double total = totalBytes();
        return total > capacityBytes
                ? Verdict.NO
                : total > 0.9 * capacityBytes ? Verdict.TIGHT : Verdict.SAFE;
    }
}

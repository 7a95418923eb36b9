package io.longhaul.planner.memory;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Memory of one rank of a pipeline stage.
 *
 * @param terms bytes by what they are for
 * @param capacityBytes bytes that a rank may use
 * @param spread standard deviation of the logarithm of what is really used, over the total
 */
public record StageMemory(int stage, Map<String, Double> terms, double capacityBytes, double spread) {
    /** Of the plan's total before measurements: that of the memory model on runs that it was not fitted to. */
    static final double USUAL_SPREAD = 0.06;
    /** Of a normal distribution, 5 % beyond. */
    private static final double Z90 = 1.645;

    public StageMemory {
        terms = new LinkedHashMap<>(terms);
        if (!(spread > 0)) {
            throw new IllegalArgumentException("spread must be > 0, got " + spread);
        }
    }

    public StageMemory(int stage, Map<String, Double> terms, double capacityBytes) {
        this(stage, terms, capacityBytes, USUAL_SPREAD);
    }

    /** {@code SAFE} fits at the upper end of the interval, {@code TIGHT} only on average. */
    public enum Verdict {
        SAFE, TIGHT, NO
    }

    public double totalBytes() {
        double sum = 0;
        for (double bytes : terms.values()) {
            sum += bytes;
        }
        return sum;
    }

    /** Lower end of the interval that holds the truth nine times of ten. */
    public double lowBytes() {
        return totalBytes() * Math.exp(-Z90 * spread);
    }

    /** Upper end of the interval that holds the truth nine times of ten. */
    public double highBytes() {
        return totalBytes() * Math.exp(Z90 * spread);
    }

    /** Probability in [0, 1] that it fits, of a log-normal distribution. */
    public double fits() {
        return normal(Math.log(capacityBytes / totalBytes()) / spread);
    }

    public Verdict verdict() {
        return verdict(totalBytes(), capacityBytes, spread);
    }

    static Verdict verdict(double totalBytes, double capacityBytes, double spread) {
        return totalBytes > capacityBytes
                ? Verdict.NO
                : totalBytes * Math.exp(Z90 * spread) > capacityBytes ? Verdict.TIGHT : Verdict.SAFE;
    }

    /** Distribution function of the normal distribution, within 1e-7 (Abramowitz and Stegun 1964, 26.2.17). */
    private static double normal(double z) {
        double t = 1 / (1 + 0.2316419 * Math.abs(z));
        double tail = Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI) * t * (0.319381530
                + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
        return z > 0 ? 1 - tail : tail;
    }
}

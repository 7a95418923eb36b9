package io.longhaul.planner.search;

/**
 * What was proven. Every point of the space is in exactly one of the counts, so that they add up to {@code nominal}.
 *
 * @param bound no plan is better than this, by {@link Objective}, for one step of the wished batch; infinite if no plan
 *     exists
 * @param gap {@code 1 - bound / best}: 0 is a proof that the best is best, NaN without a plan
 * @param nominal points of the space: every combination of choices, legal or not
 * @param illegal points that break a rule
 * @param tooLarge points that do not fit in memory
 * @param bounded points that a bound shows to be no better than the plans that are returned
 * @param dominated points that compute more layers again than memory asks for
 * @param priced points whose step was priced as a candidate
 * @param open points that a deadline left undecided
 * @param evaluations calls of the cost model, for bounds and candidates
 * @param memoryEvaluations calls of the memory model
 * @param replays plans whose schedule was played through
 * @param hash of the request and what was found, the same on every machine and for any number of threads
 */
public record Certificate(
        double bound,
        double gap,
        long nominal,
        long illegal,
        long tooLarge,
        long bounded,
        long dominated,
        long priced,
        long open,
        long evaluations,
        long memoryEvaluations,
        long replays,
        String hash) {
    public Certificate {
        long sum = illegal + tooLarge + bounded + dominated + priced + open;
        if (sum != nominal) {
            throw new IllegalArgumentException("counts add up to " + sum + ", not to nominal " + nominal);
        }
    }

    /** The answer is final: nothing was left open. */
    public boolean proven() {
        return open == 0;
    }
}

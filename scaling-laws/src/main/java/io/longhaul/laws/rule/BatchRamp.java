package io.longhaul.laws.rule;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * When to double the batch (Merrill et al. 2025, arXiv 2505.23971): once the critical batch, measured by branches of the
 * run, is above twice the batch, the rate rising by the square root of two. On OLMo 1B that saved 43 % of the steps at
 * the same loss. The critical batch is near zero at the start and rises for some 50B tokens.
 */
public final class BatchRamp {
    static final String LAW = "double the batch when the critical one is above twice it, rate x sqrt 2 (arXiv 2505.23971)";
    private static final int MOST_DOUBLINGS = 12;

    private BatchRamp() {}

    /** A measurement. */
    public record Critical(double tokens, double batchTokens) {
        public Critical {
            if (!(tokens >= 0) || !(batchTokens > 0)) {
                throw new IllegalArgumentException(
                        "tokens must be >= 0 and batchTokens positive, got " + tokens + " and "
                                + batchTokens);
            }
        }
    }

    /**
     * @param measured by tokens, ascending; between two the critical batch is on the line
     * @param sequence tokens of a sequence
     */
    public static Rule of(RunScale run, List<Critical> measured, double sequence) {
        RunScale.positive("sequence", sequence);
        String subject = "batch ramp";
        List<Critical> doublings = new ArrayList<>();
        double batch = run.batchTokens();
        while (doublings.size() < MOST_DOUBLINGS) {
            double at = reaches(measured, 2 * batch);
            if (!(at < run.tokens())) {
                break;
            }
            batch *= 2;
            doublings.add(new Critical(at, batch));
        }
        if (doublings.isEmpty()) {
            return new Rule.Abstained(subject, LAW, String.format(Locale.ROOT,
                    "no measured critical batch is above twice the batch of %.3g tokens", run.batchTokens()));
        }
        StringBuilder words = new StringBuilder("0:" + Math.round(run.batchTokens() / sequence));
        for (Critical doubling : doublings) {
            words.append(String.format(Locale.ROOT, " %d:%d", Math.round(doubling.tokens()),
                    Math.round(doubling.batchTokens() / sequence)));
        }
        double rate = run.learningRate() * Math.pow(2, doublings.size() / 2.0);
        return new Rule.Given(
                subject, LAW, Map.of("batchTokens", run.batchTokens(), "learningRate", run.learningRate()),
                batch,
                run.batchTokens(), batch,
                "AdamW; models of 1B and 7B weights. Tokens of the doublings: " + words,
                List.of("--step-batch-size-schedule", words.toString()),
                "train_batch_size is one for a run: change it between attempts at these tokens",
                String.format(Locale.ROOT,
                        "the rate rises to %s with it; schedules must count tokens, not steps",
                        Numbers.text(rate)),
                false);
    }

    /** Tokens at which the critical batch reaches a size; NaN if it never does. */
    private static double reaches(List<Critical> measured, double batch) {
        Critical before = null;
        for (Critical next : measured) {
            if (before != null && next.tokens() <= before.tokens()) {
                throw new IllegalArgumentException(
                        "measured must ascend by tokens, got " + next.tokens() + " after "
                                + before.tokens());
            }
            if (next.batchTokens() >= batch) {
                return before == null
                        ? next.tokens()
                        : before.tokens() + (next.tokens() - before.tokens()) * (batch - before.batchTokens())
                                / (next.batchTokens() - before.batchTokens());
            }
            before = next;
        }
        return Double.NaN;
    }
}

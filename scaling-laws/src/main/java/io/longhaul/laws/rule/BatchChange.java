package io.longhaul.laws.rule;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Peak rate, weight decay and second moment when the batch changes within a run. AdamW's rate grows with a power of the
 * batch: a half below the critical batch (Granziol et al. 2020, arXiv 2006.09092); on Step Law's grids the best rates
 * grow with a median power of 0.20, quartiles 0.17 and 0.41, so a half is the upper end. SGD's grows linearly (Goyal et
 * al. 2017, arXiv 1706.02677). Weight decay keeps the time scale {@code B / (rate decay D)} (Wang and Aitchison 2024,
 * arXiv 2405.13698), and the second moment its half-life in tokens.
 */
public final class BatchChange {
    /** On Step Law's grids half and twice the batch cost 0.45 % of the loss; a quarter more is within noise. */
    private static final double NOTHING = 1.25;
    private static final double MOST = 8;
    private static final double SLOWEST = 0.2;
    private static final double ROOT = 0.5;

    private BatchChange() {}

    /** Optimizers whose rules differ. */
    public enum Optimizer {
        ADAMW, SGD
    }

    /** @param criticalTokens critical batch of the run at this point in tokens; infinite if it is not known to matter */
    public static List<Rule> of(RunScale run, Optimizer optimizer, double newBatchTokens,
            double criticalTokens) {
        RunScale.positive("newBatchTokens", newBatchTokens);
        String law = optimizer == Optimizer.SGD
                ? "rate ~ batch (arXiv 1706.02677)"
                : "rate ~ batch^0.5 below the critical batch (arXiv 2006.09092), ~ batch^0.2 on Step Law's grids";
        double ratio = newBatchTokens / run.batchTokens();
        String subject = "peak rate for another batch";
        if (ratio > MOST || ratio < 1 / MOST) {
            return List.of(new Rule.Abstained(subject, law, String.format(Locale.ROOT,
                    "the batch changes %.3g times, the rules were tried up to %.0f times", ratio, MOST)));
        }
        if (ratio > 1 && newBatchTokens > criticalTokens) {
            return List.of(new Rule.Abstained(subject, law, String.format(Locale.ROOT,
                    "a batch of %.3g tokens is above the critical one of %.3g: there a higher rate no longer makes up for fewer"
                            + " steps",
                    newBatchTokens, criticalTokens)));
        }
        Map<String, Double> inputs = Map.of("batchTokens", run.batchTokens(), "newBatchTokens",
                newBatchTokens,
                "learningRate", run.learningRate(), "weightDecay", run.weightDecay(), "beta2", run.beta2());
        boolean small = ratio <= NOTHING && ratio >= 1 / NOTHING;
        double up = ratio > 1 ? SLOWEST : ROOT;
        double power = small ? 0 : optimizer == Optimizer.SGD ? 1 : (up + ROOT) / 2;
        double rate = run.learningRate() * Math.pow(ratio, power);
        double one = run.learningRate() * Math.pow(ratio, small ? 0 : optimizer == Optimizer.SGD ? 1 : up);
        double other = run.learningRate()
                * Math.pow(ratio, small ? 0 : optimizer == Optimizer.SGD ? 1 : ROOT);
        List<Rule> rules = new ArrayList<>();
        rules.add(new Rule.Given(
                subject, law, inputs, rate, Math.min(one, other), Math.max(one, other),
                String.format(Locale.ROOT, "the batch changes %.3g times, tried up to %.0f", ratio, MOST),
                List.of("--lr", Numbers.text(rate), "--override-opt_param-scheduler"),
                "\"optimizer\": {\"params\": {\"lr\": " + Numbers.text(rate) + "}}",
                ratio > NOTHING
                        ? "a higher rate may diverge: raise it over a hundred steps"
                        : "none: a lower or the same rate cannot diverge",
                ratio <= NOTHING));
        if (optimizer == Optimizer.ADAMW && !small) {
            double decay = run.weightDecay() * ratio * run.learningRate() / rate;
            rules.add(new Rule.Given(
                    "weight decay for another batch", "batch / (rate decay tokens) stays (arXiv 2405.13698)",
                    inputs, decay,
                    decay, decay, "AdamW", List.of("--weight-decay", Numbers.text(decay)),
                    "\"optimizer\": {\"params\": {\"weight_decay\": " + Numbers.text(decay) + "}}",
                    "none known", true));
            double beta2 = Math.pow(run.beta2(), ratio);
            rules.add(new Rule.Given(
                    "second moment for another batch",
                    "beta2^(new batch / batch): its half-life in tokens stays", inputs,
                    beta2, beta2, beta2, "AdamW", List.of("--adam-beta2", Numbers.text(beta2)),
                    "\"optimizer\": {\"params\": {\"betas\": [0.9, " + Numbers.text(beta2) + "]}}",
                    "below 0.9 single steps move the weights far", beta2 >= 0.9));
        }
        return List.copyOf(rules);
    }
}

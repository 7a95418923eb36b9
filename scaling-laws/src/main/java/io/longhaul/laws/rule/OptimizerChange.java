package io.longhaul.laws.rule;

import java.util.List;
import java.util.Map;

/**
 * Rate and weight decay when AdamW gives way to another optimizer. Muon with updates times {@code 0.2 sqrt(max(rows,
 * columns))} takes AdamW's (Liu et al. 2025, arXiv 2502.16982). Lion takes rates 3 to 10 times lower and as many times
 * the weight decay (Chen et al. 2023, arXiv 2302.06675, section 5).
 */
public final class OptimizerChange {
    private static final double LION_LEAST = 3;
    private static final double LION_MOST = 10;

    private OptimizerChange() {}

    /** Optimizers with a rule. */
    public enum To {
        MUON, LION
    }

    public static List<Rule> of(RunScale run, To to) {
        Map<String, Double> inputs = Map.of("learningRate", run.learningRate(), "weightDecay",
                run.weightDecay());
        String restart = "the optimizer's state is lost: warm up again over a hundred steps or more, and let a person look";
        return switch (to) {
            case MUON -> List.of(new Rule.Given(
                    "peak rate with Muon",
                    "AdamW's rate and weight decay, updates x 0.2 sqrt(max(rows, columns)) (arXiv 2502.16982)",
                    inputs, run.learningRate(), run.learningRate(), run.learningRate(),
                    "matrices of hidden layers; embeddings, norms and output stay with AdamW",
                    List.of("--optimizer", "muon", "--lr", Numbers.text(run.learningRate())),
                    "\"optimizer\": {\"type\": \"Muon\", \"params\": {\"lr\": "
                            + Numbers.text(run.learningRate()) + "}}",
                    restart + "; the best rate may still differ", false));
            case LION -> {
                double middle = Math.sqrt(LION_LEAST * LION_MOST);
                double rate = run.learningRate() / middle;
                double decay = run.weightDecay() * middle;
                String law = "rate / 3 to 10, weight decay x the same (arXiv 2302.06675)";
                yield List.of(
                        new Rule.Given(
                                "peak rate with Lion", law, inputs, rate, run.learningRate() / LION_MOST,
                                run.learningRate() / LION_LEAST,
                                "batches of 4096 samples in the paper; best with large ones",
                                List.of("--lr", Numbers.text(rate)),
                                "\"optimizer\": {\"type\": \"Lion\", \"params\": {\"lr\": "
                                        + Numbers.text(rate) + "}}",
                                restart, false),
                        new Rule.Given(
                                "weight decay with Lion", law, inputs, decay, LION_LEAST * run.weightDecay(),
                                LION_MOST * run.weightDecay(), "as many times as the rate is lower",
                                List.of("--weight-decay", Numbers.text(decay)),
                                "\"optimizer\": {\"type\": \"Lion\", \"params\": {\"weight_decay\": "
                                        + Numbers.text(decay) + "}}",
                                restart, false));
            }
        };
    }
}

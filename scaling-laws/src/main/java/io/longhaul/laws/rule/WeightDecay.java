package io.longhaul.laws.rule;

import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * AdamW's weight decay by the time scale of its averaging (Bergsma et al. 2025, arXiv 2505.13738, "Power Lines"):
 * {@code tau = B / (rate decay D)} is best at {@code 1.084 (D/N)^-0.527}. Fitted to models of 111M to 3.3B weights on
 * SlimPajama with muP.
 */
public final class WeightDecay {
    static final String LAW = "tau = batch / (rate decay tokens) = 1.084 (tokens / weights)^-0.527 (arXiv 2505.13738)";
    private static final double LEAST_PARAMETERS = 1.11e8;
    private static final double MOST_PARAMETERS = 3.3e9;

    private WeightDecay() {}

    /** Best time scale as share of the run. */
    public static double timeScale(double tokensPerParameter) {
        return 1.084 * Math.pow(tokensPerParameter, -0.527);
    }

    public static Rule of(RunScale run) {
        String subject = "weight decay";
        if (run.parameters() < LEAST_PARAMETERS || run.parameters() > MOST_PARAMETERS) {
            return new Rule.Abstained(subject, LAW, String.format(Locale.ROOT,
                    "fitted to %.3g to %.3g weights, the run has %.3g", LEAST_PARAMETERS, MOST_PARAMETERS,
                    run.parameters()));
        }
        double decay = run.batchTokens()
                / (timeScale(run.tokensPerParameter()) * run.learningRate() * run.tokens());
        return new Rule.Given(
                subject, LAW,
                Map.of("parameters", run.parameters(), "tokens", run.tokens(), "batchTokens",
                        run.batchTokens(),
                        "learningRate", run.learningRate()),
                decay, decay, decay,
                String.format(Locale.ROOT, "%.3g weights, fitted to %.3g to %.3g", run.parameters(),
                        LEAST_PARAMETERS, MOST_PARAMETERS),
                List.of("--weight-decay", Numbers.text(decay)),
                "\"optimizer\": {\"params\": {\"weight_decay\": " + Numbers.text(decay) + "}}",
                "the source gives no interval; for a new run, in mid-run leave it unless tokens per weight changed a lot",
                false);
    }
}

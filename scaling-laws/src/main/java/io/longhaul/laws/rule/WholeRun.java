package io.longhaul.laws.rule;

import io.longhaul.laws.StepLaw;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** Step Law's peak rate and batch with their uncertainty. */
public final class WholeRun {
    private static final String RATE = "rate = 1.79 N^-0.713 D^0.307 (arXiv 2503.04715)";
    private static final String BATCH = "batch = 0.58 D^0.571 tokens (arXiv 2503.04715)";
    /** 90 % of the best rates when whole grids are resampled lie within so many doublings. */
    private static final double RATE_DOUBLINGS = 1.645 * 0.4;
    /** Half and twice the batch cost 0.45 % of the loss. */
    private static final double BATCH_DOUBLINGS = 1;

    private WholeRun() {}

    public static List<Rule> of(RunScale run, double sequence) {
        StepLaw.Scale scale = new StepLaw.Scale(run.parameters(), run.tokens(), run.batchTokens());
        Optional<String> outside = StepLaw.outside(scale);
        if (outside.isPresent()) {
            return List.of(new Rule.Abstained("peak rate", RATE, outside.get()),
                    new Rule.Abstained("batch", BATCH, outside.get()));
        }
        Map<String, Double> inputs = Map.of("parameters", run.parameters(), "tokens", run.tokens());
        double rate = StepLaw.learningRate(scale);
        double batch = StepLaw.batch(scale);
        long samples = Math.max(1, Math.round(batch / sequence));
        String domain = String.format(Locale.ROOT, "%.3g weights, %.3g tokens: inside of the grids",
                run.parameters(),
                run.tokens());
        return List.of(
                new Rule.Given(
                        "peak rate", RATE, inputs, rate, off(rate, -RATE_DOUBLINGS),
                        off(rate, RATE_DOUBLINGS), domain,
                        List.of("--lr", Numbers.text(rate)),
                        "\"optimizer\": {\"params\": {\"lr\": " + Numbers.text(rate) + "}}",
                        "twice too high costs 0.75 % of the loss, half 0.4 %: rather too low", false),
                new Rule.Given(
                        "batch", BATCH, Map.of("tokens", run.tokens()), batch, off(batch, -BATCH_DOUBLINGS),
                        off(batch, BATCH_DOUBLINGS), domain,
                        List.of("--global-batch-size", Long.toString(samples)),
                        "\"train_batch_size\": " + samples,
                        "for a new run: in mid-run the place in the data is the step times the batch",
                        false));
    }

    private static double off(double value, double doublings) {
        return value * Math.pow(2, doublings);
    }
}

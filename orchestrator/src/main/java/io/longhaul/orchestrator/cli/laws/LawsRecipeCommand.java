package io.longhaul.orchestrator.cli.laws;

import io.longhaul.laws.rule.BatchChange;
import io.longhaul.laws.rule.BatchRamp;
import io.longhaul.laws.rule.OptimizerChange;
import io.longhaul.laws.rule.ParallelStreams;
import io.longhaul.laws.rule.Rule;
import io.longhaul.laws.rule.RunScale;
import io.longhaul.laws.rule.WeightDecay;
import io.longhaul.laws.rule.WholeRun;
import io.longhaul.laws.rule.WidthTransfer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;

/** {@code longhaul laws recipe}: what the rules say of a run's rate, batch and weight decay, or why they say nothing. */
@Command(name = "recipe", mixinStandardHelpOptions = true, description = "Peak rate, batch and weight decay of a run by published rules, and what changes with another batch, width or optimizer; each with its law, domain, range, arguments of the trainers and risk.")
public final class LawsRecipeCommand implements Callable<Integer> {
    private static final int USAGE = 2;

    @Option(names = "--parameters", required = true, paramLabel = "N", description = "weights without embeddings and output projection")
    private double parameters;

    @Option(names = "--tokens", required = true, paramLabel = "D", description = "tokens of the whole run")
    private double tokens;

    @Option(names = "--batch-tokens", required = true, paramLabel = "B", description = "tokens per step")
    private double batchTokens;

    @Option(names = "--lr", required = true, paramLabel = "RATE", description = "peak learning rate")
    private double rate;

    @Option(names = "--sequence", defaultValue = "4096", paramLabel = "TOKENS", description = "tokens of a sequence (default ${DEFAULT-VALUE})")
    private double sequence;

    @Option(names = "--weight-decay", defaultValue = "0.1", description = "(default ${DEFAULT-VALUE})")
    private double weightDecay;

    @Option(names = "--beta2", defaultValue = "0.95", description = "of AdamW's second moment (default ${DEFAULT-VALUE})")
    private double beta2;

    @Option(names = "--new-batch-tokens", paramLabel = "B", description = "the batch changes within the run")
    private @Nullable Double newBatch;

    @Option(names = "--optimizer", defaultValue = "ADAMW", description = "for a change of batch: ${COMPLETION-CANDIDATES} (default ${DEFAULT-VALUE})")
    private BatchChange.Optimizer optimizer = BatchChange.Optimizer.ADAMW;

    @Option(names = "--critical-batch", split = ",", paramLabel = "TOKENS=BATCH", description = "critical batch in tokens, measured after so many tokens of the run; several for a ramp")
    private Map<Double, Double> critical = new TreeMap<>();

    @Option(names = "--base-width", paramLabel = "WIDTH", description = "of the model that the rate was tuned on; with --width")
    private @Nullable Double baseWidth;

    @Option(names = "--width", paramLabel = "WIDTH", description = "of this model")
    private @Nullable Double width;

    @Option(names = "--to", paramLabel = "OPTIMIZER", description = "instead of AdamW: ${COMPLETION-CANDIDATES}")
    private OptimizerChange.@Nullable To to;

    @Option(names = "--streams", paramLabel = "P", description = "variants of the input that pass through the model in parallel; what they change of the loss")
    private @Nullable Integer streams;

    @Option(names = "--text", defaultValue = "PILE", description = "of --streams: ${COMPLETION-CANDIDATES} (default ${DEFAULT-VALUE})")
    private ParallelStreams.Text text = ParallelStreams.Text.PILE;

    @Option(names = "--json", description = "print one JSON array instead of text")
    private boolean json;

    @Override
    public Integer call() {
        List<Rule> rules;
        try {
            rules = rules(new RunScale(parameters, tokens, batchTokens, rate, weightDecay, beta2));
        } catch (IllegalArgumentException e) {
            System.err.println("longhaul: " + e.getMessage());
            return USAGE;
        }
        if (json) {
            System.out.println(new JsonMapper().writerWithDefaultPrettyPrinter().writeValueAsString(rules));
        } else {
            rules.forEach(LawsRecipeCommand::print);
        }
        return 0;
    }

    private List<Rule> rules(RunScale run) {
        List<Rule> rules = new ArrayList<>(WholeRun.of(run, sequence));
        rules.add(WeightDecay.of(run));
        List<BatchRamp.Critical> measured = critical.entrySet()
                .stream()
                .map(e -> new BatchRamp.Critical(e.getKey(), e.getValue()))
                .sorted(Comparator.comparingDouble(BatchRamp.Critical::tokens))
                .toList();
        if (newBatch != null) {
            double now = measured.isEmpty() ? Double.POSITIVE_INFINITY : measured.getLast().batchTokens();
            rules.addAll(BatchChange.of(run, optimizer, newBatch, now));
        }
        if (!measured.isEmpty()) {
            rules.add(BatchRamp.of(run, measured, sequence));
        }
        if (baseWidth != null && width != null) {
            rules.add(WidthTransfer.of(baseWidth, width, rate));
        }
        if (to != null) {
            rules.addAll(OptimizerChange.of(run, to));
        }
        if (streams != null) {
            rules.add(ParallelStreams.of(parameters, streams, text));
        }
        return rules;
    }

    private static void print(Rule rule) {
        switch (rule) {
            case Rule.Abstained(String subject, String law, String why) -> System.out.printf(
                    "%s: abstains, %s%n  law: %s%n", subject, why, law);
            case Rule.Given given -> {
                System.out.printf(Locale.ROOT, "%s: %.4g", given.subject(), given.value());
                if (given.low() < given.high()) {
                    System.out.printf(Locale.ROOT, " (%.4g to %.4g)", given.low(), given.high());
                }
                System.out.printf(
                        "%n  law: %s%n  domain: %s%n  Megatron-LM: %s%n  DeepSpeed: %s%n  risk: %s; %s%n",
                        given.law(), given.domain(), String.join(" ", given.megatron()), given.deepSpeed(),
                        given.risk(),
                        given.unattended() ? "may be applied unattended" : "a person decides");
            }
        }
    }
}

package io.longhaul.monitor.response;

import io.longhaul.monitor.Finding;
import io.longhaul.monitor.response.Response.Alternative;
import io.longhaul.monitor.response.Situation.Past;
import io.longhaul.monitor.response.Situation.Steps;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * What to do about a finding, and why not something else: of all that can be done, what is expected to cost the fewest
 * GPU-seconds. Pure: a decision can be made again from what was stored with it.
 *
 * <p>What cannot be done, was done too often within the window, or has led nowhere before, is not weighed but named. To
 * ask a person is always possible.
 */
public final class ResponsePolicy {
    /** Restarts from one checkpoint after which another one would be a loop. */
    private static final int LOOP = 3;

    private ResponsePolicy() {}

    /** All that a decision depends on. */
    public record Case(Finding finding, Situation situation, Policy policy) {
        public Response respond() {
            return ResponsePolicy.respond(finding, situation, policy);
        }
    }

    public static Response respond(Finding finding, Situation situation, Policy policy) {
        List<Option> options = Options.of(finding, situation, policy)
                .stream()
                .map(option -> bounded(option, situation, policy))
                .toList();
        Option chosen = options.stream()
                .filter(option -> option.refusal().isEmpty())
                .min(Comparator.comparingDouble(Option::gpuSeconds))
                .orElseThrow(() -> new IllegalStateException("nothing can be done about " + finding.kind()));
        List<Alternative> others = new ArrayList<>();
        for (Option option : options) {
            if (option != chosen) {
                boolean weighed = option.refusal().isEmpty();
                others.add(
                        new Alternative(option.name(),
                                option.refusal().orElseGet(() -> dearer(option, chosen)),
                                weighed ? OptionalDouble.of(option.gpuSeconds()) : OptionalDouble.empty()));
            }
        }
        return new Response(
                chosen.action(),
                (policy.dryRun() && chosen.action().ends() ? "dry run, would: " : "") + chosen.name(),
                chosen.why(), OptionalDouble.of(chosen.gpuSeconds()), inputs(finding, situation, chosen),
                others,
                chosen.goesBackTo(), chosen.skip(), chosen.learningRateFactor());
    }

    private static Option bounded(Option option, Situation situation, Policy policy) {
        if (option.refusal().isPresent() || !option.action().ends() || option.action() == Action.ASK) {
            return option;
        }
        Integer most = policy.budgets().get(option.action());
        long used = situation.past()
                .stream()
                .filter(past -> past.action() == option.action())
                .filter(past -> past.at().isAfter(situation.now().minus(policy.window())))
                .count();
        if (most != null && used >= most) {
            return option.refused("done " + used + " times within " + policy.window().toHours()
                    + " h, as often as allowed");
        }
        long newest = situation.newestCheckpoint();
        long led = fruitless(situation.past(), newest);
        return led >= LOOP
                ? option.refused(led + " attempts in a row ended without a checkpoint after step " + newest)
                : option;
    }

    /** Attempts that were ended last, one after the other, while the newest checkpoint was the one that it is now. */
    private static long fruitless(List<Past> past, long newest) {
        return past.reversed()
                .stream()
                .filter(one -> one.action().ends())
                .takeWhile(one -> one.newestCheckpoint() == newest)
                .count();
    }

    private static String dearer(Option option, Option chosen) {
        return option.why() + String.format(Locale.ROOT, "; %.0f GPU-seconds expected against %.0f",
                option.gpuSeconds(), chosen.gpuSeconds());
    }

    private static Map<String, String> inputs(Finding finding, Situation situation, Option chosen) {
        Map<String, String> inputs = new LinkedHashMap<>();
        inputs.put("last step", Long.toString(situation.lastStep()));
        if (chosen.skip().isPresent()) {
            Steps skip = chosen.skip().get();
            inputs.put("first damaged step", Long.toString(Options.onset(finding, situation)));
            inputs.put("suspect steps", skip.from() + " to " + skip.to());
            inputs.put("suspect data",
                    situation.suspectData()
                            .flatMap(Situation.SuspectData::shard)
                            .orElse("steps around the damage, shard not known"));
        }
        chosen.goesBackTo().ifPresent(step -> {
            inputs.put("newest verified checkpoint" + (chosen.skip().isPresent() ? " before" : ""),
                    step == 0 ? "none" : Long.toString(step));
            inputs.put("steps to redo", Long.toString(Math.max(0, situation.lastStep() - step)));
        });
        inputs.put("seconds of a step", String.format(Locale.ROOT, "%.3g", situation.stepSeconds()));
        inputs.put("seconds of a restart", String.format(Locale.ROOT, "%.3g", situation.restartSeconds()));
        inputs.put("attempts ended so far",
                Long.toString(situation.past().stream().filter(past -> past.action().ends()).count()));
        return inputs;
    }

    /** Something that can be done. */
    record Option(
            Action action,
            String name,
            String why,
            double gpuSeconds,
            OptionalLong goesBackTo,
            Optional<Steps> skip,
            double learningRateFactor,
            Optional<String> refusal) {
        Option refused(String because) {
            return new Option(action, name, why, gpuSeconds, goesBackTo, skip, learningRateFactor,
                    Optional.of(because));
        }
    }
}

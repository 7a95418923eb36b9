package io.longhaul.planner.legal;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * A rule that a layout breaks, for people.
 *
 * @param rule id
 * @param message what is wrong, with the values
 * @param values the facts that the rule reads, by the framework's name for them
 * @param mend fact to change and its nearest legal values, smaller ones first: values that break no rule which holds
 *     now, or, where there are none, that mend this rule at least; empty if no single change helps
 * @param late the framework notices only after it has started, or not at all
 * @param kind what may be lifted can be asked for as "what if", see {@link Rule#liftable}
 */
public record Broken(
        String rule,
        String message,
        Map<String, String> values,
        List<Mend> mend,
        boolean late,
        Rule.Kind kind,
        String source) {
    public Broken {
        values = Map.copyOf(values);
        mend = List.copyOf(mend);
    }

    /** Another value of one fact. */
    public record Mend(Fact fact, long value) {}

    /** For instance {@code attention heads 40 not divisible by tensor 16: use tensor 8 or 20}. */
    @Override
    public String toString() {
        if (mend.isEmpty()) {
            return message;
        }
        return message + mend.stream()
                .map(m -> Long.toString(m.value()))
                .collect(Collectors.joining(" or ", ": use " + mend.getFirst().fact().label() + " ", ""));
    }
}

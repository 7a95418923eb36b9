package io.longhaul.planner.legal;

import java.util.List;
import java.util.Optional;

/**
 * What a layout has to keep to.
 *
 * @param id the same as in the framework's list of constraints, where it has one
 * @param text sentence with facts in braces, said when the rule is broken
 * @param mends facts to change when it is broken, the most useful first
 * @param late the framework notices only after it has started, or not at all
 * @param from first and {@code until} last version that it is about: of a {@link Kind#CONSTRAINT} those that have it,
 *     of an {@link Kind#ABILITY} those that can do it
 * @param flag option that an ability comes with; {@code from} is the first examined release that has it
 * @param source file of the framework, paper or thread
 */
public record Rule(
        String id,
        Kind kind,
        String text,
        List<Fact> mends,
        boolean late,
        Optional<Version> from,
        Optional<Version> until,
        Optional<String> flag,
        String source,
        Condition condition) {

    /** Why a rule is there. */
    public enum Kind {
        /** The framework fails, or trains something else than was asked for. */
        CONSTRAINT,
        /** A version cannot run it; others, or forks, can. */
        ABILITY,
        /** It runs, and it is never the best choice. */
        POLICY
    }

    /** Compiled condition of the rule; {@code depth} is what has to be chosen before it can be asked. */
    record Condition(Expression expression, boolean negated, Fact.Depth depth) {
        boolean holds(long[] facts) {
            return expression.holds(facts) != negated;
        }

        static Condition of(Expression expression, boolean negated) {
            Fact.Depth depth = expression.facts()
                    .stream()
                    .map(Fact::depth)
                    .max(Enum::compareTo)
                    .orElse(Fact.Depth.LAYERS);
            return new Condition(expression, negated, depth);
        }
    }

    public Rule {
        mends = List.copyOf(mends);
    }

    /** A rule that may be lifted to ask "what if". */
    public boolean liftable() {
        return kind != Kind.CONSTRAINT;
    }

    private boolean covers(Version version) {
        return from.filter(v -> v.compareTo(version) > 0).isEmpty()
                && until.filter(v -> v.compareTo(version) < 0).isEmpty();
    }

    /** Whether a layout for this version has to keep to the rule. */
    boolean binds(Version version) {
        return covers(version) != (kind == Kind.ABILITY);
    }

    /** The sentence with the values of a layout. */
    public String say(Facts facts) {
        String said = text;
        for (Fact fact : Fact.values()) {
            said = said.replace('{' + fact.key() + '}', facts.show(fact));
        }
        return said;
    }
}

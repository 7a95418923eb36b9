package io.longhaul.planner.legal;

import io.longhaul.planner.legal.Fact.Depth;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The rules that a layout for one version of one framework keeps to.
 *
 * <p>A search asks {@link #firstBroken} depth by depth, as soon as the facts of that depth are chosen, and allocates
 * nothing; people get {@link #broken} with every rule, the values and the nearest legal ones.
 */
public final class Legality {
    private static final RuleFile EVERY = RuleFile.load("every");
    /** Steps away from a value in which a legal one is looked for. */
    private static final int REACH = 1 << 12;

    private final Trainer trainer;
    private final Version version;
    private final Set<String> lifted;
    private final List<Rule> rules;
    private final Rule[][] byDepth = new Rule[Depth.values().length][];

    private Legality(Trainer trainer, Version version, Set<String> lifted) {
        this.trainer = trainer;
        this.version = version;
        this.lifted = Set.copyOf(lifted);
        this.rules = all(trainer)
                .filter(rule -> rule.binds(version) && !(rule.liftable() && lifted.contains(rule.id())))
                .toList();
        for (Depth depth : Depth.values()) {
            byDepth[depth.ordinal()] = rules.stream()
                    .filter(r -> r.condition().depth() == depth)
                    .toArray(Rule[]::new);
        }
    }

    private static Stream<Rule> all(Trainer trainer) {
        return Stream.concat(EVERY.rules().stream(), trainer.file().rules().stream());
    }

    public static Legality of(Trainer trainer, Version version) {
        return new Legality(trainer, version, Set.of());
    }

    /** Of the newest examined version. */
    public static Legality of(Trainer trainer) {
        return of(trainer, trainer.newest());
    }

    /**
     * The same without some abilities or policies: what if the framework could do it?
     *
     * @throws IllegalArgumentException for a name that cannot be lifted, with those that can
     */
    public Legality lift(Set<String> ids) {
        List<String> can = all(trainer).filter(Rule::liftable).map(Rule::id).toList();
        for (String id : ids) {
            if (!can.contains(id)) {
                throw new IllegalArgumentException(
                        id + " cannot be lifted; these can: " + String.join(", ", can));
            }
        }
        return new Legality(trainer, version, Stream.concat(lifted.stream(), ids.stream())
                .collect(Collectors.toSet()));
    }

    /** The same with everything that the version cannot run lifted: every choice that a layout can name. */
    public Legality whatIf() {
        return lift(masks().stream().map(Rule::id).collect(Collectors.toSet()));
    }

    /** For instance {@code MEGATRON_LM core_v0.19.0}, with what was lifted. */
    @Override
    public String toString() {
        return trainer + " " + version + (lifted.isEmpty() ? "" : " without " + new TreeSet<>(lifted));
    }

    public Trainer trainer() {
        return trainer;
    }

    public Version version() {
        return version;
    }

    /** Rules that hold for this version, in the order in which they are asked. */
    public List<Rule> rules() {
        return rules;
    }

    /** What this version cannot run, whether it was lifted or not. */
    public List<Rule> masks() {
        return all(trainer).filter(r -> r.kind() == Rule.Kind.ABILITY && r.binds(version)).toList();
    }

    /** The first rule of this depth that is broken, null if none is. */
    public @Nullable Rule firstBroken(Facts facts, Depth depth) {
        long[] values = facts.values();
        for (Rule rule : byDepth[depth.ordinal()]) {
            if (!rule.condition().holds(values)) {
                return rule;
            }
        }
        return null;
    }

    /** What the rules of this depth depend on. */
    public Set<Fact> read(Depth depth) {
        EnumSet<Fact> facts = EnumSet.noneOf(Fact.class);
        for (Rule rule : byDepth[depth.ordinal()]) {
            facts.addAll(rule.condition().expression().facts());
        }
        return facts;
    }

    /** The first broken rule of a whole layout, null if it is legal. */
    public @Nullable Rule firstBroken(Facts facts) {
        for (Depth depth : Depth.values()) {
            Rule rule = firstBroken(facts, depth);
            if (rule != null) {
                return rule;
            }
        }
        return null;
    }

    /** Every broken rule with values and nearest legal ones, in the order of {@link #firstBroken}. */
    public List<Broken> broken(Facts facts) {
        List<Broken> found = new ArrayList<>();
        for (Depth depth : Depth.values()) {
            for (Rule rule : byDepth[depth.ordinal()]) {
                if (!rule.condition().holds(facts.values())) {
                    found.add(explain(rule, facts));
                }
            }
        }
        return found;
    }

    /** One broken rule for people. */
    public Broken explain(Rule rule, Facts facts) {
        Map<String, String> values = new LinkedHashMap<>();
        for (Fact fact : rule.condition().expression().facts()) {
            values.put(fact.key(), facts.show(fact));
        }
        String message = rule.say(facts);
        if (rule.kind() == Rule.Kind.ABILITY) {
            message += rule.until()
                    .filter(v -> v.compareTo(version) < 0)
                    .map(v -> ", last in " + v)
                    .or(() -> rule.from().filter(v -> v != RuleFile.NONE).map(v -> ", first in " + v))
                    .map(known -> known + " (this is " + version + ")")
                    .orElse("");
        }
        return new Broken(rule.id(), message, values, mend(rule, facts), rule.late(), rule.kind(),
                rule.source());
    }

    /** Values that leave no other rule newly broken; if there are none, those that mend this rule alone. */
    private List<Broken.Mend> mend(Rule rule, Facts facts) {
        // The broken rule is the one that decides most often, so it is asked first.
        Rule[] kept = Stream.concat(
                Stream.of(rule), rules.stream().filter(other -> other.condition().holds(facts.values())))
                .toArray(Rule[]::new);
        for (Rule[] asked : List.of(kept, new Rule[]{rule})) {
            for (Fact fact : rule.mends()) {
                List<Broken.Mend> found = new ArrayList<>();
                nearest(asked, facts, fact, -1, found);
                nearest(asked, facts, fact, 1, found);
                if (!found.isEmpty()) {
                    return found;
                }
            }
        }
        return List.of();
    }

    /** Adds the nearest smaller or larger value with which the broken rule and all that hold now hold. */
    private static void nearest(Rule[] kept, Facts facts, Fact fact, int way, List<Broken.Mend> found) {
        long now = facts.get(fact);
        Facts changed = facts.copy();
        long smallest = Math.max(fact == Fact.STAGE ? 0 : 1, now - REACH);
        long largest = Math.min(most(facts, fact), now + REACH);
        for (long value = now + way; value >= smallest && value <= largest; value += way) {
            if (hold(kept, changed.with(fact, value).values())) {
                found.add(new Broken.Mend(fact, value));
                return;
            }
        }
    }

    /** No value of the fact above this one makes sense. */
    private static long most(Facts facts, Fact fact) {
        return switch (fact) {
            case TP, CP, PP, DP, EP, ETP, REPLICAS -> facts.get(Fact.WORLD);
            case VPP, RECOMPUTE_LAYERS -> facts.get(Fact.LAYERS);
            case MBS -> facts.get(Fact.GBS);
            case STAGE -> 3;
            default -> Long.MAX_VALUE;
        };
    }

    private static boolean hold(Rule[] rules, long[] values) {
        for (Rule rule : rules) {
            if (!rule.condition().holds(values)) {
                return false;
            }
        }
        return true;
    }
}

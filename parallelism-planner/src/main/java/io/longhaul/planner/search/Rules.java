package io.longhaul.planner.search;

import io.longhaul.planner.layout.OptimizerKind;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.layout.Sharding;
import io.longhaul.planner.legal.Fact;
import io.longhaul.planner.legal.Fact.Depth;
import io.longhaul.planner.legal.Facts;
import io.longhaul.planner.legal.Legality;
import io.longhaul.planner.legal.Rule;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Which choices the rules leave, of those below a pipeline; the same for every part of a search. Layouts are handed over
 * in {@code facts}, which are changed.
 */
final class Rules {
    private final Space space;
    private final Legality legality;
    private final boolean sequencesMatterLater;
    private final boolean splitsMatterLater;
    private final boolean shardingsKnownEarly;
    private final Answers<Pipelines> pipelines;
    private final Answers<@Nullable Rule[]> splits;
    private final Answers<Shardings> shardings;
    private final Answers<Kept> kept;

    Rules(Space space, Legality legality) {
        this.space = space;
        this.legality = legality;
        this.sequencesMatterLater = matters(Depth.BATCH, Set.of(Fact.SP));
        this.splitsMatterLater = matters(Depth.SPLIT, Set.of(Fact.UNEVEN, Fact.SPLIT_LAYERS));
        this.shardingsKnownEarly = read(Set.of(Depth.SHARDING)).stream()
                .allMatch(fact -> fact.depth().compareTo(Depth.EXPERTS) <= 0);
        this.pipelines = new Answers<>(read(Set.of(Depth.PIPELINE), Fact.PP));
        // The ways to split the layers are a matter of the chunks.
        this.splits = new Answers<>(
                read(Set.of(Depth.SPLIT), Fact.PP, Fact.VPP, Fact.SCHEDULE, Fact.VOCABULARY_PARALLEL));
        // Replicas of shards divide the ranks that hold the same weights.
        this.shardings = new Answers<>(read(Set.of(Depth.SHARDING), Fact.DP, Fact.CP));
        // How many layers there are to compute again is a matter of the stages as well.
        this.kept = new Answers<>(read(Set.of(Depth.KEPT, Depth.LAYERS), Fact.PP));
    }

    /** What is known before the first of these depths, of all that their rules read, and some more facts. */
    private Set<Fact> read(Set<Depth> depths, Fact... more) {
        Set<Fact> facts = EnumSet.noneOf(Fact.class);
        depths.forEach(depth -> facts.addAll(legality.read(depth)));
        Depth first = EnumSet.copyOf(depths).iterator().next();
        facts.removeIf(fact -> fact.depth().compareTo(first) >= 0);
        facts.addAll(Set.of(more));
        return facts;
    }

    /** Whether rules ask of sequence parallelism together with what is chosen after it. */
    boolean sequencesMatterLater() {
        return sequencesMatterLater;
    }

    /** Whether what may be sharded is known with degrees and experts. */
    boolean shardingsKnownEarly() {
        return shardingsKnownEarly;
    }

    /** Whether rules ask of the split of the layers together with what is chosen after it. */
    boolean splitsMatterLater() {
        return splitsMatterLater;
    }

    private boolean matters(Depth after, Set<Fact> facts) {
        return Stream.of(Depth.values())
                .filter(depth -> depth.compareTo(after) > 0)
                .anyMatch(depth -> !Collections.disjoint(legality.read(depth), facts));
    }

    @Nullable
    Rule batch(ParallelLayout c, Facts facts) {
        return legality.firstBroken(facts.layout(c), Depth.BATCH);
    }

    /** @param broken with ways to split the layers as choices */
    record Pipelines(List<Space.Pipeline> legal, List<Broken> broken) {}

    Pipelines pipelines(ParallelLayout c, Facts facts) {
        return pipelines.of(facts.layout(c), () -> {
            List<Space.Pipeline> legal = new ArrayList<>();
            List<Broken> broken = new ArrayList<>();
            for (Space.Pipeline pipeline : space.pipelines(c.pipeline())) {
                Rule rule = legality.firstBroken(facts.layout(pipeline.of(c)), Depth.PIPELINE);
                if (rule == null) {
                    legal.add(pipeline);
                } else {
                    add(broken, rule, facts, pipeline.splitCount());
                }
            }
            return new Pipelines(legal, broken);
        });
    }

    /** The first broken rule of each way to split the layers, null for those that are legal. */
    @Nullable
    Rule[] splits(Space.Pipeline pipeline, ParallelLayout c, Facts facts) {
        return splits.of(facts.layout(c), () -> {
            List<Space.Split> all = pipeline.splits();
            @Nullable
            Rule[] broken = new @Nullable Rule[all.size()];
            for (int i = 0; i < broken.length; i++) {
                broken[i] = legality.firstBroken(facts.layout(all.get(i).of(c)), Depth.SPLIT);
            }
            return broken;
        });
    }

    /** A rule and how many choices break it. */
    record Broken(Rule rule, Facts example, int choices) {}

    /** What is sharded, with which optimizer. */
    record Shards(Sharding sharding, OptimizerKind optimizer) {
        ParallelLayout of(ParallelLayout c) {
            return c.withShards(sharding, optimizer);
        }
    }

    /**
     * @param frugal of each stage of sharding, with each optimizer, those that need least; the most frugal stage first
     */
    record Shardings(List<Shards> legal, List<Shards> frugal, List<Broken> broken) {}

    Shardings shardings(ParallelLayout c, Facts facts) {
        return shardings.of(facts.layout(c), () -> {
            List<Shards> legal = new ArrayList<>();
            List<Broken> broken = new ArrayList<>();
            for (OptimizerKind optimizer : space.optimizers()) {
                for (Sharding sharding : space.shardings(c)) {
                    Shards one = new Shards(sharding, optimizer);
                    Rule rule = legality.firstBroken(facts.layout(one.of(c)), Depth.SHARDING);
                    if (rule == null) {
                        legal.add(one);
                    } else {
                        add(broken, rule, facts, 1);
                    }
                }
            }
            List<Shards> frugal = legal.stream()
                    .filter(one -> one.sharding.replicas() == 1)
                    .sorted(Comparator.comparing(one -> -one.sharding.stage()))
                    .toList();
            return new Shardings(legal, frugal, broken);
        });
    }

    private static void add(List<Broken> broken, Rule rule, Facts facts, int choices) {
        for (int i = 0; i < broken.size(); i++) {
            Broken old = broken.get(i);
            if (old.rule == rule) {
                broken.set(i, new Broken(rule, old.example, old.choices + choices));
                return;
            }
        }
        broken.add(new Broken(rule, facts.copy(), choices));
    }

    Kept kept(ParallelLayout c, Facts facts) {
        return kept.of(facts.layout(c), () -> askKept(c, facts));
    }

    private Kept askKept(ParallelLayout c, Facts facts) {
        int optimizers = space.optimizerShares().length;
        int activations = space.activationShares().length;
        int counts = space.fullCounts(c.pipeline());
        Kept kept = new Kept(space.recomputes(), optimizers, activations, counts);
        for (int o = 0; o < optimizers; o++) {
            for (int a = 0; a < activations; a++) {
                ParallelLayout shares = c.withOffload(space.offload(a, o));
                for (int k = 0; k < space.recomputes().size(); k++) {
                    Recompute kind = space.recomputes().get(k);
                    facts.layout(shares.withRecompute(kind));
                    Rule rule = legality.firstBroken(facts, Depth.KEPT);
                    kept.forbid(k, o, a, rule == null && kind != Recompute.FULL
                            ? legality.firstBroken(facts, Depth.LAYERS)
                            : rule);
                }
                for (int i = 0; i < counts; i++) {
                    facts.layout(shares.withRecompute(space.full(i, c.pipeline())));
                    kept.forbidFull(o, a, i, legality.firstBroken(facts, Depth.LAYERS));
                }
            }
        }
        return kept;
    }
}

package io.longhaul.planner.search;

import io.longhaul.planner.layout.Offload;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.legal.Fact;
import io.longhaul.planner.legal.Fact.Depth;
import io.longhaul.planner.legal.Facts;
import io.longhaul.planner.legal.Legality;
import io.longhaul.planner.legal.Rule;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Which recomputation and offload the rules allow. Of all the facts of a layout, these rules read a few, so that the
 * answer is looked up for nearly all layouts.
 */
final class Kept {
    private final Space space;
    private final Legality legality;
    private final List<Fact> read;
    private final Map<List<Long>, Allowed> known = new ConcurrentHashMap<>();

    Kept(Space space, Legality legality) {
        this.space = space;
        this.legality = legality;
        // How many layers there are to compute again is a matter of the stages as well.
        this.read = Stream.of(legality.read(Depth.KEPT), legality.read(Depth.LAYERS), Set.of(Fact.PP))
                .flatMap(Set::stream)
                .filter(fact -> fact.depth().compareTo(Depth.KEPT) < 0)
                .distinct()
                .toList();
    }

    /** For the layout that {@code facts} hold; they are changed. */
    Allowed of(ParallelLayout c, Facts facts) {
        facts.layout(c);
        List<Long> key = read.stream().map(facts::get).toList();
        Allowed allowed = known.get(key);
        if (allowed == null) {
            allowed = ask(c, facts);
            known.put(key, allowed);
        }
        return allowed;
    }

    private Allowed ask(ParallelLayout c, Facts facts) {
        int optimizers = space.optimizerShares().length;
        int activations = space.activationShares().length;
        int counts = space.fullCounts(c.pipeline());
        Allowed allowed = new Allowed(space.recomputes(), optimizers, activations, counts);
        for (int o = 0; o < optimizers; o++) {
            for (int a = 0; a < activations; a++) {
                ParallelLayout shares = c.withOffload(
                        new Offload(space.activationShares()[a], space.optimizerShares()[o]));
                for (int k = 0; k < space.recomputes().size(); k++) {
                    Recompute kind = space.recomputes().get(k);
                    facts.layout(shares.withRecompute(kind));
                    Rule rule = legality.firstBroken(facts, Depth.KEPT);
                    allowed.broken[allowed.index(k, o, a)] = rule == null && kind != Recompute.FULL
                            ? legality.firstBroken(facts, Depth.LAYERS)
                            : rule;
                }
                for (int i = 0; i < counts; i++) {
                    facts.layout(shares.withRecompute(space.full(i, c.pipeline())));
                    allowed.full[allowed.index(o, a, i, counts)] = legality.firstBroken(facts, Depth.LAYERS);
                }
            }
        }
        return allowed;
    }

    /** The first broken rules. */
    static final class Allowed {
        private final List<Recompute> kinds;
        private final int optimizers;
        private final int activations;
        private final int counts;
        /** By kind of recomputation, share of the optimizer, share of activations. */
        private final @Nullable Rule[] broken;
        /** By share of the optimizer, share of activations, number of layers that are computed again as a whole. */
        private final @Nullable Rule[] full;

        Allowed(List<Recompute> kinds, int optimizers, int activations, int counts) {
            this.kinds = kinds;
            this.optimizers = optimizers;
            this.activations = activations;
            this.counts = counts;
            this.broken = new @Nullable Rule[kinds.size() * optimizers * activations];
            this.full = new @Nullable Rule[optimizers * activations * counts];
        }

        private int index(int kind, int optimizer, int activation) {
            return (kind * optimizers + optimizer) * activations + activation;
        }

        private int index(int optimizer, int activation, int count, int of) {
            return (optimizer * activations + activation) * of + count;
        }

        /** Of a kind with these shares, the number of layers apart. */
        @Nullable
        Rule broken(int kind, int optimizer, int activation) {
            return broken[index(kind, optimizer, activation)];
        }

        /** Of the {@code count}-th number of layers with these shares, which are legal. */
        @Nullable
        Rule full(int optimizer, int activation, int count) {
            return full[index(optimizer, activation, count, counts)];
        }

        /** Whether any shares go with a kind of recomputation. */
        boolean any(int kind) {
            for (int i = index(kind, 0, 0); i < index(kind + 1, 0, 0); i++) {
                if (broken[i] == null) {
                    return true;
                }
            }
            return false;
        }

        /** Index of the largest share of activations that goes with this one of the optimizer; -1 if none does. */
        int mostActivations(int kind, int optimizer) {
            int a = activations - 1;
            while (a >= 0 && broken(kind, optimizer, a) != null) {
                a--;
            }
            return a;
        }

        /** Whether no larger shares go with fewer layers that are computed again. */
        boolean fewest(int optimizer, int activation) {
            int kind = kinds.indexOf(Recompute.FULL);
            for (int i = 0; i < counts && full(optimizer, activation, i) != null; i++) {
                for (int o = optimizer; o < optimizers; o++) {
                    for (int a = activation; a < activations; a++) {
                        if (broken(kind, o, a) == null && full(o, a, i) == null) {
                            return false;
                        }
                    }
                }
            }
            return true;
        }
    }
}

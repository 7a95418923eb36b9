package io.longhaul.planner.search;

import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.legal.Rule;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Which recomputation and offload the rules allow: of each the first broken rule, null for what is legal. */
final class Kept {
    private final List<Recompute> kinds;
    private final int optimizers;
    private final int activations;
    private final int counts;
    /** By kind of recomputation, share of the optimizer, share of activations. */
    private final @Nullable Rule[] broken;
    /** By share of the optimizer, share of activations, number of layers that are computed again as a whole. */
    private final @Nullable Rule[] full;

    Kept(List<Recompute> kinds, int optimizers, int activations, int counts) {
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

    void forbid(int kind, int optimizer, int activation, @Nullable Rule rule) {
        broken[index(kind, optimizer, activation)] = rule;
    }

    void forbidFull(int optimizer, int activation, int count, @Nullable Rule rule) {
        full[index(optimizer, activation, count, counts)] = rule;
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

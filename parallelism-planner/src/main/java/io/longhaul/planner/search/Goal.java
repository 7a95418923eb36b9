package io.longhaul.planner.search;

import io.longhaul.planner.memory.StageMemory.Verdict;
import java.util.OptionalInt;

/**
 * What is best, and what may be changed for it.
 *
 * @param objective what is to be least
 * @param parts a part of the machine may be used: any number of nodes, or of devices of one node; with a rate of
 *     failures the rest are spares
 * @param criticalBatch largest batch that is worth its tokens; if given, the batch may be any multiple of the wished one
 *     up to it
 * @param worst verdict on memory that a plan may have
 * @param alternatives best plans of other layouts that are wanted besides the best of all
 */
public record Goal(
        Objective objective,
        boolean parts,
        OptionalInt criticalBatch,
        Verdict worst,
        int alternatives) {
    /** Shortest step on all devices. */
    public static final Goal TIME = new Goal(new Objective.Time(), false, OptionalInt.empty(), Verdict.TIGHT,
            6);

    public Goal {
        if (worst == Verdict.NO) {
            throw new IllegalArgumentException("worst must be SAFE or TIGHT, got NO");
        }
        if (alternatives < 0) {
            throw new IllegalArgumentException("alternatives must be >= 0, got " + alternatives);
        }
    }

    public Goal withObjective(Objective other) {
        return new Goal(other, parts, criticalBatch, worst, alternatives);
    }

    public Goal withParts(boolean allowed) {
        return new Goal(objective, allowed, criticalBatch, worst, alternatives);
    }

    public Goal withCriticalBatch(int samples) {
        return new Goal(objective, parts, OptionalInt.of(samples), worst, alternatives);
    }

    public Goal withWorst(Verdict verdict) {
        return new Goal(objective, parts, criticalBatch, verdict, alternatives);
    }

    public Goal withAlternatives(int wanted) {
        return new Goal(objective, parts, criticalBatch, worst, wanted);
    }
}

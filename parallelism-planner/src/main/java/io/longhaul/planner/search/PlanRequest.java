package io.longhaul.planner.search;

import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.model.ModelShape;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What is to be planned.
 *
 * @param globalBatch samples per optimizer step
 * @param fixed degrees that the user fixed, some or all
 * @param abilities what the trainer can execute
 * @param goal what is best, and what else may be chosen to get it
 * @param legality rules in place of the planner's own
 */
public record PlanRequest(
        ModelShape model,
        Machine machine,
        int globalBatch,
        Optional<Fixed> fixed,
        Abilities abilities,
        Goal goal,
        Optional<Legality> legality) {
    public PlanRequest {
        if (globalBatch < 1) {
            throw new IllegalArgumentException("globalBatch must be >= 1, got " + globalBatch);
        }
    }

    /** For the shortest step on the whole machine. */
    public PlanRequest(
            ModelShape model, Machine machine, int globalBatch, Optional<Fixed> fixed, Abilities abilities) {
        this(model, machine, globalBatch, fixed, abilities, Goal.TIME, Optional.empty());
    }

    public PlanRequest withGoal(Goal other) {
        return new PlanRequest(model, machine, globalBatch, fixed, abilities, other, legality);
    }

    public PlanRequest withLegality(Legality rules) {
        return new PlanRequest(model, machine, globalBatch, fixed, abilities, goal, Optional.of(rules));
    }

    /** Another machine or batch, the rest alike. */
    PlanRequest on(Machine other, int batch) {
        return new PlanRequest(model, other, batch, fixed, abilities, goal, legality);
    }

    /** Degrees of parallelism that the plan must have; what is empty is free. */
    public record Fixed(
            OptionalInt tensor,
            OptionalInt pipeline,
            OptionalInt data,
            OptionalInt context) {
        public Fixed(int tensor, int pipeline, int data, int context) {
            this(OptionalInt.of(tensor), OptionalInt.of(pipeline), OptionalInt.of(data),
                    OptionalInt.of(context));
        }

        /** Nothing is free, so that the number of ranks is fixed too. */
        public boolean whole() {
            return tensor.isPresent() && pipeline.isPresent() && data.isPresent() && context.isPresent();
        }

        /** Product of the degrees that are fixed. */
        public long ranks() {
            return (long) tensor.orElse(1) * pipeline.orElse(1) * data.orElse(1) * context.orElse(1);
        }

        /** Whether a layout has the degrees that are fixed. */
        public boolean holds(ParallelLayout c) {
            return tensor.orElse(c.tensor()) == c.tensor() && pipeline.orElse(c.pipeline()) == c.pipeline()
                    && data.orElse(c.data()) == c.data() && context.orElse(c.context()) == c.context();
        }
    }
}

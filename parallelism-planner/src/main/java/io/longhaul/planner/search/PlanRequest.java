package io.longhaul.planner.search;

import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.constants.Software;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.legal.Legality;
import io.longhaul.planner.legal.Trainer;
import io.longhaul.planner.model.ModelShape;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What is to be planned.
 *
 * @param globalBatch samples per optimizer step
 * @param fixed degrees that the user fixed, some or all
 * @param choices what the search may choose
 * @param legality what of it the trainer's version runs
 * @param software what its step is priced as
 * @param goal what is best, and what else may be chosen to get it
 */
public record PlanRequest(
        ModelShape model,
        Machine machine,
        int globalBatch,
        Optional<Fixed> fixed,
        Choices choices,
        Legality legality,
        Software software,
        Goal goal) {
    public PlanRequest {
        if (globalBatch < 1) {
            throw new IllegalArgumentException("globalBatch must be >= 1, got " + globalBatch);
        }
    }

    /** The shortest step on the whole machine, over every choice that a layout can name. */
    public PlanRequest(ModelShape model, Machine machine, int globalBatch, Legality legality) {
        this(model, machine, globalBatch, Optional.empty(), Choices.ALL, legality,
                software(legality.trainer()),
                Goal.TIME);
    }

    private static Software software(Trainer trainer) {
        return switch (trainer) {
            case MEGATRON_LM, REFERENCE -> Software.MEGATRON_CORE;
            case DEEPSPEED -> Software.DEEPSPEED;
        };
    }

    public PlanRequest withFixed(Fixed degrees) {
        return new PlanRequest(model, machine, globalBatch, Optional.of(degrees), choices, legality, software,
                goal);
    }

    public PlanRequest withChoices(Choices other) {
        return new PlanRequest(model, machine, globalBatch, fixed, other, legality, software, goal);
    }

    public PlanRequest withGoal(Goal other) {
        return new PlanRequest(model, machine, globalBatch, fixed, choices, legality, software, other);
    }

    /** What if the trainer could run everything? Its masks are lifted, what no version can do is not. */
    public PlanRequest whatIf() {
        return new PlanRequest(model, machine, globalBatch, fixed, choices, legality.whatIf(), software,
                goal);
    }

    /** Another model, machine or batch, the rest alike. */
    public PlanRequest with(ModelShape otherModel, Machine otherMachine, int batch) {
        return new PlanRequest(otherModel, otherMachine, batch, fixed, choices, legality, software, goal);
    }

    /** Another machine or batch, the rest alike. */
    public PlanRequest on(Machine other, int batch) {
        return with(model, other, batch);
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

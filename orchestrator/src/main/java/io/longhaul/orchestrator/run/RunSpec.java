package io.longhaul.orchestrator.run;

import io.longhaul.orchestrator.launch.PodTemplate;
import io.longhaul.planner.legal.Trainer;
import io.longhaul.planner.legal.Version;
import io.longhaul.planner.model.ModelShape;
import io.longhaul.planner.search.PlanRequest.Fixed;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The user's wish: what to train, on what, how, and which decisions Longhaul may take alone.
 *
 * <p>An instance that exists has passed {@code RunSpecReader}: every field is present, finite, in range and
 * free of contradictions. Lists of allowed ranges live there, so that a refusal can name field, value, range
 * and hint together.
 *
 * @param name DNS-1123 label, 1 to 40 characters; not unique, the run's id is
 * @param layout degrees that the user fixed; the planner keeps to them
 * @param kubernetes what pods are made of; there if and only if the backend is Kubernetes
 * @param frameworkVersion release that launch text and legal layouts are for
 */
public record RunSpec(
        String name,
        Model model,
        Training training,
        Cluster cluster,
        Framework framework,
        Version frameworkVersion,
        Objective objective,
        Optional<Fixed> layout,
        Planning planning,
        Policies policies,
        Backend backend,
        Optional<PodTemplate> kubernetes) {
    /** The first with {@code --iterations-to-skip}. */
    private static final Version ITERATIONS_TO_SKIP = Version.of("core_v0.12.3");

    public RunSpec {
        // Runs that were stored before there was such a thing.
        planning = Objects.requireNonNullElse(planning, Planning.USUAL);
    }

    /** For another trainer, in its newest examined release. */
    public RunSpec withFramework(Framework other) {
        Version version = other == framework ? frameworkVersion : other.trainer().newest();
        return new RunSpec(name, model, training, cluster, other, version, objective, layout, planning,
                policies,
                backend,
                kubernetes);
    }

    /** Whether the trainer can take no update on the data of chosen steps. */
    public boolean skipsData() {
        return switch (framework) {
            case REFERENCE -> true;
            case MEGATRON_LM -> frameworkVersion.compareTo(ITERATIONS_TO_SKIP) >= 0;
            case DEEPSPEED -> false;
        };
    }

    /** The same tokens in steps of another batch: what is counted in steps keeps its place in the run. */
    public RunSpec withGlobalBatch(int samples) {
        return samples == training.recipe().globalBatch()
                ? this
                : new RunSpec(name, model, training.withGlobalBatch(samples), cluster, framework,
                        frameworkVersion, objective, layout, planning, policies, backend, kubernetes);
    }

    /**
     * Shape of a decoder-only transformer.
     *
     * @param layers transformer layers
     * @param ffnHiddenSize inner size of the feed-forward block
     * @param kvHeads key/value heads (grouped-query attention); equals {@code attentionHeads} without it
     * @param sequenceLength tokens per sample
     */
    public record Model(
            int layers,
            int hiddenSize,
            int ffnHiddenSize,
            int attentionHeads,
            int kvHeads,
            int vocabSize,
            int sequenceLength,
            boolean gatedMlp,
            boolean tiedEmbeddings,
            Optional<Moe> moe) {
        /** The shape in the planner's terms. */
        public ModelShape shape() {
            return new ModelShape(
                    layers, hiddenSize, ffnHiddenSize, attentionHeads, kvHeads, vocabSize, sequenceLength,
                    gatedMlp, tiedEmbeddings, moe.map(Moe::experts).orElse(0), moe.map(Moe::topK).orElse(0),
                    moe.map(Moe::expertFfnHiddenSize).orElse(0));
        }
    }

    /** Mixture of experts in every layer; {@code topK <= experts}. */
    public record Moe(int experts, int topK, int expertFfnHiddenSize) {}

    /**
     * Token budget, first recipe and data.
     *
     * @param tokens token budget of the run
     * @param data directory of a prepared corpus on the workers' machines; empty picks a local text corpus
     */
    public record Training(
            long tokens,
            Recipe recipe,
            int checkpointEverySteps,
            int seed,
            Optional<String> data) {

        private Training withGlobalBatch(int samples) {
            double factor = recipe.globalBatch() / (double) samples;
            return new Training(tokens, recipe.withGlobalBatch(samples),
                    (int) Math.max(1, Math.round(factor * checkpointEverySteps)), seed, data);
        }

        /** Optimizer steps in the token budget, rounded up. */
        public long steps(int sequenceLength) {
            return Math.ceilDiv(tokens, (long) recipe.globalBatch() * sequenceLength);
        }
    }

    /** What runs where: this machine, measured when planning, or a described cluster. */
    public sealed interface Cluster {
        /** @param ranks worker processes; 0 lets the planner choose from the measured cores or devices */
        record ThisMachine(int ranks) implements Cluster {}

        /**
         * @param accelerator name of a known accelerator, for instance {@code H100-SXM-80GB}
         * @param intraNodeGBps per-device bandwidth inside a node in 1e9 bytes/s, one direction
         * @param interNodeGBps per-device bandwidth between nodes in 1e9 bytes/s, one direction
         */
        record Described(
                int nodes,
                int devicesPerNode,
                String accelerator,
                double intraNodeGBps,
                double interNodeGBps) implements Cluster {}
    }

    /** Trainer the plan is rendered for. {@code REFERENCE} is Longhaul's own, with Megatron's arguments. */
    public enum Framework {
        MEGATRON_LM, DEEPSPEED, REFERENCE;

        /** Whose rules a layout keeps to. */
        public Trainer trainer() {
            return Trainer.valueOf(name());
        }
    }

    /** What the planner minimises. */
    public enum Objective {
        TIME, COST, ENERGY, GOODPUT
    }

    /** Which backend launches the workers. */
    public enum Backend {
        LOCAL, KUBERNETES
    }

    /**
     * @param adapt whether a recipe change is applied alone, after approval, or never proposed
     * @param maxRestarts restarts within a day before a person is asked
     * @param stallTimeout no step for this long is a stall, once training has begun
     * @param startTimeout no first step for this long after the launch is a failed start
     * @param skipMarginSteps steps skipped around a spike whose data shard is not known
     * @param dryRun decide what to do about incidents and tell it, but leave the attempt alone
     * @param preflight how long devices are tested before an attempt
     * @param restart whether agents that are well go on with the next attempt, where the backend can keep them
     */
    public record Policies(
            Adapt adapt,
            int maxRestarts,
            Duration stallTimeout,
            Duration startTimeout,
            int skipMarginSteps,
            boolean dryRun,
            Preflight preflight,
            Restart restart) {
        public Policies {
            // Runs that were stored before there was such a thing.
            preflight = Objects.requireNonNullElse(preflight, Preflight.OFF);
            restart = Objects.requireNonNullElse(restart, Restart.IN_PLACE);
        }

        /** What a restart keeps: the pods that are well, or none. */
        public enum Restart {
            IN_PLACE, ANEW
        }

        /** Tests of every device before its rank starts: none, a few seconds of each, or minutes. */
        public enum Preflight {
            OFF, QUICK, BURN_IN;

            /** Seconds of each test, if there are any. */
            OptionalInt seconds() {
                return switch (this) {
                    case OFF -> OptionalInt.empty();
                    case QUICK -> OptionalInt.of(5);
                    case BURN_IN -> OptionalInt.of(300);
                };
            }
        }

        /** Who decides on a recipe change between attempts. */
        public enum Adapt {
            AUTO, ASK, OFF
        }
    }
}

package io.longhaul.orchestrator.run;

/**
 * Optimizer settings of an attempt, in the trainer's own terms.
 *
 * @param globalBatch samples per optimizer step
 * @param learningRate peak learning rate
 * @param minLearningRate learning rate at the end of the decay, {@code 0 <= minLearningRate <= learningRate}
 * @param warmupSteps linear warm-up from 0
 * @param schedule shape after warm-up
 * @param decaySteps step at which the decay has ended, counted from step 0 (Megatron {@code --lr-decay-iters})
 * @param wsdDecaySteps length of the final decay of {@link Schedule#WSD}; 0 for other shapes
 */
public record Recipe(
        int globalBatch,
        double learningRate,
        double minLearningRate,
        int warmupSteps,
        Schedule schedule,
        long decaySteps,
        long wsdDecaySteps,
        double weightDecay,
        double gradientClip) {

    /** Learning rate of a step, counted from 1, as trainers with Megatron's arguments compute it. */
    public double rate(long step) {
        if (step <= warmupSteps) {
            return learningRate * step / warmupSteps;
        }
        if (schedule == Schedule.CONSTANT) {
            return learningRate;
        }
        if (step > decaySteps) {
            return minLearningRate;
        }
        long length = schedule == Schedule.WSD ? wsdDecaySteps : decaySteps - warmupSteps;
        double left = Math.min(1, (decaySteps - step) / (double) Math.max(1, length));
        double share = schedule == Schedule.COSINE ? (1 - Math.cos(Math.PI * left)) / 2 : left;
        return minLearningRate + share * (learningRate - minLearningRate);
    }

    /** The same with every learning rate times a factor. */
    Recipe slowed(double factor) {
        return factor == 1
                ? this
                : new Recipe(globalBatch, factor * learningRate, factor * minLearningRate, warmupSteps,
                        schedule,
                        decaySteps, wsdDecaySteps, weightDecay, gradientClip);
    }

    /** For another batch: warm-up and decay last as many samples, the rate stays. */
    Recipe withGlobalBatch(int samples) {
        double factor = globalBatch / (double) samples;
        return new Recipe(samples, learningRate, minLearningRate, (int) Math.round(factor * warmupSteps),
                schedule, Math.max(1, (long) Math.ceil(factor * decaySteps)),
                wsdDecaySteps == 0 ? 0 : Math.max(1, (long) Math.ceil(factor * wsdDecaySteps)), weightDecay,
                gradientClip);
    }

    /** Learning-rate shape; {@code WSD} decays linearly over its last {@code wsdDecaySteps}. */
    public enum Schedule {
        CONSTANT, LINEAR, COSINE, WSD
    }
}

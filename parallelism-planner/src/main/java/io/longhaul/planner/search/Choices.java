package io.longhaul.planner.search;

import io.longhaul.planner.layout.ContextKind;
import io.longhaul.planner.layout.OptimizerKind;
import io.longhaul.planner.layout.Precision;
import io.longhaul.planner.layout.Schedule;
import java.util.List;

/**
 * What the search chooses from; what of it a trainer runs is a matter of its rules. Lists are in the order in which
 * equally fast choices are taken.
 *
 * @param wholeSequences what lies between tensor-parallel blocks may also stay whole on every rank, instead of being
 *     split by tokens (Korthikanti et al. 2022)
 * @param contextKinds for more than one context-parallel rank
 * @param schedules for more than one stage; plain 1F1B is always possible
 * @param maxChunks most model chunks per stage of interleaved 1F1B
 * @param unevenSplit stages may differ in their number of layers
 * @param vocabularyParallel embedding and output layer can be spread over all stages
 * @param expertTensor experts may have a tensor-parallel degree other than the layers' own
 * @param maxZeroStage 1 shards the optimizer, 2 gradients too, 3 weights too (Rajbhandari et al. 2020)
 * @param hybridSharding shards may be spread over a part of the ranks that hold the same weights (HSDP)
 * @param selectiveRecompute attention alone can be computed again
 * @param partialRecompute a part of a stage's layers can be computed again as a whole
 * @param activationOffload activations of a part of the layers can wait on the host
 * @param optimizerOffload a part of the optimizer can work on the host
 */
public record Choices(
        boolean wholeSequences,
        List<ContextKind> contextKinds,
        List<Schedule> schedules,
        int maxChunks,
        boolean unevenSplit,
        boolean vocabularyParallel,
        boolean expertTensor,
        int maxZeroStage,
        boolean hybridSharding,
        boolean selectiveRecompute,
        boolean partialRecompute,
        boolean activationOffload,
        boolean optimizerOffload,
        List<Precision> precisions,
        List<OptimizerKind> optimizers) {
    /** The bubble is then below 2 % of what it is with one chunk. */
    private static final int MOST_CHUNKS = 64;
    /** Every choice that a layout can name, in bf16 with Adam. */
    public static final Choices ALL = new Choices(
            true, List.of(ContextKind.values()), List.of(Schedule.values()), MOST_CHUNKS, true, true,
            true, 3, true, true, true, true, true, List.of(Precision.BF16), List.of(OptimizerKind.ADAM));
    /** Plain 1F1B over equal stages in bf16 with Adam, ring attention, the optimizer sharded, recomputation of a kind. */
    public static final Choices PLAIN = new Choices(
            false, List.of(ContextKind.RING), List.of(), 1, false, false, false, 1, false, true, false, false,
            false, List.of(Precision.BF16), List.of(OptimizerKind.ADAM));

    public Choices {
        contextKinds = List.copyOf(contextKinds);
        schedules = List.copyOf(schedules);
        precisions = List.copyOf(precisions);
        optimizers = List.copyOf(optimizers);
        if (maxZeroStage < 0 || maxZeroStage > 3) {
            throw new IllegalArgumentException("maxZeroStage must be 0 to 3, got " + maxZeroStage);
        }
        if (contextKinds.isEmpty() || precisions.isEmpty() || optimizers.isEmpty()) {
            throw new IllegalArgumentException(
                    "contextKinds, precisions and optimizers must name one choice at least, got "
                            + contextKinds + ", " + precisions + ", " + optimizers);
        }
    }

    /** Number formats and optimizers change what is trained, so that they are not the planner's alone to choose. */
    public Choices with(List<Precision> formats, List<OptimizerKind> kinds) {
        return new Choices(
                wholeSequences, contextKinds, schedules, maxChunks, unevenSplit, vocabularyParallel,
                expertTensor, maxZeroStage, hybridSharding, selectiveRecompute, partialRecompute,
                activationOffload, optimizerOffload, formats, kinds);
    }
}

package io.longhaul.monitor.straggler;

import java.util.List;

/**
 * Which ranks work alike and which wait for each other.
 *
 * @param stages ranks of each pipeline stage, in the order of the stages; those at the same place of their stage are one
 *     pipeline where all stages have as many. Ranks in no stage, or alone in theirs, are never called slow
 * @param equalWork ranks of a stage have equal shares, so that one that always was slower is slow
 * @param microBatches per pipeline and step
 */
public record JobShape(List<List<Integer>> stages, boolean equalWork, int microBatches) {
    public JobShape {
        stages = stages.stream().map(List::copyOf).toList();
        if (microBatches < 1) {
            throw new IllegalArgumentException("microBatches must be >= 1, got " + microBatches);
        }
    }
}

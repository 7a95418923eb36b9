package io.longhaul.planner.schedule;

import io.longhaul.planner.layout.Schedule;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/**
 * The order in which each stage of a pipeline runs its passes, and where a micro-batch goes next.
 *
 * <p>A slot is a lane of a stage, {@code stage * lanes + lane}. A position counts the chunks that a micro-batch passes
 * through, first to last, as in {@code LayerSplit}.
 */
public final class Orders {
    private static final int NONE = -1;

    private final Schedule schedule;
    private final int stages;
    private final int lanes;
    private final int microBatches;
    private final int[][] passes;
    private final int[] position;
    private final int[] before;
    private final int[] after;

    private Orders(Schedule schedule, int stages, int chunks, int microBatches, int group) {
        this.schedule = schedule;
        this.stages = stages;
        this.microBatches = microBatches;
        this.lanes = schedule == Schedule.DUAL_PIPE ? 2 : chunks;
        this.passes = switch (schedule) {
            case ONE_F_ONE_B -> each(stage -> OneForwardOneBackward.order(stages, stage, microBatches));
            case INTERLEAVED -> each(stage -> Interleaved.order(stages, stage, chunks, microBatches, group));
            case ZB_H1 -> each(stage -> ZeroBubble.order(stages, stage, microBatches, false));
            case ZB_H2 -> each(stage -> ZeroBubble.order(stages, stage, microBatches, true));
            case ZB_V -> each(stage -> ZeroBubbleV.order(stages, stage, microBatches));
            case V_HALF -> VBlock.orders(stages, microBatches, true);
            case V_MIN -> VBlock.orders(stages, microBatches, false);
            case DUAL_PIPE -> each(stage -> DualPipe.order(stages, stage, microBatches));
        };
        this.position = new int[stages * lanes];
        this.before = new int[stages * lanes];
        this.after = new int[stages * lanes];
        int positions = stages * chunks;
        for (int slot = 0; slot < position.length; slot++) {
            position[slot] = positionOf(slot / lanes, slot % lanes);
            before[slot] = position[slot] == 0 ? NONE : slotOf(position[slot] - 1, slot % lanes);
            after[slot] = position[slot] == positions - 1 ? NONE : slotOf(position[slot] + 1, slot % lanes);
        }
    }

    /**
     * @param chunks model chunks per stage: 2 in a V, at least 2 if interleaved, else 1
     * @param microBatches per step and data-parallel rank; even and at least {@code 2 * stages} for DualPipe
     * @param group micro-batches that an interleaved stage takes through a chunk before the next, at least
     *     {@code stages}; of no meaning to the other schedules
     * @throws IllegalArgumentException if the schedule does not exist for these counts
     */
    public static Orders of(Schedule schedule, int stages, int chunks, int microBatches, int group) {
        require(stages >= 1 && microBatches >= 1 && microBatches < Pass.MOST_MICRO_BATCHES,
                "stages must be >= 1 and microBatches 1 to " + (Pass.MOST_MICRO_BATCHES - 1) + ", got "
                        + stages
                        + " and " + microBatches);
        int fixed = schedule.vShaped() ? 2 : 1;
        require(
                schedule == Schedule.INTERLEAVED
                        ? chunks >= 2 && chunks <= Pass.MOST_LANES
                        : chunks == fixed,
                schedule + " needs chunks "
                        + (schedule == Schedule.INTERLEAVED ? "from 2 to " + Pass.MOST_LANES : fixed)
                        + ", got " + chunks);
        if (schedule == Schedule.INTERLEAVED) {
            int rest = microBatches % Math.max(1, group);
            require(group >= stages && microBatches >= stages && (rest == 0 || rest >= stages),
                    "INTERLEAVED needs group (" + group + ") and microBatches (" + microBatches
                            + ") >= stages ("
                            + stages + "), and a last group that is whole or >= stages, got " + rest);
        }
        if (schedule == Schedule.DUAL_PIPE) {
            require(stages % 2 == 0 && microBatches % 2 == 0 && microBatches >= 2 * stages,
                    "DUAL_PIPE needs even stages (" + stages + ") and even microBatches (" + microBatches
                            + ") >= 2 * stages");
        }
        return new Orders(schedule, stages, chunks, microBatches, group);
    }

    private static void require(boolean holds, String message) {
        if (!holds) {
            throw new IllegalArgumentException(message);
        }
    }

    private int[][] each(IntFunction<int[]> order) {
        return IntStream.range(0, stages).mapToObj(order).toArray(int[][]::new);
    }

    private boolean backwards(int lane) {
        return (schedule.vShaped() || schedule == Schedule.DUAL_PIPE) && lane % 2 == 1;
    }

    private int positionOf(int stage, int lane) {
        int place = backwards(lane) ? stages - 1 - stage : stage;
        return schedule == Schedule.DUAL_PIPE ? place : lane * stages + place;
    }

    private int slotOf(int at, int lane) {
        int target = schedule == Schedule.DUAL_PIPE ? lane : at / stages;
        int place = at % stages;
        return (backwards(target) ? stages - 1 - place : place) * lanes + target;
    }

    Schedule schedule() {
        return schedule;
    }

    int stages() {
        return stages;
    }

    int lanes() {
        return lanes;
    }

    /** Micro-batches that one lane sees. */
    int perLane() {
        return schedule == Schedule.DUAL_PIPE ? microBatches / 2 : microBatches;
    }

    /** Chunks that a micro-batch passes through. */
    int positions() {
        return schedule == Schedule.DUAL_PIPE ? stages : stages * lanes;
    }

    int[] passes(int stage) {
        return passes[stage];
    }

    int position(int slot) {
        return position[slot];
    }

    /** Slot from which forward passes come, or -1. */
    int before(int slot) {
        return before[slot];
    }

    /** Slot to which forward passes go, or -1. */
    int after(int slot) {
        return after[slot];
    }
}

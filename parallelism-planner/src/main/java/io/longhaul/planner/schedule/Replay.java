package io.longhaul.planner.schedule;

import java.util.Arrays;
import java.util.Optional;

/**
 * Start of every pass if each stage runs its passes in their order, each as soon as the stage is free and what it needs
 * has arrived. One max and one sum per pass; exact for any times.
 */
public final class Replay {
    /** Sums of as many passes come out higher by less. */
    private static final double ROUNDING = 1e-9;

    private final Orders orders;
    private final SlotTimes times;
    private final boolean overlap;
    private final int perLane;
    /** Seconds at which a forward pass (index 0) or a backward one (1) has ended, [slot * perLane + microBatch]. */
    private final double[][] end;
    private final double[][] starts;
    private final double[] free;
    private final int[] done;
    /** Seconds by which a stage takes too long: its work and its waits so far, the wait for its first pass apart. */
    private final double[] waited;
    private final double latest;
    private boolean late;

    private Replay(Orders orders, SlotTimes times, boolean overlap, double latest) {
        this.latest = latest;
        this.waited = new double[orders.stages()];
        this.orders = orders;
        this.times = times;
        this.overlap = overlap;
        this.perLane = orders.perLane();
        int slots = orders.stages() * orders.lanes();
        this.end = new double[2][slots * perLane];
        for (double[] ends : end) {
            Arrays.fill(ends, Double.NaN);
        }
        this.starts = new double[orders.stages()][];
        for (int stage = 0; stage < starts.length; stage++) {
            starts[stage] = new double[orders.passes(stage).length];
        }
        this.free = new double[orders.stages()];
        this.done = new int[orders.stages()];
    }

    /** @throws IllegalArgumentException if the times are of another pipeline */
    public static Timeline run(Orders orders, PassTimes times) {
        return run(orders, times, Double.POSITIVE_INFINITY).orElseThrow();
    }

    /**
     * The same as long as no stage takes longer than {@code latest} seconds from its first pass to its last; empty as soon
     * as one is known to.
     */
    static Optional<Timeline> run(Orders orders, PassTimes times, double latest) {
        SlotTimes bySlot = new SlotTimes(orders, times);
        Replay replay = new Replay(orders, bySlot, times.overlap(), latest);
        return replay.all()
                ? Optional.of(new Timeline(orders, bySlot, times.weightShare(), replay.starts))
                : Optional.empty();
    }

    private boolean all() {
        int stages = orders.stages();
        for (int stage = 0; stage < stages; stage++) {
            waited[stage] = busy(stage) - latest;
            late |= waited[stage] > 0;
        }
        boolean moved = true;
        while (moved && !late) {
            moved = false;
            for (int stage = 0; stage < stages; stage++) {
                moved |= advance(stage);
            }
            for (int stage = stages - 1; stage >= 0; stage--) {
                moved |= advance(stage);
            }
        }
        for (int stage = 0; !late && stage < stages; stage++) {
            if (done[stage] < orders.passes(stage).length) {
                throw new IllegalStateException(
                        orders.schedule() + " waits for itself on stage " + stage + " of " + stages
                                + " with " + perLane + " micro-batches per lane");
            }
        }
        return !late;
    }

    /** Seconds that a stage works, and sends if nothing runs beside that, but for what it sends last. */
    private double busy(int stage) {
        double seconds = 0;
        double longest = 0;
        for (int slot = stage * orders.lanes(); slot < (stage + 1) * orders.lanes(); slot++) {
            seconds += perLane * times.everyMicroBatch(slot);
            for (int to : new int[]{orders.before(slot), orders.after(slot)}) {
                if (!overlap && to >= 0) {
                    double transfer = times.transfer(stage, to / orders.lanes());
                    seconds += perLane * transfer;
                    longest = Math.max(longest, transfer);
                }
            }
        }
        return (seconds - longest) * (1 - ROUNDING);
    }

    private boolean advance(int stage) {
        int[] passes = orders.passes(stage);
        int from = done[stage];
        while (done[stage] < passes.length) {
            int at = done[stage];
            boolean joint = Pass.kind(passes[at]) == Pass.JOINT_FORWARD;
            double ready = ready(stage, passes[at]);
            if (joint) {
                ready = Math.max(ready, ready(stage, passes[at + 1]));
            }
            if (Double.isNaN(ready)) {
                break;
            }
            starts[stage][at] = Math.max(free[stage], ready);
            if (at > 0 && ready > free[stage]) {
                waited[stage] += ready - free[stage];
                late |= waited[stage] > 0;
            }
            double stop = starts[stage][at] + times.seconds(stage, passes[at]);
            if (joint) {
                starts[stage][at + 1] = stop;
                stop += times.seconds(stage, passes[at + 1]);
                ended(stage, passes[at + 1], stop);
            }
            ended(stage, passes[at], stop);
            done[stage] += joint ? 2 : 1;
        }
        return done[stage] > from;
    }

    /** When what the pass needs from other stages, or its own forward pass, is there; NaN if that is not known yet. */
    private double ready(int stage, int pass) {
        int slot = stage * orders.lanes() + Pass.lane(pass);
        int microBatch = Pass.microBatch(pass);
        return switch (Pass.kind(pass)) {
            case Pass.FORWARD, Pass.JOINT_FORWARD -> Math.max(
                    times.first(stage, pass),
                    arrival(0, orders.before(slot), stage, microBatch));
            case Pass.WEIGHT -> end[1][slot * perLane + microBatch];
            default -> Math.max(
                    end[0][slot * perLane + microBatch],
                    arrival(1, orders.after(slot), stage, microBatch));
        };
    }

    private double arrival(int direction, int from, int stage, int microBatch) {
        return from < 0
                ? 0
                : end[direction][from * perLane + microBatch]
                        + times.transfer(from / orders.lanes(), stage);
    }

    private void ended(int stage, int pass, double stop) {
        free[stage] = stop + times.after(stage, pass);
        if (Pass.kind(pass) == Pass.WEIGHT) {
            return;
        }
        int slot = stage * orders.lanes() + Pass.lane(pass);
        boolean forward = Pass.forward(pass);
        end[forward ? 0 : 1][slot * perLane + Pass.microBatch(pass)] = stop;
        int to = forward ? orders.after(slot) : orders.before(slot);
        if (!overlap && to >= 0) {
            free[stage] += times.transfer(stage, to / orders.lanes());
        }
    }
}

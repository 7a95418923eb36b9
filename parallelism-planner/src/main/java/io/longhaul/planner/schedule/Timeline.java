package io.longhaul.planner.schedule;

import io.longhaul.planner.layout.Schedule;
import java.util.function.DoubleConsumer;

/** When every pass of a step runs, what each stage waits and what it holds. */
public final class Timeline {
    private final Orders orders;
    private final SlotTimes times;
    private final double weightShare;
    private final double[][] starts;

    Timeline(Orders orders, SlotTimes times, double weightShare, double[][] starts) {
        this.orders = orders;
        this.times = times;
        this.weightShare = weightShare;
        this.starts = starts;
    }

    /** What a pass does. */
    public enum Kind {
        FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT, BACKWARD
    }

    /**
     * A pass with its times.
     *
     * @param lane model chunk of the stage, or direction of DualPipe
     * @param microBatch counted per lane
     */
    public record Event(int stage, int lane, int microBatch, Kind kind, double start, double seconds) {
        public double end() {
            return start + seconds;
        }
    }

    public Schedule schedule() {
        return orders.schedule();
    }

    public int stages() {
        return orders.stages();
    }

    /** Lanes per stage: its model chunks, or the two directions of DualPipe. */
    public int lanes() {
        return orders.lanes();
    }

    /** Passes of a stage. */
    public int size(int stage) {
        return orders.passes(stage).length;
    }

    /** The stage's {@code i}-th pass. */
    public Event event(int stage, int i) {
        int pass = orders.passes(stage)[i];
        Kind kind = switch (Pass.kind(pass)) {
            case Pass.FORWARD, Pass.JOINT_FORWARD -> Kind.FORWARD;
            case Pass.INPUT -> Kind.INPUT_GRADIENT;
            case Pass.WEIGHT -> Kind.WEIGHT_GRADIENT;
            default -> Kind.BACKWARD;
        };
        return new Event(
                stage, Pass.lane(pass), Pass.microBatch(pass), kind, starts[stage][i],
                times.seconds(stage, pass));
    }

    private double end(int stage) {
        int last = size(stage) - 1;
        int pass = orders.passes(stage)[last];
        return starts[stage][last] + times.seconds(stage, pass) + times.after(stage, pass);
    }

    /** Seconds from the start of the step to the end of the last stage's work. */
    public double makespanSeconds() {
        double latest = 0;
        for (int stage = 0; stage < stages(); stage++) {
            latest = Math.max(latest, end(stage));
        }
        return latest;
    }

    /**
     * Seconds from one step to the next if no stage waits for the others before its optimizer step: the longest time
     * between a stage's first pass and its last. The bubble of the zero-bubble family is told on this measure.
     */
    public double longestStageSeconds() {
        double longest = 0;
        for (int stage = 0; stage < stages(); stage++) {
            double begin = starts[stage][0] - times.first(stage, orders.passes(stage)[0]);
            longest = Math.max(longest, end(stage) - Math.max(0, begin));
        }
        return longest;
    }

    /** Seconds that the stage works. */
    public double busySeconds(int stage) {
        double sum = 0;
        for (int pass : orders.passes(stage)) {
            sum += times.seconds(stage, pass) + times.after(stage, pass);
        }
        return sum;
    }

    /** Seconds of the makespan in which the stage does not work. */
    public double idleSeconds(int stage) {
        return makespanSeconds() - busySeconds(stage);
    }

    /** Idle share of all stages over the makespan, in [0, 1). */
    public double idleShare() {
        double idle = 0;
        for (int stage = 0; stage < stages(); stage++) {
            idle += idleSeconds(stage);
        }
        return idle / stages() / makespanSeconds();
    }

    /** Most chunks whose activations, or a part of them, a stage holds at once. */
    public int mostInFlight(int stage) {
        int held = 0;
        int most = 0;
        for (int pass : orders.passes(stage)) {
            if (Pass.forward(pass)) {
                most = Math.max(most, ++held);
            } else if (Pass.kind(pass) != Pass.INPUT) {
                held--;
            }
        }
        return most;
    }

    /** Most bytes of activations that a stage holds at once. */
    public double peakBytes(int stage) {
        double[] peak = {0};
        bytes(stage, held -> peak[0] = Math.max(peak[0], held));
        return peak[0];
    }

    /** Bytes of activations that a stage holds while each of its passes runs, shape {@code [size(stage)]}. */
    public double[] heldBytes(int stage) {
        double[] held = new double[size(stage)];
        int[] at = {0};
        bytes(stage, bytes -> held[at[0]++] = bytes);
        return held;
    }

    /** A forward pass holds what it makes from its start on; a backward pass lets go at its end. */
    private void bytes(int stage, DoubleConsumer during) {
        double held = 0;
        for (int pass : orders.passes(stage)) {
            double whole = times.bytes(stage, pass);
            held += Pass.forward(pass) ? whole : 0;
            during.accept(held);
            held -= switch (Pass.kind(pass)) {
                case Pass.FORWARD, Pass.JOINT_FORWARD -> 0;
                case Pass.INPUT -> (1 - weightShare) * whole;
                case Pass.WEIGHT -> weightShare * whole;
                default -> whole;
            };
        }
    }
}

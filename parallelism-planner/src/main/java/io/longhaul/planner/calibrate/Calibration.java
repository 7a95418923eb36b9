package io.longhaul.planner.calibrate;

import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.constants.Constant;
import io.longhaul.planner.constants.Constants;
import io.longhaul.planner.constants.ShippedConstants;
import io.longhaul.planner.constants.Software;
import io.longhaul.planner.cost.CostModel;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.memory.MemoryModel;
import io.longhaul.planner.memory.StageMemory;
import io.longhaul.planner.model.ModelShape;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * Constants of one cluster after a few finished attempts: a Bayesian update of those that ship, by Gauss-Newton on the
 * logarithms of step time and peak memory. With one attempt mostly the overall rates move, since the prior keeps the
 * rest; attempts with other degrees tell compute from communication.
 */
public final class Calibration {
    private static final int ITERATIONS = 10;
    /** Standard deviation of the logarithm of a measured step time and of a peak. */
    private static final double TIME_NOISE = 0.03;
    private static final double MEMORY_NOISE = 0.03;
    private static final double STEP = 0.02;

    private final ModelShape model;
    private final Machine.Cluster machine;
    private final Software software;
    private final Constants before;
    private final double[] priorSpread;
    private final double[] moved;
    private final double[][] root;

    /** One constant before and after; {@code sigmas} is how far it moved, in prior standard deviations. */
    public record Move(Constant constant, double before, double after, double sigmas) {}

    private record Measured(ToDoubleFunction<Constants> predicted, double value, double noise) {}

    private Calibration(ModelShape model, Machine.Cluster machine, Software software, Constants before,
            double[] priorSpread, double[] moved, double[][] root) {
        this.model = model;
        this.machine = machine;
        this.software = software;
        this.before = before;
        this.priorSpread = priorSpread;
        this.moved = moved;
        this.root = root;
    }

    /** Of the constants that ship for such a device and such software, named as in the keys of shipped constants. */
    public static Calibration of(ModelShape model, Machine.Cluster machine, Software software,
            String framework,
            List<Attempt> attempts) {
        List<String> keys = ShippedConstants.keys(software, framework, machine.accelerator());
        Constants before = ShippedConstants.get().constants(keys);
        Constant[] all = Constant.values();
        double[] spread = new double[all.length];
        for (Constant constant : all) {
            spread[constant.ordinal()] = ShippedConstants.get().spread(keys, constant);
        }
        Calibration start = new Calibration(model, machine, software, before, spread, new double[all.length],
                new double[0][]);
        List<Measured> measured = new ArrayList<>();
        for (Attempt a : attempts) {
            measured.add(new Measured(c -> start.seconds(a.layout(), c), a.stepSeconds(), TIME_NOISE));
            a.peakBytes()
                    .ifPresent(
                            bytes -> measured
                                    .add(new Measured(c -> start.bytes(a.layout(), c), bytes, MEMORY_NOISE)));
        }
        double[] moved = new double[all.length];
        double[][] root = new double[0][];
        for (int i = 0; i < ITERATIONS; i++) {
            double[] gradient = new double[all.length];
            root = start.priorPrecision(moved, gradient);
            for (Measured m : measured) {
                Constants at = start.at(moved);
                double residual = Math.log(m.value / m.predicted.applyAsDouble(at));
                double[] slopes = slopes(m.predicted, at);
                double weight = 1 / (m.noise * m.noise);
                for (int a = 0; a < slopes.length; a++) {
                    gradient[a] += weight * slopes[a] * residual;
                    for (int b = 0; b <= a; b++) {
                        root[a][b] += weight * slopes[a] * slopes[b];
                    }
                }
            }
            Cholesky.factor(root);
            double[] step = Cholesky.solve(root, gradient);
            for (int k = 0; k < moved.length; k++) {
                moved[k] += Math.clamp(step[k], -1, 1);
            }
        }
        return new Calibration(model, machine, software, before, spread, moved, root);
    }

    private double[][] priorPrecision(double[] at, double[] gradient) {
        double[][] precision = new double[at.length][];
        for (int k = 0; k < at.length; k++) {
            double weight = 1 / (priorSpread[k] * priorSpread[k]);
            precision[k] = new double[k + 1];
            precision[k][k] = weight;
            gradient[k] = -weight * at[k];
        }
        return precision;
    }

    private Constants at(double[] offsets) {
        double[] sum = new double[offsets.length];
        for (Constant constant : Constant.values()) {
            sum[constant.ordinal()] = before.offset(constant) + offsets[constant.ordinal()];
        }
        return Constants.of(sum);
    }

    private static double[] slopes(ToDoubleFunction<Constants> predicted, Constants at) {
        double[] slopes = new double[Constant.values().length];
        double here = Math.log(predicted.applyAsDouble(at));
        for (Constant constant : Constant.values()) {
            slopes[constant.ordinal()] = (Math.log(predicted.applyAsDouble(at.moved(constant, STEP))) - here)
                    / STEP;
        }
        return slopes;
    }

    private double seconds(ParallelLayout layout, Constants constants) {
        return new CostModel(model, machine, constants, software).price(layout).total();
    }

    private double bytes(ParallelLayout layout, Constants constants) {
        return new MemoryModel(model, machine, constants, software)
                .stages(layout)
                .stream()
                .mapToDouble(StageMemory::totalBytes)
                .max()
                .orElseThrow();
    }

    /** Constants after the attempts. */
    public Constants constants() {
        return at(moved);
    }

    /** Those that moved, furthest first, in prior standard deviations. */
    public List<Move> moves() {
        Constants after = constants();
        List<Move> moves = new ArrayList<>();
        for (Constant constant : Constant.values()) {
            double sigmas = moved[constant.ordinal()] / priorSpread[constant.ordinal()];
            if (Math.abs(sigmas) > 0.05) {
                moves.add(new Move(constant, before.of(constant), after.of(constant), sigmas));
            }
        }
        moves.sort(Comparator.comparingDouble(m -> -Math.abs(m.sigmas())));
        return List.copyOf(moves);
    }

    /** How far all constants moved together, as a distance in prior standard deviations; above 4 asks for a reason. */
    public double distance() {
        double sum = 0;
        for (int k = 0; k < moved.length; k++) {
            sum += moved[k] * moved[k] / (priorSpread[k] * priorSpread[k]);
        }
        return Math.sqrt(sum);
    }

    /** Standard deviation of the logarithm of a layout's step time. */
    public double spread(ParallelLayout layout) {
        return spread(slopes(c -> seconds(layout, c), constants()));
    }

    /** Standard deviation of the logarithm of one layout's step time over another's. */
    public double spreadOfRatio(ParallelLayout one, ParallelLayout other) {
        Constants at = constants();
        double[] difference = slopes(c -> seconds(one, c) / seconds(other, c), at);
        return spread(difference);
    }

    /** Step seconds with the constants after the attempts. */
    public double seconds(ParallelLayout layout) {
        return seconds(layout, constants());
    }

    private double spread(double[] slopes) {
        double sum = 0;
        for (double v : Cholesky.forward(root, slopes)) {
            sum += v * v;
        }
        return Math.sqrt(sum);
    }
}

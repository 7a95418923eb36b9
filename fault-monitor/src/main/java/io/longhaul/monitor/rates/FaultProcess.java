package io.longhaul.monitor.rates;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.TreeMap;
import java.util.random.RandomGenerator;

/**
 * Draws the faults of a cluster: at random, in bursts over several nodes, and again on nodes that were just repaired.
 *
 * <p>Faults that are independent of each other come with a constant rate. Each of them draws others within minutes
 * with a probability (a switch, a power line, a bad rollout), and a repaired node fails again within a week with
 * another one. The rate that is given is that of all faults together.
 */
public final class FaultProcess {
    private static final Duration BURST = Duration.ofMinutes(5);
    private static final Duration AGAIN = Duration.ofDays(7);
    private static final double SECONDS_PER_DAY = 86_400;

    /**
     * @param faultsPerThousandNodeDays all faults
     * @param burst probability that a fault draws another one within minutes, below 1
     * @param again probability that a repaired node fails within a week after its repair, below 1
     * @param repair median time until a node is back
     * @param repairSpread standard deviation of the logarithm of that time
     * @param components weights by name, at least one above 0
     */
    public record Rates(
            double faultsPerThousandNodeDays,
            double burst,
            double again,
            Duration repair,
            double repairSpread,
            Map<String, Double> components) {
        public Rates {
            components = Map.copyOf(components);
            if (!(faultsPerThousandNodeDays >= 0) || !(burst >= 0 && burst < 1) || !(again >= 0 && again < 1)
                    || burst + again >= 1 || repair.isNegative() || !(repairSpread >= 0)
                    || components.values().stream().noneMatch(w -> w > 0)) {
                throw new IllegalArgumentException(
                        "needs a rate >= 0, probabilities >= 0 that add up to less than 1, a repair and a component");
            }
        }

        /**
         * 419 unplanned interruptions of 2,048 nodes in 54 days by cause.
         *
         * @see <a href="https://arxiv.org/abs/2407.21783">The Llama 3 herd of models, table 5</a>
         */
        public static Rates llama3() {
            return new Rates(
                    3.79, 0.15, 0.3, Duration.ofHours(20), 1.95,
                    Map.of(
                            "gpu", 148.0 + 17 + 6, "gpu-memory", 72.0 + 19, "software", 54.0, "network",
                            35.0 + 7 + 7, "maintenance", 32.0, "thermal", 6.0, "other", 16.0));
        }
    }

    /**
     * A node that is lost for a while.
     *
     * @param at since the beginning
     * @param repairedAt since the beginning, not before {@code at}
     */
    public record Fault(Duration at, int node, String component, Duration repairedAt) {}

    private final Rates rates;
    private final int nodes;
    private final RandomGenerator random;
    private final Map<String, Double> components;

    /** @param random the same generator in the same state gives the same faults */
    public FaultProcess(Rates rates, int nodes, RandomGenerator random) {
        if (nodes < 1) {
            throw new IllegalArgumentException("a cluster has nodes, got " + nodes);
        }
        this.rates = rates;
        this.nodes = nodes;
        this.random = random;
        components = new TreeMap<>(rates.components());
    }

    /** All faults of so much time, in order; a node that is down does not fail. */
    public List<Fault> draw(Duration time) {
        double end = time.toMillis() / 1e3;
        double own = rates.faultsPerThousandNodeDays() / 1000 / SECONDS_PER_DAY * nodes
                * (1 - rates.burst() - rates.again());
        record Due(double at, int node) {}
        PriorityQueue<Due> due = new PriorityQueue<>(
                Comparator.comparingDouble(Due::at).thenComparingInt(Due::node));
        for (double at = exponential(own); at < end; at += exponential(own)) {
            due.add(new Due(at, random.nextInt(nodes)));
        }
        double[] upAgain = new double[nodes];
        List<Fault> faults = new ArrayList<>();
        for (Due next = due.poll(); next != null; next = due.poll()) {
            if (next.at >= end || next.at < upAgain[next.node]) {
                continue;
            }
            double repair = rates.repair().toMillis() / 1e3
                    * Math.exp(rates.repairSpread() * random.nextGaussian());
            upAgain[next.node] = next.at + repair;
            faults.add(new Fault(seconds(next.at), next.node, component(), seconds(upAgain[next.node])));
            if (random.nextDouble() < rates.burst()) {
                due.add(new Due(next.at + BURST.toSeconds() * random.nextDouble(), random.nextInt(nodes)));
            }
            if (random.nextDouble() < rates.again()) {
                due.add(new Due(upAgain[next.node] + AGAIN.toSeconds() * random.nextDouble(), next.node));
            }
        }
        return List.copyOf(faults);
    }

    private double exponential(double perSecond) {
        return perSecond > 0 ? -Math.log1p(-random.nextDouble()) / perSecond : Double.POSITIVE_INFINITY;
    }

    private String component() {
        double all = components.values().stream().mapToDouble(w -> w).sum();
        double drawn = random.nextDouble() * all;
        String last = "";
        for (Map.Entry<String, Double> component : components.entrySet()) {
            last = component.getKey();
            drawn -= component.getValue();
            if (drawn < 0) {
                break;
            }
        }
        return last;
    }

    private static Duration seconds(double seconds) {
        return Duration.ofMillis((long) Math.min(1e3 * seconds, Long.MAX_VALUE / 2.0));
    }
}

package io.longhaul.orchestrator.run;

import io.longhaul.orchestrator.run.Planning.Power;
import io.longhaul.orchestrator.run.RunSpec.Cluster;
import io.longhaul.orchestrator.run.RunSpec.Objective;
import io.longhaul.planner.cluster.Accelerator;
import io.longhaul.planner.cluster.BoardPower;
import io.longhaul.planner.layout.OptimizerKind;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Precision;
import io.longhaul.planner.legal.Broken;
import io.longhaul.planner.legal.Capability;
import io.longhaul.planner.legal.Facts;
import io.longhaul.planner.legal.Legality;
import io.longhaul.planner.legal.Rule;
import io.longhaul.planner.memory.StageMemory.Verdict;
import io.longhaul.planner.model.ModelShape;
import io.longhaul.planner.search.Reliability;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/** Reads what a RunSpec says about planning. */
final class PlanningReader {
    /** Of one device and hour, see {@link Reliability}. */
    private static final double USUAL_FAILURES = 2e-5;
    /** Draw of a device that waits over one that computes; an assumption, as data sheets do not tell it. */
    private static final double USUAL_IDLE = 0.5;
    private static final ParallelLayout PLAIN = ParallelLayout.of(1, 1, 1, 1, 1, 1);

    /** What is asked about holds for every model. */
    private static final ModelShape ANY = new ModelShape(1, 64, 64, 1, 1, 64, 64, false, false, 0, 0, 0);

    private enum Memory {
        SAFE, TIGHT
    }

    private final SpecNode node;
    private final Cluster cluster;
    private final Legality legality;
    private final Facts facts;

    private PlanningReader(SpecNode node, Cluster cluster, Legality legality) {
        this.node = node;
        this.cluster = cluster;
        this.legality = legality;
        int capability = cluster instanceof Cluster.Described d ? Capability.of(d.accelerator()) : 0;
        this.facts = Facts.of(ANY, 1, 1, capability, 1);
    }

    static Planning read(SpecNode node, Cluster cluster, int globalBatch, Objective objective,
            Legality legality) {
        return new PlanningReader(node, cluster, legality).read(globalBatch, objective);
    }

    private Planning read(int globalBatch, Objective objective) {
        List<Precision> precisions = node.choices("precision", Precision.class, Precision.BF16);
        precisions.forEach(p -> able("precision", PLAIN.withPrecision(p), Rule.Kind.CONSTRAINT));
        List<OptimizerKind> optimizers = node.choices("optimizer", OptimizerKind.class, OptimizerKind.ADAM);
        optimizers.forEach(o -> able("optimizer", PLAIN.withOptimizer(o), Rule.Kind.ABILITY));
        Optional<Boolean> part = node.has("partOfCluster")
                ? Optional.of(node.flag("partOfCluster", false))
                : Optional.empty();
        Planning planning = new Planning(
                precisions, optimizers,
                node.choice("memory", Memory.class, Memory.TIGHT) == Memory.SAFE
                        ? Verdict.SAFE
                        : Verdict.TIGHT,
                part, spareNodes(), node.optionalInteger("criticalBatch", globalBatch, 100_000_000),
                node.optionalNumber("pricePerDeviceHour", 1e-6, 1e6),
                node.has("power") || objective == Objective.ENERGY
                        ? Optional.of(power(node.object("power")))
                        : Optional.empty(),
                node.has("failures") || objective == Objective.GOODPUT
                        ? Optional.of(failures(node.object("failures")))
                        : Optional.empty());
        node.nothingElse();
        return planning;
    }

    /** Says so if the framework's version or the device has no such thing, whatever the layout. */
    private void able(String field, ParallelLayout layout, Rule.Kind most) {
        List<String> usual = legality.broken(facts.layout(PLAIN)).stream().map(Broken::rule).toList();
        legality.broken(facts.layout(layout))
                .stream()
                .filter(b -> !usual.contains(b.rule()))
                .filter(b -> b.kind() == Rule.Kind.ABILITY || b.kind() == most)
                .findFirst()
                .ifPresent(
                        b -> node.problem(
                                field, node.shown(field),
                                "what " + Responses.lower(legality.trainer().name()) + " "
                                        + legality.version() + " runs on this cluster",
                                b.message()));
    }

    private int spareNodes() {
        if (!node.has("spareNodes")) {
            return 0;
        }
        int most = cluster instanceof Cluster.Described d ? d.nodes() - 1 : 0;
        return (int) node.integer("spareNodes", 0, most, 0);
    }

    private Power power(SpecNode power) {
        OptionalDouble sheet = cluster instanceof Cluster.Described d
                ? BoardPower.watts(Accelerator.named(d.accelerator()).orElseThrow())
                : OptionalDouble.empty();
        double busy = power.number("busyWatts", 1, 1e5, sheet.orElse(Double.NaN));
        double idle = power.number("idleWatts", 1, 1e5, Math.max(1, USUAL_IDLE * busy));
        double cap = power.number("capWatts", 1, 1e5, busy);
        OptionalDouble carbon = power.optionalNumber("carbonGramsPerKWh", 0, 5000);
        if (idle > busy) {
            power.problem("idleWatts", "at most busyWatts " + busy, "");
        }
        if (cap < busy && cap <= idle) {
            power.problem("capWatts", "more than idleWatts " + idle, "a device needs power to compute");
        }
        power.nothingElse();
        // Above idling, power goes with the cube of the clock: with its rate and the square of the voltage it needs.
        double speed = cap < busy && cap > idle ? Math.cbrt((cap - idle) / (busy - idle)) : 1;
        return new Power(idle, Math.max(idle, Math.min(busy, cap)), speed, carbon);
    }

    private Reliability failures(SpecNode failures) {
        int perNode = cluster instanceof Cluster.Described d ? d.devicesPerNode() : 1;
        Reliability reliability = new Reliability(
                failures.number("perNodeHour", 1e-9, 100, perNode * USUAL_FAILURES) / perNode,
                failures.number("checkpointSeconds", 1e-3, 1e5, 30),
                failures.number("restartSeconds", 0, 1e6, 300),
                failures.number("repairSeconds", 0, 1e8, 86_400));
        failures.nothingElse();
        return reliability;
    }
}

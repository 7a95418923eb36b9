package io.longhaul.orchestrator.plan;

import io.longhaul.orchestrator.run.Planning;
import io.longhaul.orchestrator.run.RunSpec;
import io.longhaul.planner.cluster.Accelerator;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.cost.Term;
import io.longhaul.planner.search.Goal;
import io.longhaul.planner.search.Objective;
import io.longhaul.planner.search.Plan;
import io.longhaul.planner.search.Reliability;
import java.util.OptionalInt;
import java.util.stream.Stream;
import tools.jackson.databind.node.ObjectNode;

/** What a RunSpec wants its plan to be best at, in the planner's terms, and what the plan costs by it. */
final class Aims {
    private static final double WATT_SECONDS_PER_KWH = 3.6e6;

    private Aims() {}

    /** @param batch whether the plan may choose the batch; a run trains with that of its recipe */
    static Goal goal(RunSpec spec, boolean batch) {
        Planning planning = spec.planning();
        boolean parts = planning.partOfCluster()
                .orElse(spec.objective() != RunSpec.Objective.TIME && planning.spareNodes() == 0);
        return new Goal(
                objective(spec), parts, batch ? planning.criticalBatch() : OptionalInt.empty(),
                planning.memory(), Goal.TIME.alternatives());
    }

    private static Objective objective(RunSpec spec) {
        Planning planning = spec.planning();
        return switch (spec.objective()) {
            case TIME -> new Objective.Time();
            // Any price per hour makes the same plan the cheapest.
            case COST -> new Objective.Cost(planning.pricePerDeviceHour().orElse(1));
            case ENERGY -> {
                Planning.Power power = planning.power().orElseThrow();
                yield new Objective.Energy(power.idleWatts(), power.busyWatts());
            }
            case GOODPUT -> new Objective.Goodput(planning.failures().orElseThrow());
        };
    }

    /** The part of a machine that is planned for: without spares, as fast as its power allows. */
    static Machine used(RunSpec spec, Machine machine) {
        if (!(machine instanceof Machine.Cluster cluster)) {
            return machine;
        }
        Machine.Cluster used = cluster.withNodes(cluster.nodes() - spec.planning().spareNodes());
        double speed = spec.planning().power().map(Planning.Power::speed).orElse(1.0);
        return speed == 1 ? used : used.with(slower(used.accelerator(), speed));
    }

    /** It reaches less of its peak; utilisation stays a share of the data sheet's. */
    private static Accelerator slower(Accelerator a, double speed) {
        return new Accelerator(
                a.name(), a.peakFlops(), a.memoryBytes(), a.memoryBandwidth(), speed * a.efficiency(),
                a.intraNodeBandwidth(), a.interNodeBandwidth(), a.devicesPerNode(), a.generation(),
                a.fp8Flops(), a.fp4Flops(), a.linkDomain());
    }

    /**
     * What the whole run takes, as far as the RunSpec says enough.
     *
     * @param ranks that work
     * @param offered ranks of the cluster
     */
    static void figures(ObjectNode view, RunSpec spec, Plan plan, int ranks, int offered) {
        Planning planning = spec.planning();
        long steps = spec.training().steps(spec.model().sequenceLength());
        double deviceHours = steps * plan.stepSeconds() * ranks / 3600;
        planning.pricePerDeviceHour().ifPresent(price -> view.put("cost", price * deviceHours));
        planning.power().ifPresent(power -> {
            Objective.Energy energy = new Objective.Energy(power.idleWatts(), power.busyWatts());
            double kwh = steps * (energy.perSecond(ranks, 0) * plan.stepSeconds()
                    + energy.perBusySecond(ranks) * busySeconds(plan)) / WATT_SECONDS_PER_KWH;
            view.put("energyKWh", kwh);
            power.carbonGramsPerKWh().ifPresent(grams -> view.put("carbonKg", grams * kwh / 1000));
        });
        planning.failures().ifPresent(failures -> failures(view, failures, ranks, offered - ranks));
    }

    /** Of a step in which devices compute. */
    private static double busySeconds(Plan plan) {
        return Stream.of(Term.COMPUTE, Term.HEAD, Term.RECOMPUTE)
                .mapToDouble(term -> plan.breakdown().getOrDefault(term.label(), 0.0))
                .sum();
    }

    private static void failures(ObjectNode view, Reliability failures, int ranks, int spares) {
        view.putObject("failures")
                .put("usefulShare", failures.usefulShare(ranks, spares))
                .put("spareRanks", spares)
                .put("checkpointEverySeconds", failures.checkpointInterval(ranks));
    }
}

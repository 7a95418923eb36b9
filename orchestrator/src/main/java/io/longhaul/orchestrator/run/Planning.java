package io.longhaul.orchestrator.run;

import io.longhaul.planner.layout.OptimizerKind;
import io.longhaul.planner.layout.Precision;
import io.longhaul.planner.memory.StageMemory.Verdict;
import io.longhaul.planner.search.Reliability;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * What the planner may choose beyond the layout, and what it reckons with.
 *
 * @param precisions to choose from, the first of equally good ones
 * @param optimizers to choose from likewise
 * @param memory worst verdict that the plan may have
 * @param partOfCluster whether nodes may stay unused; empty is yes for every objective but time
 * @param spareNodes nodes that the plan leaves alone
 * @param criticalBatch samples; the batch may be doubled as long as it does not get larger
 * @param pricePerDeviceHour in any currency
 * @param failures of the ranks with their share of the node
 */
public record Planning(
        List<Precision> precisions,
        List<OptimizerKind> optimizers,
        Verdict memory,
        Optional<Boolean> partOfCluster,
        int spareNodes,
        OptionalInt criticalBatch,
        OptionalDouble pricePerDeviceHour,
        Optional<Power> power,
        Optional<Reliability> failures) {

    /** What holds where a RunSpec says nothing. */
    public static final Planning USUAL = new Planning(List.of(Precision.BF16), List.of(OptimizerKind.ADAM),
            Verdict.TIGHT, Optional.empty(), 0, OptionalInt.empty(), OptionalDouble.empty(), Optional.empty(),
            Optional.empty());

    public Planning {
        precisions = List.copyOf(precisions);
        optimizers = List.copyOf(optimizers);
    }

    /**
     * Draw of one device with the share of its node that the user counts in.
     *
     * @param idleWatts while it waits or communicates
     * @param busyWatts while it computes; under the cap
     * @param speed rate of computing under the cap over that without, in (0, 1]
     * @param carbonGramsPerKWh of the electricity
     */
    public record Power(
            double idleWatts,
            double busyWatts,
            double speed,
            OptionalDouble carbonGramsPerKWh) {}
}

package io.longhaul.planner.explain;

import io.longhaul.planner.legal.Broken;
import io.longhaul.planner.memory.StageMemory;
import io.longhaul.planner.search.Plan;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** Why a layout that somebody asks for is not the plan. */
public sealed interface WhyNot {

    /** In a sentence. */
    String text();

    /** The layout cannot be run. @param rules that it breaks, with values and nearest legal ones, first things first */
    record Illegal(List<Broken> rules) implements WhyNot {
        public Illegal {
            rules = List.copyOf(rules);
        }

        @Override
        public String text() {
            return rules.stream().map(Broken::toString).collect(Collectors.joining("; ", "not legal: ", ""));
        }
    }

    /**
     * It can be run, but something does not fit.
     *
     * @param deficits bytes over capacity of the stages that are too full
     */
    record TooLarge(Plan plan, Map<Integer, Double> deficits) implements WhyNot {
        public TooLarge {
            deficits = new LinkedHashMap<>(deficits);
        }

        @Override
        public String text() {
            String stages = deficits.entrySet()
                    .stream()
                    .map(d -> String.format(Locale.ROOT, "stage %d by %.1f GB", d.getKey(),
                            d.getValue() / 1e9))
                    .collect(Collectors.joining(", "));
            return "does not fit: over the " + String.format(
                    Locale.ROOT, "%.1f GB of a rank are ", plan.memory().getFirst().capacityBytes() / 1e9)
                    + stages;
        }
    }

    /**
     * It runs and fits.
     *
     * @param differences seconds by which it takes longer, by what they are spent on, largest first; they add up to the
     *     difference of the steps
     */
    record Compared(Plan plan, Plan chosen, Map<String, Double> differences) implements WhyNot {
        public Compared {
            differences = new LinkedHashMap<>(differences);
        }

        /** Step over the chosen plan's, minus 1. */
        public double slower() {
            return plan.stepSeconds() / chosen.stepSeconds() - 1;
        }

        @Override
        public String text() {
            if (plan.layout().equals(chosen.layout())) {
                return "it is the plan";
            }
            String terms = differences.entrySet()
                    .stream()
                    .limit(3)
                    .map(d -> String.format(Locale.ROOT, "%s %+.1f ms", d.getKey(), 1e3 * d.getValue()))
                    .collect(Collectors.joining(", "));
            return String.format(
                    Locale.ROOT, "fits, and is %.1f %% %s: %s", 100 * Math.abs(slower()),
                    slower() < 0 ? "faster, which is not all that was asked for" : "slower", terms);
        }
    }

    /**
     * @param plan what was asked for, priced
     * @param broken rules that it breaks
     */
    static WhyNot of(Plan plan, Plan chosen, List<Broken> broken) {
        if (!broken.isEmpty()) {
            return new Illegal(broken);
        }
        Map<Integer, Double> deficits = new LinkedHashMap<>();
        for (StageMemory stage : plan.memory()) {
            if (stage.verdict() == StageMemory.Verdict.NO) {
                deficits.put(stage.stage(), stage.totalBytes() - stage.capacityBytes());
            }
        }
        return deficits.isEmpty()
                ? new Compared(plan, chosen, differences(plan.breakdown(), chosen.breakdown()))
                : new TooLarge(plan, deficits);
    }

    private static Map<String, Double> differences(Map<String, Double> of, Map<String, Double> over) {
        Map<String, Double> all = new LinkedHashMap<>(of);
        over.forEach((term, seconds) -> all.merge(term, -seconds, Double::sum));
        List<Map.Entry<String, Double>> entries = new ArrayList<>(all.entrySet());
        entries.sort(Comparator.comparingDouble(e -> -Math.abs(e.getValue())));
        Map<String, Double> sorted = new LinkedHashMap<>();
        entries.stream().filter(e -> e.getValue() != 0).forEach(e -> sorted.put(e.getKey(), e.getValue()));
        return sorted;
    }
}

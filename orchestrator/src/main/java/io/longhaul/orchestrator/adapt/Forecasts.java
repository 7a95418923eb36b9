package io.longhaul.orchestrator.adapt;

import io.longhaul.orchestrator.run.Recipe;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** Forecasts of the runs that are looked at: a fit takes a second, and a page asks again with every drag. */
public final class Forecasts {
    private static final int KEPT = 8;
    /** Share of the run after which a fit is old. */
    private static final double OLD = 0.02;

    private record Known(Recipe recipe, long step, Optional<RunForecast> forecast) {}

    private final Map<UUID, Known> known = new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<UUID, Known> eldest) {
            return size() > KEPT;
        }
    };

    /** The forecast of a run whose kept steps are {@code curve}; it may be a fiftieth of the run old. */
    public synchronized Optional<RunForecast> of(UUID run, Recipe recipe, List<CurvePoint> curve,
            long totalSteps,
            long seed) {
        long step = curve.isEmpty() ? 0 : curve.getLast().step();
        Known last = known.get(run);
        if (last == null || !last.recipe().equals(recipe) || step < last.step()
                || step - last.step() > OLD * totalSteps) {
            last = new Known(recipe, step, RunForecast.of(recipe, curve, totalSteps, seed));
            known.put(run, last);
        }
        return last.forecast();
    }
}

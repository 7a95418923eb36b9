package io.longhaul.orchestrator.rehearsal;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.orchestrator.run.RunPhase;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** A thousand runs with the real control code, each hurt in its own way ({@link Rehearsal} holds the checks). */
class SimulationTest {
    private static final int SEEDS = Integer.getInteger("rehearsal.seeds", 1000);
    private static final long FIRST = Long.getLong("rehearsal.first", 1);

    @Test
    void everyRunEndsOrWaitsForANamedReasonAndNothingHealthyIsHurt() {
        Map<RunPhase, Integer> phases = new EnumMap<>(RunPhase.class);
        Set<String> faults = new HashSet<>();
        List<String> failures = new ArrayList<>();
        int attempts = 0;
        int crashes = 0;
        int fenced = 0;
        for (long seed = FIRST; seed < FIRST + SEEDS; seed++) {
            try {
                Rehearsal.Outcome outcome = new Rehearsal(seed).play();
                phases.merge(outcome.phase(), 1, Integer::sum);
                faults.addAll(outcome.faults());
                attempts += outcome.attempts();
                crashes += outcome.crashes();
                fenced += outcome.fenced();
            } catch (RuntimeException | AssertionError e) {
                failures.add("seed " + seed + ": " + e);
                if (SEEDS == 1) {
                    throw e;
                }
            }
        }
        System.out.printf(
                "%d rehearsals from seed %d: %s, %d attempts, %d crashes, %d fenced, %d failures, faults %s%n",
                SEEDS, FIRST, phases, attempts, crashes, fenced, failures.size(), faults);
        assertThat(failures).as("%d of %d seeds", failures.size(), SEEDS).isEmpty();
        if (SEEDS >= 1000) {
            assertThat(phases.keySet()).as("endings that were reached")
                    .contains(RunPhase.COMPLETED,
                            RunPhase.STOPPED, RunPhase.WAITING);
            assertThat(faults).hasSize(13);
            assertThat(crashes).isPositive();
            assertThat(fenced).isPositive();
        }
    }
}

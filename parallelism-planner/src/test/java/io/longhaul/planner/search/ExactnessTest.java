package io.longhaul.planner.search;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.legal.Facts;
import io.longhaul.planner.memory.StageMemory;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The search against looking at every point of small spaces. */
class ExactnessTest {
    private static final int SEEDS = 5000;

    private static final class Everything {
        final Map<List<Integer>, Expansion.Candidate> best = new HashMap<>();
        long points;
        long legal;
        long illegal;
        double leastBytes = Double.POSITIVE_INFINITY;
    }

    private static Everything lookAtEverything(PlanRequest request) {
        Everything all = new Everything();
        for (Scenario scenario : Scenarios.of(request)) {
            lookAtEverything(scenario, all);
        }
        return all;
    }

    private static void lookAtEverything(Scenario scenario, Everything all) {
        Facts facts = scenario.facts();
        SmallSpaces.forEach(scenario.request, c -> {
            all.points++;
            if (scenario.request.legality().firstBroken(facts.layout(c)) != null) {
                all.illegal++;
                return;
            }
            all.legal++;
            List<StageMemory> memory = IntStream.range(0, c.pipeline())
                    .mapToObj(stage -> scenario.memory().stage(c, stage))
                    .toList();
            if (memory.stream().anyMatch(s -> s.verdict() == StageMemory.Verdict.NO)) {
                all.leastBytes = Math.min(
                        all.leastBytes,
                        memory.stream().mapToDouble(StageMemory::totalBytes).max().orElseThrow());
                return;
            }
            Expansion.Candidate one = new Expansion.Candidate(scenario, c, scenario.replayed(c));
            all.best.merge(
                    List.of(c.worldSize(), c.globalBatch(), c.tensor(), c.context(), c.pipeline(), c.data()),
                    one,
                    (a, b) -> Expansion.Candidate.ORDER.compare(a, b) <= 0 ? a : b);
        });
    }

    @Test
    void findsTheSamePlansAsLookingAtEverything() {
        int found = 0;
        long points = 0;
        for (long seed = 1; seed <= SEEDS; seed++) {
            PlanRequest request = SmallSpaces.draw(new Random(seed));
            Everything all = lookAtEverything(request);
            PlanResult result = Planner.plan(request);
            List<ParallelLayout> expected = all.best.values()
                    .stream()
                    .sorted(Expansion.Candidate.ORDER)
                    .limit(1L + request.goal().alternatives())
                    .map(Expansion.Candidate::layout)
                    .toList();
            List<ParallelLayout> plans = new ArrayList<>(result.best().map(Plan::layout).stream().toList());
            result.runnersUp().forEach(other -> plans.add(other.plan().layout()));
            String name = "seed " + seed + ": " + request;
            assertThat(plans).as(name).isEqualTo(expected);
            Certificate proof = result.certificate();
            assertThat(proof.nominal()).as(name).isEqualTo(all.points);
            assertThat(proof.illegal()).as(name).isLessThanOrEqualTo(all.illegal);
            assertThat(proof.proven()).as(name).isTrue();
            if (expected.isEmpty()) {
                // What is dominated needs more than what is too large.
                assertThat(proof.illegal() + proof.tooLarge() + proof.dominated())
                        .as(name)
                        .isEqualTo(all.points);
                if (all.legal > 0) {
                    assertThat(result.deficit().orElseThrow().missingBytes())
                            .as(name)
                            .isEqualTo(all.leastBytes - request.machine().memoryBytesPerRank());
                }
            } else {
                found++;
                assertThat(proof.gap()).as(name).isZero();
            }
            points += all.points;
        }
        assertThat(found).as("requests that have a plan").isBetween(SEEDS / 4, SEEDS - SEEDS / 20);
        assertThat(points).as("points looked at").isGreaterThan(100L * SEEDS);
    }
}

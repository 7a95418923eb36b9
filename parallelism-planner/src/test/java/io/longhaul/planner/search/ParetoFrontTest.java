package io.longhaul.planner.search;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.legal.Facts;
import io.longhaul.planner.memory.StageMemory.Verdict;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ParetoFrontTest {
    private static final int SEEDS = 300;

    /** Looking at every point finds none that needs no more memory than a plan of the front and is faster. */
    @Test
    void nothingBeatsAPlanOfTheFront() {
        int several = 0;
        for (long seed = 1; seed <= SEEDS; seed++) {
            PlanRequest request = SmallSpaces.draw(new Random(seed)).withGoal(Goal.TIME);
            List<ParetoFront.Point> front = ParetoFront.of(request);
            several += front.size() > 1 ? 1 : 0;
            Scenario scenario = new Scenario(request, 0, request.globalBatch());
            Facts facts = scenario.facts();
            List<ParallelLayout> legal = new ArrayList<>();
            SmallSpaces.forEach(request, c -> {
                if (request.legality().firstBroken(facts.layout(c)) == null) {
                    legal.add(c);
                }
            });
            for (ParallelLayout c : legal) {
                Plan plan = Planner.price(request, c);
                if (plan.memory().stream().allMatch(stage -> stage.verdict() != Verdict.NO)) {
                    assertThat(front).as("seed %d: %s", seed, c)
                            .isNotEmpty()
                            .noneMatch(
                                    p -> plan.peakBytes() <= p.plan().peakBytes()
                                            && scenario.replayed(c) < p.value());
                }
            }
        }
        assertThat(several).as("fronts of several plans").isGreaterThan(SEEDS / 6);
    }
}

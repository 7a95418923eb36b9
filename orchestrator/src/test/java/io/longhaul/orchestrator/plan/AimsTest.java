package io.longhaul.orchestrator.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.orchestrator.run.RunSpec;
import io.longhaul.orchestrator.run.RunSpecReader;
import io.longhaul.planner.search.SearchControl;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What a RunSpec says about planning against the plan that comes of it. */
class AimsTest {
    private static final String GPT = """
            name: gpt
            model: { layers: 24, hiddenSize: 4096, attentionHeads: 32, vocabSize: 51200, sequenceLength: 2048 }
            training: { tokens: 2097152000, globalBatch: 128, learningRate: 1e-4, warmupSteps: 100 }
            cluster: { kind: described, nodes: 8, accelerator: A100-SXM-80GB }
            framework: megatron-lm
            """;

    private PlanService plans;

    @BeforeEach
    void plans(@TempDir Path directory) throws IOException {
        plans = MachineFake.plans(directory);
    }

    private JsonNode plan(String more) {
        RunSpec spec = RunSpecReader.read(GPT + more);
        return new JsonMapper()
                .readTree(plans.explain(spec, Questions.NONE, SearchControl.PLAIN).plan().view());
    }

    @Test
    void moneyEnergyAndCarbonAreThoseOfTheWholeRun() {
        JsonNode plan = plan("""
                planning:
                  pricePerDeviceHour: 2
                  power: { idleWatts: 400, busyWatts: 400, carbonGramsPerKWh: 500 }
                """);
        double hours = 8000 * plan.path("stepSeconds").asDouble() * 64 / 3600;
        assertThat(plan.path("gpuHours").asDouble()).isCloseTo(hours, within(1e-9 * hours));
        assertThat(plan.path("cost").asDouble()).isCloseTo(2 * hours, within(1e-9 * hours));
        assertThat(plan.path("energyKWh").asDouble()).isCloseTo(0.4 * hours, within(1e-9 * hours));
        assertThat(plan.path("carbonKg").asDouble()).isCloseTo(0.2 * hours, within(1e-9 * hours));
        assertThat(plan("").has("cost")).isFalse();
    }

    @Test
    void sparesAreLeftAloneAndFailuresCostLessWithThem() {
        JsonNode none = plan("planning: { failures: { perNodeHour: 0.01 }, spareNodes: 0 }\n");
        JsonNode four = plan("planning: { failures: { perNodeHour: 0.01 }, spareNodes: 4 }\n");
        assertThat(none.path("worldSize").asInt()).isEqualTo(64);
        assertThat(four.path("worldSize").asInt()).isEqualTo(32);
        assertThat(four.path("failures").path("spareRanks").asInt()).isEqualTo(32);
        assertThat(four.path("failures").path("usefulShare").asDouble())
                .isGreaterThan(none.path("failures").path("usefulShare").asDouble());
    }

    /** Where spares are free to choose, failures that are frequent and long are worth some. */
    @Test
    void goodputKeepsSparesWhereFailuresAreFrequent() {
        JsonNode calm = plan("objective: goodput\nplanning: { failures: { perNodeHour: 1e-7 } }\n");
        JsonNode harsh = plan("objective: goodput\nplanning: { failures: { perNodeHour: 0.02 } }\n");
        assertThat(calm.path("worldSize").asInt()).isEqualTo(64);
        assertThat(harsh.path("worldSize").asInt()).isLessThan(64);
    }

    @Test
    void aCapSlowsComputeByTheCubeRootOfThePowerThatIsLeft() {
        double free = compute(plan("planning: { power: { idleWatts: 200, busyWatts: 400 } }\n"));
        double capped = compute(plan(
                "planning: { power: { idleWatts: 200, busyWatts: 400, capWatts: 300 } }\n"
                        + "layout: { tensor: 1, pipeline: 1, data: 64, context: 1 }\n"));
        assertThat(capped / free).isBetween(1.05, 1 / Math.cbrt(0.5) + 1e-9);
    }

    private static double compute(JsonNode plan) {
        return plan.path("breakdown").path("compute").asDouble();
    }

    /** The plan says which batch to write; a run that is launched keeps its own. */
    @Test
    void theBatchGrowsUpToTheCriticalOne() {
        String more = "planning: { criticalBatch: 1000 }\n";
        JsonNode plan = plan(more);
        int batch = plan.path("globalBatch").asInt();
        assertThat(batch).isIn(256, 512);
        assertThat(plan.path("launch").path("limits").path(0).asString())
                .isEqualTo("the learning rate is still that of batch 128, the plan is for " + batch);
        assertThat(plan.path("launch").path("command").toString())
                .contains("\"--train-iters\",\"" + 8000 * 128 / batch + "\"");
        assertThat(plans.plan(RunSpecReader.read(GPT + more)).layout().globalBatch()).isEqualTo(128);
    }

    @Test
    void precisionsAreChosenFromAndReachTheLaunch() {
        JsonNode plan = plan("planning: { precision: [fp16, bf16] }\n");
        assertThat(plan.path("text").asString()).containsAnyOf("fp16");
        assertThat(plan.path("launch").path("command").toString()).contains("--fp16")
                .doesNotContain("--bf16");
    }

    @Test
    void aPlanThatMustBeSafeIsSafe() {
        JsonNode tight = plan("");
        JsonNode safe = plan("planning: { memory: safe }\n");
        assertThat(safe.path("memory")).allSatisfy(
                stage -> assertThat(stage.path("verdict").asString()).isEqualTo("safe"));
        assertThat(safe.path("stepSeconds").asDouble())
                .isGreaterThanOrEqualTo(tight.path("stepSeconds").asDouble());
    }
}

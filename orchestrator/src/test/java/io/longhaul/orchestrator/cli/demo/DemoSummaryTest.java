package io.longhaul.orchestrator.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

class DemoSummaryTest {
    private static final String RUN = """
            {"id": "r", "phase": "completed", "step": 600, "totalSteps": 600,
             "stepSeconds": {"predicted": 0.11, "measuredMedian": 0.1},
             "incidents": [
               {"kind": "spike", "step": 161, "rollbackStep": 150, "skippedSteps": [{"first": 161, "last": 176}],
                "summary": "the loss rose", "action": "roll back to step 150", "lostTokens": 28672,
                "redoneTokens": 6144, "lostSeconds": 4.25},
               {"kind": "slow-rank", "rank": 1, "summary": "rank 1 is slow", "action": "watch it", "lostTokens": 0},
               {"kind": "exited", "rank": 0, "rollbackStep": 300, "summary": "rank 0 was ended",
                "action": "restart", "lostTokens": 65536, "redoneTokens": 65536, "lostSeconds": 5}],
             "recipeChanges": [
               {"status": "scored", "beforeAttempt": 3, "from": {"schedule": "constant", "learningRate": 1e-3,
                "wsdDecaySteps": 0}, "to": {"schedule": "wsd", "learningRate": 1e-3, "minLearningRate": 0,
                "wsdDecaySteps": 300}, "predictedFinalLossUnchanged": 2.3, "predictedFinalLoss": 2.2, "low90": 2.1,
                "high90": 2.4, "effectLow90": -0.2, "effectHigh90": -0.03,
                "score": {"measuredFinalLoss": 2.25, "measuredEffect": -0.05}}],
             "goodput": {"accounts": {"train": 75.0, "redo": 25.0}, "totalSeconds": 100.0, "ettr": 0.75,
              "tokensKept": 1000, "tokensLost": 94208, "tokensRedone": 71680, "tokensSkipped": 32768}}
            """;

    private static DemoSummary summary(String run) {
        return new DemoSummary(new JsonMapper().readTree(run), "http://x/runs/r", 120);
    }

    @Test
    void tellsWhatHappenedAndWhatItCost() {
        DemoSummary summary = summary(RUN);
        assertThat(summary.table()).contains(
                "predicted 110.0 ms, measured 100.0 ms (+10.0 %)",
                "-> roll back to step 150; 28,672 tokens lost, 6,144 redone, training again after 4.3 s",
                "scored before attempt 3: constant at 1.0e-03 -> wsd at 1.0e-03, falling to 0.0e+00 over the last 300 steps",
                "effect on the final loss predicted -0.100 (90 %: -0.200 to -0.030); measured against the loss predicted without it -0.050",
                "1,000 kept, 94,208 lost, 71,680 of them redone, 32,768 skipped",
                "train 75.0, redo 25.0; together 100.0");
        assertThat(summary.passed()).isTrue();
    }

    @Test
    void aHurtThatWasNotHealedFails() {
        assertThat(summary(RUN.replace("\"rank\": 1", "\"rank\": 0")).passed()).as("the wrong rank")
                .isFalse();
        assertThat(summary(RUN.replace("\"rollbackStep\": 150", "\"rollbackStep\": 170")).passed())
                .as("back to behind the damage")
                .isFalse();
        assertThat(summary(RUN.replace("\"totalSeconds\": 100.0", "\"totalSeconds\": 101.0")).table())
                .contains("FAILED        goodput accounts add up: 100.000 of 101.000");
        assertThat(summary(RUN.replace("\"scored\"", "\"applied\"")).passed()).as("no score").isFalse();
        assertThat(summary(RUN.replace("\"step\": 600", "\"step\": 599")).passed()).as("a step short")
                .isFalse();
    }
}

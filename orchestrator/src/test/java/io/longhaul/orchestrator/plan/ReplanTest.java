package io.longhaul.orchestrator.plan;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.orchestrator.run.RunSpec;
import io.longhaul.orchestrator.run.RunSpecReader;
import io.longhaul.planner.layout.ParallelLayout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Whether a run should leave the layout that it trains with. */
class ReplanTest {
    @TempDir
    private Path directory;

    private JsonNode move(ParallelLayout from, long tokensLeft) throws IOException {
        RunSpec spec = RunSpecReader.read(
                Files.readString(Path.of("../examples/gpt3-175b-1024-h100.yaml")));
        Questions.Running running = new Questions.Running(from.toString(), Optional.of(from), tokensLeft,
                10e9,
                300);
        return new JsonMapper().readTree(MachineFake.plans(directory).replan(spec, running).view())
                .path("move");
    }

    @Test
    void aWorseLayoutIsLeftIfThereIsEnoughToTrain() throws IOException {
        ParallelLayout running = ParallelLayout.of(8, 1, 8, 16, 2, 48);
        JsonNode much = move(running, 300_000_000_000L);
        assertThat(much.path("layout").asString()).as("as it runs, nothing filled in from the plan")
                .isEqualTo("tp8 pp8 dp16 b2");
        assertThat(much.path("worthIt").asBoolean()).isTrue();
        assertThat(much.path("gainSeconds").asDouble()).isGreaterThan(much.path("priceSeconds").asDouble());
        JsonNode little = move(running, 3_000_000L);
        assertThat(little.path("worthIt").asBoolean()).isFalse();
        assertThat(little.path("text").asString()).startsWith("stay: 1 steps left");
    }

    @Test
    void thePlanItselfIsKept() throws IOException {
        RunSpec spec = RunSpecReader.read(
                Files.readString(Path.of("../examples/gpt3-175b-1024-h100.yaml")));
        ParallelLayout plan = MachineFake.plans(directory).plan(spec).layout();
        assertThat(move(plan, 300_000_000_000L).path("text").asString()).isEqualTo("the plan runs already");
    }
}

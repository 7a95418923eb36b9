package io.longhaul.orchestrator.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.orchestrator.plan.MachineFake;
import io.longhaul.orchestrator.run.RunSpecReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The plans of all examples as people and programs see them; {@code -Dgolden.update=true} writes them anew. */
class PlanGoldenTest {
    private static final Path EXAMPLES = Path.of("../examples");
    private static final Path GOLDEN = Path.of("src/test/resources/golden");
    private static final boolean UPDATE = Boolean.getBoolean("golden.update");

    static List<String> examples() throws IOException {
        try (Stream<Path> files = Files.list(EXAMPLES)) {
            return files.map(file -> file.getFileName().toString().replace(".yaml", "")).sorted().toList();
        }
    }

    @ParameterizedTest
    @MethodSource("examples")
    void plansAreAsReviewed(String example, @TempDir Path directory) throws IOException {
        String spec = Files.readString(EXAMPLES.resolve(example + ".yaml"));
        JsonMapper mapper = new JsonMapper();
        JsonNode view = mapper.readTree(
                MachineFake.plans(directory)
                        .plan(RunSpecReader.read(spec))
                        .view()
                        .replace(directory.toString(), "/home/longhaul"));
        compare("plan-" + example + ".txt",
                PlanText.plan(view, PlanText.USUAL_WIDTH) + "\n" + PlanText.launch(view));
        compare(
                "plan-" + example + ".json",
                mapper.writerWithDefaultPrettyPrinter().writeValueAsString(view) + "\n");
    }

    /** A golden file whose example is gone would be compared with nothing. */
    @Test
    void everyGoldenPlanHasAnExample() throws IOException {
        try (Stream<Path> files = Files.list(GOLDEN)) {
            assertThat(files.map(f -> f.getFileName().toString()).filter(f -> f.startsWith("plan-")))
                    .containsExactlyInAnyOrderElementsOf(
                            examples().stream()
                                    .flatMap(e -> Stream.of("plan-" + e + ".txt", "plan-" + e + ".json"))
                                    .toList());
        }
    }

    private static void compare(String name, String text) throws IOException {
        if (UPDATE) {
            Files.createDirectories(GOLDEN);
            Files.writeString(GOLDEN.resolve(name), text);
        }
        assertThat(text).isEqualTo(Files.readString(GOLDEN.resolve(name)));
    }
}

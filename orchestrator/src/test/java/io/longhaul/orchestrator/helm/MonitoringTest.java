package io.longhaul.orchestrator.helm;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.orchestrator.Http;
import io.longhaul.orchestrator.TestService;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Dashboard and alerts ask for what the service really exports. */
final class MonitoringTest {
    private static final Path MONITORING = Path.of("..", "helm", "longhaul", "monitoring");

    private static Set<String> names(String text, String pattern) {
        return Pattern.compile(pattern, Pattern.MULTILINE)
                .matcher(text)
                .results()
                .map(m -> m.group(1))
                .collect(
                        Collectors.toCollection(TreeSet::new));
    }

    @ParameterizedTest
    @CsvSource({"longhaul.json, 11", "rules.yaml, 4"})
    void everyMetricExists(String file, int metrics) throws IOException {
        Set<String> asked = names(Files.readString(MONITORING.resolve(file)), "\\b([a-z][a-z0-9_]+)\\{");
        assertThat(asked).hasSize(metrics);
        String scraped = Http.get("/actuator/prometheus").response().body()
                + Http.get("/actuator/prometheus").response().body();
        assertThat(names(scraped, "^([a-z_0-9]+)[ {]")).containsAll(asked);
    }

    @Test
    void theDiskIsThatOfTheServicesHome() {
        assertThat(Http.get("/actuator/prometheus").response().body())
                .contains("disk_free_bytes{path=\"" + TestService.home() + "\"}");
    }

    @ParameterizedTest
    @CsvSource({"training", "waiting", "failed", "completed", "stopped"})
    void everyPhaseThatIsAskedForExists(String phase) throws IOException {
        for (String file : List.of("longhaul.json", "rules.yaml")) {
            assertThat(Http.get("/actuator/prometheus").response().body())
                    .as(Files.readString(MONITORING.resolve(file)).contains(phase) ? file : "neither")
                    .contains("longhaul_runs{phase=\"" + phase + "\"}");
        }
    }
}

package io.longhaul.orchestrator.cli.laws;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.laws.MultiPowerLaw;
import io.longhaul.laws.RateHistory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class LawsValidateCommandTest {
    private static final MultiPowerLaw TRUTH = new MultiPowerLaw(
            3.04, 0.525, 0.508, 450, 2.066, 0.583, 0.641, 0.08);

    @TempDir
    private Path home;
    private Path data;
    private Path out;

    @BeforeEach
    void folders() throws IOException {
        data = Files.createDirectories(home.resolve("data"));
        out = home.resolve("out");
    }

    private JsonNode validate(String... more) throws IOException {
        String[] arguments = new String[3 + more.length];
        arguments[0] = data.toString();
        arguments[1] = "--out";
        arguments[2] = out.toString();
        System.arraycopy(more, 0, arguments, 3, more.length);
        assertThat(new CommandLine(new LawsValidateCommand()).execute(arguments)).isZero();
        return new JsonMapper().readTree(Files.readString(out.resolve("summary.json")));
    }

    private static void curves(Path folder, List<String> schedules) throws IOException {
        StringBuilder text = new StringBuilder("model,schedule,step,lr,loss\n");
        for (String schedule : schedules) {
            RateHistory history = RateHistory.of(MplScore.rates(schedule).orElseThrow());
            for (int step = 2176; step < history.steps(); step += 128) {
                text.append(
                        String.format(
                                Locale.ROOT, "9M,%s,%d,%.6g,%.6f%n", schedule, step, history.rate(step),
                                TRUTH.loss(history, step)));
            }
        }
        Files.createDirectories(folder);
        Files.writeString(folder.resolve("curves.csv"), text);
    }

    @Test
    void predictsTheOtherSchedulesOfASize() throws IOException {
        curves(
                data.resolve("mpl"),
                List.of("cosine_24000", "constant_24000", "wsdcon_9", "wsdld_20000_24000", "cosine_72000"));
        JsonNode summary = validate();
        assertThat(summary.propertyNames())
                .containsExactlyInAnyOrder("mpl.9M.mae", "mpl.9M.worst_curve_mae", "mpl.9M.fit_cpu_seconds");
        assertThat(summary.get("mpl.9M.mae").asDouble()).isLessThan(1e-3);
        assertThat(Files.readAllLines(out.resolve("curves.csv")))
                .hasSize(6)
                .anyMatch(line -> line.startsWith("mpl,9M,cosine_72000,test,546,"));
    }

    @Test
    void fitsToOneFolderAndTriesOnAnother() throws IOException {
        curves(home.resolve("seen").resolve("mpl"), List.of("cosine_24000", "constant_24000", "wsdcon_9"));
        curves(data.resolve("mpl"), List.of("wsdcon_3"));
        assertThat(validate("--fit", home.resolve("seen").toString()).get("mpl.9M.mae").asDouble())
                .isLessThan(2e-3);
    }

    @Test
    void dataThatCannotBeReadCostsItsOwnFiguresOnly() throws IOException {
        Files.createDirectories(data.resolve("mpl"));
        Files.writeString(
                data.resolve("mpl/curves.csv"), "model,schedule,step,lr,loss\n9M,cosine_24000,5,1,NaN\n");
        Files.createDirectories(data.resolve("gadre"));
        Files.createDirectories(data.resolve("critical_batch"));
        StringBuilder steps = new StringBuilder("model,target_loss,batch_seqs,seq_len,steps_to_target\n");
        for (int size : new int[]{100, 200, 400}) {
            for (int batch = 64; batch <= 4096; batch *= 2) {
                steps.append(
                        String.format(
                                Locale.ROOT, "%dM,3,%d,512,%.3f%n", size, batch, 1000 + 4e4 * size / batch));
            }
        }
        Files.writeString(data.resolve("critical_batch/steps_to_target.csv"), steps);
        JsonNode summary = validate();
        assertThat(summary.propertyNames()).containsExactly("critical_batch.relative_error");
        assertThat(summary.get("critical_batch.relative_error").asDouble()).isBetween(0.0, 0.2);
    }

    @Test
    void refusesAFolderThatIsNone() {
        assertThat(
                new CommandLine(new LawsValidateCommand())
                        .execute(home.resolve("nowhere").toString(), "--out", out.toString()))
                .isEqualTo(2);
    }
}

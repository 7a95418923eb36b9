package io.longhaul.orchestrator.cli.validate;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class DetectorValidationTest {
    @TempDir
    private Path data = Path.of("unset");

    @TempDir
    private Path out = Path.of("unset");

    @BeforeEach
    void recordedRuns() throws IOException {
        // One spike that is found, one label without anything in the curve, one alarm without a label.
        StringBuilder series = new StringBuilder("step,loss,iter_time_s\n");
        SplittableRandom random = new SplittableRandom(1);
        for (int step = 1; step <= 1000; step++) {
            boolean high = step >= 500 && step < 505 || step >= 800 && step < 805;
            double loss = 3 + (high ? 0.5 : 0) + 0.02 * random.nextGaussian();
            double seconds = (step >= 600 && step < 700 ? 1.5 : 1) * (1 + 0.005 * random.nextGaussian());
            series.append(String.format(Locale.ROOT, "%d,%.5f,%.5f\n", step, loss, seconds));
        }
        Files.createDirectories(data.resolve("runs/series"));
        try (OutputStream packed = new GZIPOutputStream(
                Files.newOutputStream(data.resolve("runs/series/a.csv.gz")))) {
            packed.write(series.toString().getBytes(java.nio.charset.StandardCharsets.UTF_8));
        }
        write("runs/runs.csv", "run_id,family,log_every,ignore_until_step\na,f,1,100\ngone,f,1,100\n");
        write(
                "runs/loss_labels.csv",
                "run_id,kind,severity,onset_step,end_step,note\n"
                        + "a,spike-recovered,major,500,504,\"one, quoted\"\na,spike-recovered,major,900,904,\n");
        write(
                "runs/steptime_labels.csv",
                "run_id,kind,severity,onset_step,end_step,ratio\na,fail-slow,major,600,699,1.5\n");
    }

    private void write(String file, String text) throws IOException {
        Files.createDirectories(data.resolve(file).getParent());
        Files.writeString(data.resolve(file), text);
    }

    private JsonNode summary() throws IOException {
        Report report = new Report();
        DetectorValidation.run(data, report);
        report.write(out);
        return JsonMapper.builder().build().readTree(Files.readString(out.resolve("summary.json")));
    }

    @Test
    void countsWhatIsFoundMissedAndMadeUp() throws IOException {
        JsonNode summary = summary();
        assertThat(summary.get("loss.positives").asInt()).isEqualTo(2);
        assertThat(summary.get("loss.recall").asDouble()).isEqualTo(0.5);
        assertThat(summary.get("loss.false_alarms").asInt()).isEqualTo(1);
        assertThat(summary.get("loss.latency_median").asDouble()).isZero();
        assertThat(summary.get("loss.points").asInt()).isEqualTo(901);
        assertThat(summary.get("steptime.events").asInt()).isEqualTo(1);
        assertThat(summary.get("steptime.found").asInt()).isEqualTo(1);
        assertThat(summary.get("steptime.false_alarms_per_10k").asDouble()).isZero();
        assertThat(Files.readAllLines(out.resolve("misses.csv"))).anyMatch(l -> l.startsWith("loss,a,miss,"))
                .anyMatch(l -> l.startsWith("loss,a,false alarm,SPIKE,800,"))
                .hasSize(3);
    }

    @Test
    void eachRunIsAlsoScoredWithWhatTheOthersChoose() throws IOException {
        write("injected/loss.csv", injected());
        write("injected/loss_labels.csv",
                "run_id,background,kind,severity,onset_step,end_step,onset_index,amplitude\n"
                        + "i,b,spike,major,500,502,499,1\nj,b,none,none,,,,\n");
        Report report = new Report();
        DetectorValidation.crossValidate(data, report);
        report.write(out);
        JsonNode summary = JsonMapper.builder()
                .build()
                .readTree(Files.readString(out.resolve("summary.json")));
        for (String group : new String[]{"run", "family"}) {
            assertThat(summary.get("loss.cross_validated_by_" + group + ".recall").asDouble()).isEqualTo(0.5);
            assertThat(summary.get("injected.cross_validated_by_" + group + ".found").asInt()).isEqualTo(1);
            assertThat(summary.get("injected.cross_validated_by_" + group + ".total").asInt()).isEqualTo(1);
            assertThat(summary.get("injected.cross_validated_by_" + group + ".false_alarms").asInt())
                    .isZero();
            assertThat(summary.get("steptime.cross_validated_by_" + group + ".found").asInt()).isEqualTo(1);
        }
    }

    private static String injected() {
        StringBuilder series = new StringBuilder("loss,run_id,step\n");
        SplittableRandom random = new SplittableRandom(2);
        for (String id : new String[]{"i", "j"}) {
            for (int step = 1; step <= 1000; step++) {
                double added = id.equals("i") && step >= 500 && step < 503 ? 1 : 0;
                series.append(String.format(Locale.ROOT, "%.5f,%s,%d\n",
                        3 + added + 0.02 * random.nextGaussian(), id,
                        step));
            }
        }
        return series.toString();
    }

    /** Files that are cut off, empty or lack columns cost what is in them and nothing else. */
    @Test
    void oddFilesAreSkippedWithALine() throws IOException {
        Files.createDirectories(data.resolve("mlperf"));
        byte[] packed = Files.readAllBytes(data.resolve("runs/series/a.csv.gz"));
        Files.write(data.resolve("mlperf/steps.csv.gz"), java.util.Arrays.copyOf(packed, packed.length / 2));
        Files.write(data.resolve("runs/series/gone.csv.gz"), new byte[]{1, 2, 3});
        write("injected/loss.csv", "");
        write("injected/loss_labels.csv", "run_id\ni\n");
        write("injected/steptime.csv", "run_id\n");
        write("injected/steptime_labels.csv", "");
        write("workers/labels.csv", "");
        write("workers/injected_groups.csv", "");
        write("logs/log_snippets.csv", "\uFEFFtext,family,source\nCUDA out of memory,memory\n");
        JsonNode summary = summary();
        assertThat(summary.get("loss.recall").asDouble()).isEqualTo(0.5);
        assertThat(summary.get("steptime.found").asInt()).isEqualTo(1);
        assertThat(summary.get("logs.faults").asInt()).isEqualTo(1);
        Report report = new Report();
        DetectorValidation.crossValidate(data, report);
        report.write(out);
        assertThat(Files.readString(out.resolve("summary.json")))
                .contains("loss.cross_validated_by_run.recall");
    }

    @Test
    void foldersThatAreMissingAreSkippedWithALine() throws IOException {
        Report report = new Report();
        DetectorValidation.run(out, report);
        assertThat(report.lines()).allMatch(l -> l.contains("skipped")).hasSizeGreaterThan(5);
    }

    @Test
    void scoresWorkersAndLogLines() throws IOException {
        StringBuilder group = new StringBuilder("group,t,w0,w1,w2,w3\n");
        for (int t = 0; t < 200; t++) {
            group.append("0,").append(t).append(",1,1,1.01,").append(t >= 100 ? 1.5 : 1).append('\n');
        }
        write("workers/injected_groups.csv", group.toString());
        write("workers/labels.csv",
                "dataset,kind,worker,onset,end,ratio,note\ninjected_group_0,faulty-worker,w3,100,199,1.5,\n");
        write(
                "logs/log_snippets.csv",
                "id,text,label,family,scope,action,retry,source\n"
                        + "1,RuntimeError: CUDA out of memory,mem.cuda_oom,memory,job,stop,no,x\n"
                        + "2,all is well,benign.info,benign,none,ignore,n/a,x\n");
        JsonNode summary = summary();
        assertThat(summary.get("workers.found").asInt()).isEqualTo(1);
        assertThat(summary.get("workers.accused").asInt()).isZero();
        assertThat(summary.get("logs.family_accuracy").asDouble()).isEqualTo(1);
        assertThat(summary.get("logs.benign_alarms").asInt()).isZero();
    }
}

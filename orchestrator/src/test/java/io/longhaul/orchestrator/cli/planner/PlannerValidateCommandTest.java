package io.longhaul.orchestrator.cli.planner;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class PlannerValidateCommandTest {
    private static final String HEADER = "id,model_family,layers,hidden,heads,kv_heads,ffn_hidden,vocab,seq_len,gpu_type,gpus,"
            + "gpus_per_node,framework,precision,tp,pp,vpp,cp,dp,zero_stage,sequence_parallel,recompute,micro_batch,"
            + "global_batch,iter_time_s,peak_mem_gb,outcome,quality,group,notes\n";

    /** Korthikanti et al. 2022, table 5; the last two cannot be predicted, one of them ran out of memory before. */
    private static final String ROWS = """
            s-1,GPT,48,6144,64,64,24576,51200,2048,A100-SXM4-80GB,8,8,Megatron-LM,fp16,8,1,1,1,1,0,yes,selective,4,4,1.10,,ok,high,22b/selene,
            s-2,GPT,48,6144,64,64,24576,51200,2048,A100-SXM4-80GB,8,8,Megatron-LM,fp16,8,1,1,1,1,0,no,full,4,4,1.42,,ok,high,22b/selene,
            t-1,GPT,96,12288,96,96,49152,51200,2048,A100-SXM4-80GB,64,8,Megatron-LM,fp16,8,8,3,1,1,0,yes,selective,1,64,13.75,,ok,high,175b/selene,
            t-2,GPT,96,12288,96,96,49152,51200,2048,A100-SXM4-80GB,64,8,Megatron-LM,fp16,8,8,3,1,1,0,no,full,1,64,18.13,,ok,high,175b/selene,
            u-1,GPT,96,12288,96,96,49152,51200,2048,A100-SXM4-80GB,8,8,Megatron-LM,fp16,8,1,1,1,1,0,no,none,4,4,,,oom,high,175b/selene,
            v-1,GPT,96,12288,96,96,49152,51200,2048,abacus,8,8,Megatron-LM,fp16,8,1,1,1,1,0,no,none,4,4,1,,ok,high,175b/abacus,
            v-2,GPT,96,,96,96,49152,51200,2048,A100-SXM4-80GB,8,8,Megatron-LM,fp16,8,1,1,1,1,0,no,none,4,4,1,,ok,high,175b/selene,"a note, with a comma"
            """;

    @TempDir
    private Path folder;

    private int run(String... arguments) {
        CommandLine command = new CommandLine(new PlannerValidateCommand());
        command.setOut(new PrintWriter(new StringWriter(), true));
        command.setErr(new PrintWriter(new StringWriter(), true));
        return command.execute(arguments);
    }

    private JsonNode summary(String out) throws IOException {
        return JsonMapper.builder().build().readTree(folder.resolve(out).resolve("summary.json").toFile());
    }

    @Test
    void everyRowIsScoredOrSkippedWithItsReason() throws IOException {
        Path runs = Files.writeString(folder.resolve("runs.csv"), HEADER + ROWS);
        assertThat(run("--runs", runs.toString(), "--out", folder.resolve("out").toString())).isZero();
        JsonNode summary = summary("out");
        assertThat(summary.propertyNames())
                .contains("rows_total", "rows_scored", "rows_skipped", "groups", "step_time_macro_mape",
                        "rank_correlation", "chosen_layout_regret", "memory_mape", "oom_rows",
                        "oom_called_safe",
                        "safe_called_oom", "interval90_coverage", "seconds");
        assertThat(summary.get("rows_total").asInt()).isEqualTo(7);
        assertThat(summary.get("rows_scored").asInt()).isEqualTo(5);
        assertThat(summary.get("rows_skipped").asInt()).isEqualTo(2);
        assertThat(summary.get("oom_rows").asInt()).isEqualTo(1);
        assertThat(summary.get("oom_called_safe").asInt()).isZero();
        assertThat(summary.get("memory_mape").isNull()).isTrue();
        assertThat(summary.get("step_time_macro_mape").asDouble()).isBetween(0.0, 0.25);
        List<String> rows = Files.readAllLines(folder.resolve("out/rows.csv"));
        assertThat(rows).hasSize(8);
        assertThat(rows.get(6)).contains("unknown gpu_type abacus");
        assertThat(rows.get(7)).contains("hidden is missing");
    }

    /** One cell of a good row replaced by what no run can have: the row is counted and says which cell. */
    @ParameterizedTest(name = "{0} = {1}")
    @CsvSource({"layers, -4, layers must be", "layers, 1e9, layers must be", "hidden, wide, hidden must be",
            "hidden, 12.5, hidden must be", "tp, 3, tp * pp * cp * dp", "heads, 7, attentionHeads",
            "kv_heads, 5, kvHeads", "global_batch, 0, global_batch", "micro_batch, -1, micro_batch must be",
            "iter_time_s, -3, iter_time_s must be", "iter_time_s, inf, iter_time_s must be",
            "iter_time_s, nan, neither step time", "peak_mem_gb, -5, peak_mem_gb must be",
            "gpus, 1e12, gpus must be", "gpu_type, '', gpu_type is missing"})
    void aCellThatCannotBeIsNamed(String column, String value, String reason) throws IOException {
        List<String> columns = List.of(HEADER.strip().split(","));
        String[] cells = ROWS.lines().findFirst().orElseThrow().split(",", -1);
        cells[columns.indexOf(column)] = value;
        cells[0] = "bad";
        Path runs = Files.writeString(folder.resolve("runs.csv"),
                HEADER + ROWS + String.join(",", cells) + "\n");
        assertThat(run("--runs", runs.toString(), "--out", folder.resolve("out").toString())).isZero();
        assertThat(summary("out").get("rows_total").asInt()).isEqualTo(8);
        assertThat(summary("out").get("rows_scored").asInt()).isEqualTo(5);
        List<String> rows = Files.readAllLines(folder.resolve("out/rows.csv"));
        assertThat(rows.getLast()).startsWith("bad,").contains(reason);
    }

    @Test
    void fitsToOneFileAndTriesAnotherThatIsPacked() throws IOException {
        Path known = Files.writeString(folder.resolve("known.csv"), HEADER + ROWS);
        Path asked = folder.resolve("asked.csv.gz");
        try (OutputStream packed = new GZIPOutputStream(Files.newOutputStream(asked))) {
            packed.write((HEADER + ROWS).getBytes(StandardCharsets.UTF_8));
        }
        assertThat(run("--runs", asked.toString(), "--fit", known.toString(), "--out",
                folder.resolve("out").toString())).isZero();
        assertThat(summary("out").get("step_time_macro_mape").asDouble()).isBetween(0.0, 0.15);
    }

    @Test
    void aFileThatIsNotThereIsAMistakeOfTheCaller() {
        assertThat(run("--runs", folder.resolve("none.csv").toString(), "--out", folder.toString()))
                .isEqualTo(CommandLine.ExitCode.USAGE);
    }
}

package io.longhaul.orchestrator.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.orchestrator.Http;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/** What cannot be planned is refused with its field, by the command and over HTTP alike. */
class BadPlanTest {
    private static final String GOOD = """
            name: good
            model:
              layers: 16
              hiddenSize: 1024
              attentionHeads: 16
              kvHeads: 8
              vocabSize: 32000
              sequenceLength: 2048
              moe: { experts: 8, topK: 2, expertFfnHiddenSize: 2048 }
            training: { tokens: 1000000000, globalBatch: 64, learningRate: 1e-4 }
            cluster:
              kind: described
              nodes: 2
              devicesPerNode: 8
              accelerator: H100-SXM-80GB
              interNodeGBps: 50
            framework: megatron-lm
            layout: { tensor: 2 }
            planning: { criticalBatch: 128 }
            """;

    @TempDir
    private Path directory;

    private record Result(int code, String err) {}

    private Result plan(String spec, String... options) throws IOException {
        List<String> arguments = new ArrayList<>(List.of("plan",
                Files.writeString(directory.resolve("spec.yaml"), spec).toString()));
        arguments.addAll(List.of(options));
        PrintStream out = System.out;
        PrintStream err = System.err;
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        try {
            System.setOut(new PrintStream(PrintStream.nullOutputStream()));
            System.setErr(new PrintStream(said, true, UTF_8));
            return new Result(LonghaulCli.execute(arguments.toArray(String[]::new)), said.toString(UTF_8));
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
    }

    @Test
    void theBaseOfTheTableIsPlanned() throws IOException {
        assertThat(plan(GOOD).code()).isZero();
        assertThat(Http.post("/api/v1/plans", GOOD).status()).isEqualTo(200);
    }

    @ParameterizedTest(name = "{0} -> {1}")
    @CsvSource(useHeadersInDisplayName = true, delimiter = '|', quoteCharacter = '`', textBlock = """
            instead of           | stands                              | pointer                        | allowed
            nodes: 2             | nodes: 2¶  nodes: 3                 | /cluster/nodes                 | one YAML or JSON object
            nodes: 2             | node: 2                             | /cluster/node                  | one of kind, nodes
            nodes: 2             | nodes: 0                            | /cluster/nodes                 | from 1 to
            nodes: 2             | nodes: -8                           | /cluster/nodes                 | from 1 to
            nodes: 2             | nodes: 1.5                          | /cluster/nodes                 | a whole number
            nodes: 2             | nodes: "2"                          | /cluster/nodes                 | a whole number
            nodes: 2             | nodes: true                         | /cluster/nodes                 | a whole number
            nodes: 2             | nodes: null                         | /cluster/nodes                 | a whole number
            nodes: 2             | nodes: 99999999999                  | /cluster/nodes                 | to 100000
            devicesPerNode: 8    | devicesPerNode: 0                   | /cluster/devicesPerNode        | from 1 to
            layers: 16           | layers: 0                           | /model/layers                  | from 1 to
            hiddenSize: 1024     | hiddenSize: 0                       | /model/hiddenSize              | from 8 to
            attentionHeads: 16   | attentionHeads: 0                   | /model/attentionHeads          | from 1 to
            attentionHeads: 16   | attentionHeads: 15                  | /model/attentionHeads          | a divisor of hiddenSize 1024
            kvHeads: 8           | kvHeads: 32                         | /model/kvHeads                 | a divisor of attentionHeads 16
            kvHeads: 8           | kvHeads: 3                          | /model/kvHeads                 | a divisor of attentionHeads 16
            topK: 2              | topK: 9                             | /model/moe/topK                | from 1 to 8
            vocabSize: 32000     | vocabSize: 0                        | /model/vocabSize               | from 2 to
            vocabSize: 32000     | vocabSize: 1000000000000            | /model/vocabSize               | from 2 to
            sequenceLength: 2048 | sequenceLength: 0                   | /model/sequenceLength          | from 8 to
            globalBatch: 64      | globalBatch: 0                      | /training/globalBatch          | from 1 to
            interNodeGBps: 50    | interNodeGBps: 0                    | /cluster/interNodeGBps         | a number from
            interNodeGBps: 50    | interNodeGBps: 1e400                | /cluster/interNodeGBps         | a number from
            interNodeGBps: 50    | interNodeGBps: .nan                 | /cluster/interNodeGBps         | a finite number
            interNodeGBps: 50    | interNodeGBps: "NaN"                | /cluster/interNodeGBps         | a number from
            H100-SXM-80GB        | H100                                | /cluster/accelerator           | one of V100-SXM-16GB
            { tensor: 2 }        | { tensor: 3 }                       | /layout/tensor                 | tensor
            { tensor: 2 }        | { context: 3 }                      | /layout/context                | sequence 2046 or sequence 2052
            { tensor: 2 }        | { pipeline: 32 }                    | /layout/pipeline               | pipeline
            { tensor: 2 }        | { data: 3 }                         | /layout                        | divides the cluster's 16
            { tensor: 2 }        | { data: 0 }                         | /layout/data                   | from 1 to
            { tensor: 2 }        | { tensor: 2, pipeline: 2, data: 2, context: 1 } | /layout            | product is the cluster's 16
            { criticalBatch: 128 } | { criticalBatch: 63 }             | /planning/criticalBatch        | from 64 to
            { criticalBatch: 128 } | { spareNodes: 2 }                 | /planning/spareNodes           | from 0 to 1
            { criticalBatch: 128 } | { precision: nvfp4 }              | /planning/precision            | what megatron-lm
            { criticalBatch: 128 } | { power: { capWatts: 10 } }       | /planning/power/capWatts       | more than idleWatts
            """)
    void aFieldThatIsWrongIsNamed(String instead, String stands, String pointer, String allowed)
            throws IOException {
        assertThat(GOOD).contains(instead);
        String bad = GOOD.replace(instead, stands.replace("¶", "\n"));
        Result command = plan(bad);
        assertThat(command.code()).isEqualTo(ExitCodes.USAGE);
        assertThat(command.err().lines()).anySatisfy(
                line -> assertThat(line.strip()).startsWith(pointer).contains("allowed is", allowed));
        JsonNode errors = Http.post("/api/v1/plans", bad).problem(422, "invalid-run-spec").path("errors");
        assertThat(errors).anySatisfy(error -> {
            assertThat(error.path("pointer").asString()).isEqualTo(pointer);
            assertThat(error.path("allowed").asString()).contains(allowed);
        });
    }

    /** 10^17 weights: sizes are no whole numbers of 64 bits any more, and still positive. */
    @Test
    void aModelThatIsFarTooLargeSaysByHowMuch() throws IOException {
        String huge = GOOD.replace("layers: 16", "layers: 10000")
                .replace("hiddenSize: 1024", "hiddenSize: 1048576")
                .replace("{ tensor: 2 }", "{}");
        Result command = plan(huge);
        assertThat(command.code()).isEqualTo(ExitCodes.NO_PLAN);
        assertThat(command.err()).containsPattern("needs \\d+\\.\\d of 80\\.0 GB");
        Http.post("/api/v1/plans", huge).problem(422, "no-plan");
    }

    @ParameterizedTest
    @CsvSource({"0", "-1", "86401", "NaN"})
    void aSearchNeedsSomeTime(String deadline) throws IOException {
        Result command = plan(GOOD, "--deadline", deadline);
        assertThat(command.code()).isEqualTo(ExitCodes.USAGE);
        assertThat(command.err()).contains("--deadline is ", "up to 86400");
    }
}

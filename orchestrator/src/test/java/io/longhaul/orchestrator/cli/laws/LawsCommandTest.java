package io.longhaul.orchestrator.cli.laws;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.laws.Continuation;
import io.longhaul.laws.DecayStyle;
import io.longhaul.laws.MultiPowerLaw;
import io.longhaul.laws.RateHistory;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class LawsCommandTest {
    private static final int WARMUP = 100;
    private static final MultiPowerLaw TRUTH = new MultiPowerLaw(2.5, 0.6, 0.45, 158, 2, 0.6, 0.64, 0.08);
    private static final RateHistory CONSTANT = RateHistory.of(
            IntStream.range(0, 4000).mapToDouble(t -> 1e-3 * Math.min(1, (t + 1.0) / WARMUP)).toArray());
    private static final RateHistory DECAYED = CONSTANT.then(
            2000, new Continuation.Decay(DecayStyle.LINEAR, 1e-3, 2000, 0), 4000);

    @TempDir
    private Path home;
    private List<String> lines;
    private String errors = "";

    @BeforeEach
    void curve() {
        lines = lines(CONSTANT, 2000);
    }

    private static List<String> lines(RateHistory history, int to) {
        List<String> lines = new ArrayList<>();
        for (int step = 0; step <= to; step += 20) {
            lines.add(
                    String.format(
                            Locale.ROOT, "%d,%.6g,%.6f", step, history.rate(step),
                            TRUTH.loss(history, step)));
        }
        return lines;
    }

    private Path file(String header, List<String> content) throws IOException {
        Path file = home.resolve(content.hashCode() + ".csv");
        Files.writeString(file, header + "\n" + String.join("\n", content) + "\n");
        return file;
    }

    private int laws(String... arguments) {
        PrintStream before = System.err;
        ByteArrayOutputStream heard = new ByteArrayOutputStream();
        System.setErr(new PrintStream(heard, true, StandardCharsets.UTF_8));
        try {
            return new CommandLine(new LawsCommand()).execute(arguments);
        } finally {
            System.setErr(before);
            errors = heard.toString(StandardCharsets.UTF_8);
        }
    }

    private JsonNode json(String... arguments) {
        PrintStream before = System.out;
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        System.setOut(new PrintStream(said, true, StandardCharsets.UTF_8));
        try {
            String[] all = Arrays.copyOf(arguments, arguments.length + 1);
            all[arguments.length] = "--json";
            assertThat(laws(all)).as(errors).isZero();
        } finally {
            System.setOut(before);
        }
        return new JsonMapper().readTree(said.toString(StandardCharsets.UTF_8));
    }

    @Test
    void predictsWithinItsBandAndDrawsIt() throws IOException {
        Path run = file("step,lr,loss", lines);
        Path other = file("step,lr,loss", lines(DECAYED, 3999));
        Path svg = home.resolve("p.svg");
        JsonNode result = json(
                "predict", other.toString(), run.toString(), "--total", "4000", "--svg", svg.toString(),
                "--schedule",
                "constant", "wsd:share=1,low=0");
        double measured = TRUTH.loss(DECAYED, 3999);
        JsonNode decay = result.get("predictions").get(1);
        assertThat(decay.get("finalLoss").asDouble()).isCloseTo(measured, within(0.01));
        assertThat(measured).isBetween(decay.get("low90").asDouble(), decay.get("high90").asDouble());
        assertThat(result.get("decayObserved").asBoolean()).isTrue();
        assertThat(Files.readString(svg)).startsWith("<svg").contains("wsd:share=1,low=0", "nats per token");
    }

    @Test
    void optimizesAndWritesATableThatPredictTakes() throws IOException {
        Path run = file("step,lr,loss", lines);
        Path table = home.resolve("table.csv");
        JsonNode best = json("optimize", run.toString(), "--total", "4000", "--table", table.toString());
        assertThat(best.get("freeOptimum").get("finalLoss").asDouble())
                .isLessThanOrEqualTo(best.get("best").get("finalLoss").asDouble());
        assertThat(best.get("best").get("effectHigh90").asDouble()).isNegative();
        JsonNode predicted = json("predict", run.toString(), "--total", "4000", "--schedule",
                "table:" + table);
        assertThat(predicted.get("predictions").get(0).get("finalLoss").asDouble())
                .isCloseTo(best.get("freeOptimum").get("finalLoss").asDouble(), within(2e-3));
    }

    @Test
    void advisesADecayAndAbstainsFromARunThatIsInOne() throws IOException {
        JsonNode advised = json("advise", file("step,lr,loss", lines).toString(), "--total", "4000");
        assertThat(advised.get("advised").asBoolean()).isTrue();
        assertThat(advised.get("megatron").asString()).contains("--lr-decay-style WSD --lr-decay-iters 4000");
        JsonNode abstained = json(
                "advise", file("step,lr,loss", lines(DECAYED, 3000)).toString(), "--total", "4000",
                "--decay-start",
                "2000");
        assertThat(abstained.get("advised").asBoolean()).isFalse();
        assertThat(abstained.get("explanation").asString())
                .contains("the evidence does not support a change");
    }

    @ParameterizedTest(name = "line {0} as {1}")
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            30 | 600,0.001,-3           | line 32: loss must be positive: nats per token, got '-3'
            30 | 600,inf,3              | line 32: lr must be a finite number >= 0, or empty where it was not logged, got 'inf'
            30 | x,0.001,3              | line 32: step must be a whole number from 0 to 5000000
            30 | 600000000,0.001,3      | line 32: step must be a whole number from 0 to 5000000
            100| 3000000,0.001,3        | step jumps from 1980 to 3000000 where its lines are 20 apart: one axis in one file
            """)
    void refusesByLineAndColumn(int line, String content, String message) throws IOException {
        lines.set(line, content);
        assertThat(laws("fit", file("step,lr,loss", lines).toString())).isEqualTo(2);
        assertThat(errors).contains(message);
    }

    @Test
    void refusesFilesThatAreNoCurve() throws IOException {
        assertThat(laws("fit", file("step,lr,loss", List.of()).toString())).isEqualTo(2);
        assertThat(errors).contains("is empty: a header and one line per step are needed");
        laws("fit", file("step,lr,loss", lines.subList(50, 51)).toString());
        assertThat(errors).contains("1 losses after the warm-up").contains("at least 12 are needed");
        laws("fit", file("tokens,lr,loss", lines).toString());
        assertThat(errors).contains("has no column step")
                .contains("it counts tokens, give --tokens-per-step");
        laws("fit", file("step,loss,other", lines).toString());
        assertThat(errors).contains("has no column lr (lr, learning_rate");
        Collections.shuffle(lines, new Random(1));
        laws("fit", file("step,lr,loss", lines).toString());
        assertThat(errors).contains("sort the lines by step");
        laws("fit", home.resolve("absent.csv").toString());
        assertThat(errors).contains("absent.csv is absent");
        laws("predict", file("step,lr,loss", lines(CONSTANT, 2000)).toString(), "--total", "100");
        assertThat(errors)
                .contains("--total must be above the 2001 steps that the last curve has run, got 100");
    }

    @Test
    void repairsWhatHasOneSoundReadingAndSaysSo() throws IOException {
        List<String> resumed = new ArrayList<>(lines.subList(0, 60));
        resumed.addAll(lines.subList(50, 101));
        resumed.add(70, resumed.get(69));
        resumed.set(5, "100,0.001,NaN");
        JsonNode curve = json("fit", file("step,lr,loss", resumed).toString()).get("curves").get(0);
        assertThat(curve.get("repairs").toString())
                .contains("1 times resumed: 10 earlier lines give way")
                .contains("1 steps twice in a row: the later line counts")
                .contains("1 lines without a finite loss passed over");
        assertThat(curve.get("losses").asInt()).isEqualTo(lines.size() - 6);
        assertThat(
                json("fit", file("\"Step\",\"gpt - lr\",\"gpt - train/loss\"", lines).toString())
                        .get("curves")
                        .get(0)
                        .get("repairs")
                        .size())
                .isZero();
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            wsd:shre=1          | shre is unknown, [low, share, style] may be given
            wsd:share=2         | share must lie in [0, 1], got 2.0
            wsd:share=x         | share must be a finite number >= 0, got 'x'
            wsd:style=steep     | style must be linear, cosine, minus_sqrt or exponential, got 'steep'
            wsd:share           | 'share' must be name=value
            rewarm              | steps must be a finite number >= 0, got ''
            sawtooth            | must be one of constant
            """)
    void refusesSchedulesThatAreNone(String schedule, String message) throws IOException {
        String run = file("step,lr,loss", lines).toString();
        assertThat(laws("predict", run, "--total", "4000", "--schedule", schedule)).isEqualTo(2);
        assertThat(errors).contains(message.strip());
    }
}

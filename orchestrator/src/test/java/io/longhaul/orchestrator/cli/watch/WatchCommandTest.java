package io.longhaul.orchestrator.cli.watch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class WatchCommandTest {
    @TempDir
    private Path directory = Path.of("unset");

    private Path log() throws IOException {
        StringBuilder text = new StringBuilder("starting <up> & \"more\"\n");
        SplittableRandom random = new SplittableRandom(1);
        for (int step = 1; step <= 3000; step++) {
            double loss = 4 - 0.0005 * step + (step >= 2000 && step < 2004 ? 1 : 0)
                    + 0.02 * random.nextGaussian();
            text.append(String.format(Locale.ROOT, "iteration %d/ 3000 | lm loss: %.6E |\n", step, loss));
        }
        text.append("RuntimeError: CUDA out of memory. Tried <1 GiB> & failed");
        return Files.writeString(directory.resolve("train.log"), text);
    }

    private static List<String> run(String... arguments) {
        PrintStream before = System.out;
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
        try {
            assertThat(new CommandLine(new WatchCommand()).execute(arguments)).isZero();
        } finally {
            System.setOut(before);
        }
        return bytes.toString(StandardCharsets.UTF_8).lines().toList();
    }

    @Test
    void printsWhatItFindsAndASummary() throws IOException {
        List<String> lines = run(log().toString());
        assertThat(lines.getFirst())
                .startsWith("line 2001: major: loss, spike: the loss jumped at step 2000");
        assertThat(lines).anyMatch(l -> l.startsWith("line 3002: critical: log, mem.cuda_oom"))
                .contains("3002 lines, 3000 points of the loss", "  1 x loss, spike",
                        "  1 x loss, spike that stays", "  1 x loss, recovered");
    }

    @Test
    void printsAnObjectPerLine() throws IOException {
        List<JsonNode> objects = run("--json", log().toString()).stream()
                .map(line -> JsonMapper.builder().build().readTree(line))
                .toList();
        assertThat(objects.getFirst().get("kind").asString()).isEqualTo("spike");
        assertThat(objects.getFirst().get("step").asInt()).isEqualTo(2000);
        assertThat(objects.getLast().get("summary").get("points").asInt()).isEqualTo(3000);
    }

    @Test
    void drawsTheCurveWithItsMarks() throws Exception {
        Path svg = directory.resolve("curve.svg");
        run("--svg", svg.toString(), log().toString());
        var document = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(svg.toFile());
        assertThat(document.getElementsByTagName("circle").getLength()).isEqualTo(4);
        String path = document.getElementsByTagName("path")
                .item(document.getElementsByTagName("path").getLength() - 1)
                .getAttributes()
                .getNamedItem("d")
                .getNodeValue();
        assertThat(path.chars().filter(c -> c == 'L').count()).isBetween(1000L, 2047L);
    }

    @Test
    void aLogWithoutALossIsNoError() throws IOException {
        Path svg = directory.resolve("none.svg");
        Path empty = Files.writeString(directory.resolve("empty.log"), "");
        assertThat(run("--svg", svg.toString(), empty.toString()))
                .containsExactly("0 lines, 0 points of the loss, nothing found");
        assertThat(Files.readString(svg)).contains("no loss in this log");
    }
}

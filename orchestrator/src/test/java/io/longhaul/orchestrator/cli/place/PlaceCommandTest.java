package io.longhaul.orchestrator.cli.place;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.planner.place.MixedPlan;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

final class PlaceCommandTest {
    private static final int NODES = 16;

    @TempDir
    Path directory;

    private String spec = "";

    @BeforeEach
    void writeSpec() throws IOException {
        spec = write("spec.yaml",
                """
                        name: gpt-13b
                        model: {layers: 40, hiddenSize: 5120, attentionHeads: 40, vocabSize: 51200, sequenceLength: 4096}
                        training: {tokens: 300000000000, globalBatch: 256, learningRate: 1e-4}
                        cluster: {kind: described, nodes: 16, accelerator: A100-SXM-80GB}
                        framework: megatron-lm
                        """);
    }

    private String write(String name, String text) throws IOException {
        return Files.writeString(directory.resolve(name), text).toString();
    }

    /** What it prints, or the message with which it fails. */
    private static String place(String... arguments) {
        PrintStream out = System.out;
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        CommandLine line = new CommandLine(new PlaceCommand());
        line.setExecutionExceptionHandler((e, command, parsed) -> {
            System.out.print(e.getMessage());
            return 1;
        });
        try {
            System.setOut(new PrintStream(said, true, UTF_8));
            line.execute(arguments);
            return said.toString(UTF_8);
        } finally {
            System.setOut(out);
        }
    }

    private static String links(int nodes, String inside, String outside) {
        List<String> names = IntStream.range(0, nodes).mapToObj(i -> "n" + i).toList();
        List<String> lines = new ArrayList<>(List.of("node," + String.join(",", names)));
        for (int i = 0; i < nodes; i++) {
            int row = i;
            lines.add("n" + i + "," + IntStream.range(0, nodes)
                    .mapToObj(j -> row == j ? "" : row % 2 == j % 2 ? inside : outside)
                    .collect(Collectors.joining(",")));
        }
        return String.join("\n", lines);
    }

    @Test
    void writesTheNodesInTheOrderOfTheirRanks() throws IOException {
        Path hosts = directory.resolve("hosts");

        String out = place("nodes", spec, write("links.csv", links(NODES, "25", "5")), "--hostfile",
                hosts.toString());

        assertThat(out).contains("16 nodes of 8 ranks", "node rank, ranks, node");
        assertThat(Files.readAllLines(hosts)).containsExactlyInAnyOrderElementsOf(
                IntStream.range(0, NODES).mapToObj(i -> "n" + i + " slots=8").toList());
    }

    @Test
    void leavesSlowNodesAsSpares() throws IOException {
        String[] lines = links(NODES + 1, "25", "24").split("\n");
        lines[4] = "n3," + IntStream.range(0, NODES + 1).mapToObj(j -> "6").collect(Collectors.joining(","));

        assertThat(place("nodes", spec, write("links.csv", String.join("\n", lines))))
                .contains("spare     n3:");
    }

    @Test
    void namesEveryWrongFieldOfTheLinks() throws IOException {
        String out = place("nodes", spec, write("links.csv", """
                node,a,b,b
                a,,x,3
                q,1,,-2
                c,1,2
                """));

        assertThat(out.lines().skip(1)).containsExactly(
                "  line 1, name of a node is b: allowed is a name without blanks that no other node has",
                "  line 2, b is x: allowed is a positive number of GB/s",
                "  line 3, node is q: allowed is b, as in the header",
                "  line 3, b is -2: allowed is a positive number of GB/s",
                "  line 4, node is c: allowed is b, as in the header",
                "  line 4, number of fields is 3: allowed is 4, the node and one for each node of the header");
    }

    @Test
    void saysHowManyNodesThePlanNeeds() throws IOException {
        assertThat(place("nodes", spec, write("links.csv", links(3, "25", "24"))))
                .endsWith("has 3 nodes: allowed are at least the plan's 16");
    }

    @Test
    void givesLongSequencesMoreRanks() throws IOException {
        String lengths = write("lengths.csv", "longest,count\n4096,90000\n32768,9000\n131072,1000\n");

        String out = place("sequences", spec, lengths, "--tensor", "2");

        assertThat(out).contains("64 ranks for data and context",
                "--hybrid-context-parallel --max-seqlen-per-dp-cp-rank");
        assertThat(out.lines().filter(line -> line.contains(" %  ")).count()).isGreaterThan(2);
    }

    @Test
    void namesEveryWrongFieldOfTheLengths() throws IOException {
        assertThat(
                place("sequences", spec, write("lengths.csv", "longest,n\n1024,x\n512,3\n2048.5,2\n")).lines()
                        .skip(1))
                .containsExactly(
                        "  line 1, header is longest,n: allowed is longest,count",
                        "  line 2, count is x: allowed is a whole number of sequences from 0 to 1e15",
                        "  line 3, longest is 512: allowed is a whole number of tokens, more than 1024",
                        "  line 4, longest is 2048.5: allowed is a whole number up to 2^30");
    }

    @Test
    void plansOnePipelineThroughTwoKinds() {
        String out = place("mixed", spec, "--with", "H100-SXM-80GB:16", "--between-gbps", "10");

        assertThat(out).contains("part 0 alone", "part 1 alone", "together",
                "--pipeline-model-parallel-size");
        assertThat(place("mixed", spec, "--with", "H101:16", "--between-gbps", "10"))
                .startsWith("--with is H101:16: allowed is KIND:NODES or KIND:NODES:GBPS, with KIND one of ");
    }

    @Test
    void writesLayersAsMegatronReadsThem() {
        MixedPlan plan = new MixedPlan(
                List.of(new MixedPlan.Leg(1, List.of(3, 1)), new MixedPlan.Leg(0, List.of(2))), 1, 1, 1, 1, 1,
                0, 0);

        assertThat(MixedCommand.layoutText(plan)).isEqualTo("Et*3|t|t*2L");
    }

    @Test
    void comparesLocalUpdatesWithSynchronousOnes() {
        assertThat(place("local", spec, "--groups", "4", "--link-gbps", "1"))
                .contains("pays         as long as", "2311.08105");
        assertThat(place("local", spec, "--groups", "4", "--link-gbps", "1", "--overlap", "500"))
                .contains("500 of 500 steps");
    }
}

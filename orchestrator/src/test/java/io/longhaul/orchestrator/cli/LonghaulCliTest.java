package io.longhaul.orchestrator.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import io.longhaul.orchestrator.Http;
import io.longhaul.orchestrator.TestService;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The command line as a user and a script see it: output, errors, exit codes. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
final class LonghaulCliTest {
    private static final String UNKNOWN = "00000000-0000-0000-0000-000000000000";
    private static final String GPT3 = "../examples/gpt3-175b-1024-h100.yaml";

    @TempDir
    Path directory;

    private record Result(int code, String out, String err) {}

    private static Result longhaul(String... arguments) {
        PrintStream out = System.out;
        PrintStream err = System.err;
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        ByteArrayOutputStream complained = new ByteArrayOutputStream();
        try {
            System.setOut(new PrintStream(said, true, UTF_8));
            System.setErr(new PrintStream(complained, true, UTF_8));
            return new Result(LonghaulCli.execute(arguments), said.toString(UTF_8),
                    complained.toString(UTF_8));
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
    }

    /** A command that talks to the test's service. */
    private static Result run(String... arguments) {
        List<String> all = new ArrayList<>(List.of("run"));
        all.addAll(List.of(arguments));
        all.addAll(List.of("--url", TestService.url()));
        return longhaul(all.toArray(String[]::new));
    }

    private String file(String name, String text) {
        try {
            return Files.writeString(directory.resolve(name), text).toString();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @Test
    void aPlanIsPrintedWithItsReason() {
        Result plan = longhaul("plan", GPT3);
        assertThat(plan.code()).isZero();
        assertThat(plan.out()).contains("on 1024 ranks", "why ", "memory of a rank by stage",
                "next best layouts",
                "nothing is better");
        assertThat(plan.err()).isEmpty();

        JsonNode json = new JsonMapper().readTree(longhaul("plan", "--format", "json", GPT3).out());
        assertThat(json.path("worldSize").asInt()).isEqualTo(1024);
        assertThat(json.path("stepSeconds").asDouble()).isPositive();
        assertThat(longhaul("plan", "--format", "launch", GPT3).out())
                .contains("--tensor-model-parallel-size")
                .doesNotContain("candidates");
    }

    /** Every line of the text keeps to the width that was asked for. */
    @ParameterizedTest
    @ValueSource(ints = {60, 80, 100, 160})
    void aPlanFitsTheTerminal(int width) {
        String text = longhaul("plan", GPT3, "--width", Integer.toString(width), "--why-not", "tp8 pp2",
                "--what-if").out();
        assertThat(text.lines()).allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(width));
        assertThat(text).contains("why not tp8 pp2x12 ", "what if tp")
                .containsPattern("is in\\s+no\\s+release");
    }

    @Test
    void aReportIsOnePageThatNeedsNothingElse() throws IOException {
        Path report = directory.resolve("plan.html");
        Path trace = directory.resolve("trace.json");
        Result plan = longhaul("plan", GPT3, "--report", report.toString(), "--trace", trace.toString(),
                "--why-not", "tp5");
        assertThat(plan.code()).isZero();
        String page = Files.readString(report);
        assertThat(page).contains("From peak speed to the step", "Memory of a rank", "Timeline of a step",
                "Why not <code>tp5</code>?", "must divide the ranks (1024)", "What would change the plan",
                "Why nothing is better", "Time, ranks and memory", "--tensor-model-parallel-size")
                .doesNotContain("<script", "src=", "href=", "@import", "url(");
        assertThat(new JsonMapper().readTree(Files.readString(trace)).path("traceEvents")).isNotEmpty();
    }

    @Test
    void saysWhetherARunningLayoutShouldBeLeft() {
        assertThat(longhaul("plan", GPT3, "--running", "tp8 pp8 b2", "--width", "200").out())
                .contains("leave tp8 pp8x12 dp16 b2", "change: ", "earned after");
        assertThat(longhaul("plan", GPT3, "--running", "tp8 pp8 b2", "--tokens-left", "3000000", "--width",
                "200").out())
                .contains("stay: 1 steps left");
        assertThat(longhaul("plan", GPT3, "--running", "tp3").out()).contains("must divide the ranks");
        assertThat(longhaul("plan", GPT3, "--running", "tp8", "--storage-gbps", "0").code())
                .isEqualTo(ExitCodes.USAGE);
    }

    @Test
    void aSearchThatIsOverSaysHowFarFromTheBestItsPlanCanBe() {
        Result plan = longhaul("plan", GPT3, "--deadline", "1e-9");
        assertThat(plan.code()).isEqualTo(ExitCodes.NO_PLAN);
        assertThat(plan.err()).contains("stopped before a plan was found");
        assertThat(longhaul("plan", GPT3, "--deadline", "0").err())
                .contains("--deadline is 0.0: allowed are more than 0 and up to 86400.0 seconds");
    }

    @Test
    void anObjectiveOnTheCommandLineHoldsInPlaceOfTheFiles() {
        String energy = longhaul("plan", GPT3, "--objective", "energy", "--format", "json").out();
        JsonNode json = new JsonMapper().readTree(energy);
        assertThat(json.path("objective").asString()).isEqualTo("energy");
        assertThat(json.path("energyKWh").asDouble()).isPositive();
        assertThat(longhaul("plan", "../examples/demo.yaml", "--objective", "energy").err())
                .contains("/planning/power/busyWatts: allowed is a number", "add it");
    }

    @Test
    void theFrontIsATableFromTheFastestPlanToTheMostFrugal() {
        Result plan = longhaul("plan", "../examples/llama-13b-64-a100-deepspeed.yaml", "--pareto", "--format",
                "json");
        JsonNode front = new JsonMapper().readTree(plan.out()).path("pareto");
        assertThat(front.size()).isGreaterThan(3);
        for (JsonNode one : front) {
            for (JsonNode other : front) {
                assertThat(one != other && one.path("days").asDouble() <= other.path("days").asDouble()
                        && one.path("ranks").asLong() <= other.path("ranks").asLong()
                        && one.path("peakBytes").asDouble() <= other.path("peakBytes").asDouble())
                        .as("%s beats %s", one, other)
                        .isFalse();
            }
        }
    }

    @Test
    void launchTextOfTheOtherFrameworkOnRequest() {
        assertThat(longhaul("plan", "../examples/llama-13b-64-a100-deepspeed.yaml", "--format", "megatron")
                .out())
                .contains("--tensor-model-parallel-size")
                .doesNotContain("ds_config.json");
        assertThat(longhaul("plan", GPT3, "--format", "deepspeed").out()).contains("ds_config.json");
    }

    @Test
    void aPlanOfStandardInput() throws IOException {
        InputStream in = System.in;
        try {
            System.setIn(new ByteArrayInputStream(Files.readAllBytes(Path.of(GPT3))));
            assertThat(longhaul("plan", "-").code()).isZero();
        } finally {
            System.setIn(in);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama-13b-64-a100-deepspeed.yaml", "moe-8x7b-256-h100.yaml"})
    void everyExampleOfAClusterHasAPlan(String example) {
        assertThat(longhaul("plan", "../examples/" + example).code()).isZero();
    }

    @Test
    void whatCannotBePlannedSaysWhyAndHow() throws IOException {
        Result refused = longhaul("plan",
                file("bad.yaml", TestService.spec("A_B", "x").replace("layers: 2", "layer: 0")));
        assertThat(refused.code()).isEqualTo(ExitCodes.USAGE);
        assertThat(refused.err()).contains("/name is A_B", "1 to 40", "/model/layers", "did you mean layers?")
                .doesNotContain("Exception");
        assertThat(refused.out()).isEmpty();

        Result tooBig = longhaul("plan", file("big.yaml",
                Files.readString(Path.of(GPT3)).replace("nodes: 128", "nodes: 1")));
        assertThat(tooBig.code()).isEqualTo(ExitCodes.NO_PLAN);
        assertThat(tooBig.err()).startsWith("longhaul: ")
                .containsPattern("needs .* GB per rank; \\d+ nodes have a plan")
                .doesNotContain("Exception");

        Result missing = longhaul("plan", directory.resolve("none.yaml").toString());
        assertThat(missing.code()).isEqualTo(ExitCodes.USAGE);
        assertThat(missing.err()).contains("none.yaml", "examples/");
        assertThat(longhaul("plan", directory.toString()).code()).isEqualTo(ExitCodes.USAGE);
    }

    @Test
    void runsAreSubmittedListedShownAndStopped() {
        Result submitted = run("submit", file("run.yaml", TestService.spec("by-hand", "trains")));
        assertThat(submitted.code()).isZero();
        String id = submitted.out().substring(0, 36);
        Http.await(id, run -> run.path("step").asLong() == 30);
        assertThat(run("list").out()).contains("ID", id, "by-hand", "30/100");
        assertThat(run("show", id).out()).contains("step 30 of 100", "attempt 1");
        assertThat(new JsonMapper().readTree(run("show", id, "--json").out()).path("id").asString())
                .isEqualTo(id);
        assertThat(run("stop", id).out()).contains("stopping " + id);
        Result followed = run("events", id, "--follow");
        assertThat(followed.code()).as("a run that was stopped did not complete")
                .isEqualTo(ExitCodes.RUN_FAILED);
        assertThat(followed.out()).contains("stop requested").endsWith("stopped" + System.lineSeparator());
        assertThat(run("events", id).out()).isEqualTo(followed.out());
    }

    @Test
    void aRunThatIsFollowedToItsEndTellsHowItWent() {
        Result done = run("submit", "--follow", file("run.yaml", TestService.spec("followed", "finishes")));
        assertThat(done.code()).isZero();
        assertThat(done.out()).contains("all steps done");
    }

    @Test
    void whatTheServiceRefusesIsToldAsItSaysIt() {
        int before = run("list").out().lines().toList().size();
        Result refused = run("submit",
                file("bad.yaml", TestService.spec("A_B", "x").replace("layers: 2", "layers: 0")));
        assertThat(refused.code()).isEqualTo(ExitCodes.USAGE);
        assertThat(refused.err()).contains("/name is A_B", "/model/layers is 0");
        assertThat(run("list").out().lines()).hasSize(before);
    }

    @ParameterizedTest(name = "run {0}")
    @CsvSource({"show", "replan", "events", "events --follow", "stop", "approve change", "reject change"})
    void anUnknownRunHasACodeOfItsOwn(String command) {
        List<String> words = new ArrayList<>(List.of(command.split(" ")));
        words.add(1, UNKNOWN);
        Result unknown = run(words.toArray(String[]::new));
        assertThat(unknown.code()).isEqualTo(ExitCodes.NOT_FOUND);
        assertThat(unknown.err()).contains(UNKNOWN).doesNotContain("Exception");
    }

    @ParameterizedTest
    @ValueSource(strings = {"not an id", "../../actuator/health", "%"})
    void whatIsNoIdIsRefused(String id) {
        Result refused = run("show", id);
        assertThat(refused.code()).isIn(ExitCodes.USAGE, ExitCodes.FAILED, ExitCodes.NOT_FOUND);
        assertThat(refused.err()).startsWith("longhaul: ").doesNotContain("Exception");
    }

    @Test
    void noServiceHasACodeOfItsOwn() throws IOException {
        int free;
        try (ServerSocket probe = new ServerSocket(0)) {
            free = probe.getLocalPort();
        }
        Result nobody = longhaul("run", "list", "--url", "http://127.0.0.1:" + free);
        assertThat(nobody.code()).isEqualTo(ExitCodes.NOT_REACHABLE);
        assertThat(nobody.err()).contains("./longhaul serve");
        assertThat(longhaul("run", "list", "--url", "no address").code()).isEqualTo(ExitCodes.USAGE);
        assertThat(longhaul("run", "list", "--url", "ftp://x").code()).isEqualTo(ExitCodes.USAGE);
        HttpServer stranger = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                0);
        stranger.createContext("/", exchange -> {
            exchange.sendResponseHeaders(200, 5);
            exchange.getResponseBody().write("hello".getBytes(UTF_8));
            exchange.close();
        });
        stranger.start();
        Result other = longhaul("run", "list", "--url",
                "http://127.0.0.1:" + stranger.getAddress().getPort());
        stranger.stop(0);
        assertThat(other.code()).isEqualTo(ExitCodes.NOT_REACHABLE);
        assertThat(other.err()).contains("not Longhaul");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "plan", "serve", "demo", "run", "run submit", "run list", "run show",
            "run events",
            "run stop", "run approve", "run reject"})
    void everyCommandExplainsItself(String command) {
        List<String> words = new ArrayList<>(command.isEmpty() ? List.of() : List.of(command.split(" ")));
        words.add("--help");
        Result help = longhaul(words.toArray(String[]::new));
        assertThat(help.code()).isZero();
        assertThat(help.out()).startsWith("Usage: longhaul " + command);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "no-such", "plan --no-such", "run", "run show", "serve --port x",
            "serve --port 70000"})
    void wrongUsageHasACodeOfItsOwn(String command) {
        assertThat(longhaul(command.isEmpty() ? new String[0] : command.split(" ")).code())
                .isEqualTo(ExitCodes.USAGE);
    }

    /** Spring would cost a second that planning does not need. */
    @Test
    void planningLoadsNoSpringAndNoDatabase() throws Exception {
        Path classes = directory.resolve("classes");
        Process plan = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xlog:class+load:file=" + classes, "-cp", System.getProperty("java.class.path"),
                LonghaulCli.class.getName(), "plan", GPT3)
                .redirectOutput(directory.resolve("out").toFile())
                .redirectErrorStream(true)
                .start();
        assertThat(plan.waitFor()).as(Files.readString(directory.resolve("out"))).isZero();
        assertThat(Files.readAllLines(classes)).anyMatch(line -> line.contains("io.longhaul.planner."))
                .noneMatch(line -> line.contains("org.springframework.") || line.contains("org.postgresql.")
                        || line.contains("org.apache."));
    }
}

package io.longhaul.orchestrator.web;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.orchestrator.Http;
import io.longhaul.orchestrator.Http.Reply;
import io.longhaul.orchestrator.TestService;
import io.longhaul.orchestrator.run.RunEngine;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The API over the wire, on the whole service (docs/api.md). */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
final class ApiTest {
    private static final String RUNS = "/api/v1/runs";

    private static List<String> strings(JsonNode array, String field) {
        return StreamSupport.stream(array.spliterator(), false).map(n -> n.path(field).asString("")).toList();
    }

    private static int stored() {
        return Http.get(RUNS).json().path("runs").size();
    }

    @Test
    void aRunIsSubmittedWatchedAndStopped() {
        Reply created = Http.post(RUNS, TestService.spec("watched", "trains"));
        assertThat(created.status()).isEqualTo(201);
        String id = created.json().path("id").asString();
        assertThat(created.header("Location")).isEqualTo(RUNS + "/" + id);
        assertThat(created.json().path("spec").path("policies").path("adapt").asString()).isEqualTo("off");

        JsonNode training = Http.await(id,
                run -> run.path("step").asLong() == 30 && run.path("phase").asString().equals("training"));
        assertThat(training.path("totalSteps").asLong()).isEqualTo(100);
        assertThat(training.path("tokens").asLong()).isEqualTo(30 * 64);
        assertThat(training.path("stepSeconds").path("measuredMedian").asDouble()).isEqualTo(0.01);
        assertThat(training.path("plan").path("layout").path("data").asInt()).isEqualTo(1);
        assertThat(strings(Http.get(RUNS).json().path("runs"), "id")).contains(id);

        JsonNode curve = Http.get(RUNS + "/" + id + "/curve").json().path("attempts").path(0);
        for (String column : List.of("steps", "loss", "learningRate", "stepSeconds", "kept")) {
            assertThat(curve.path(column).size()).as(column).isEqualTo(30);
        }
        assertThat(curve.path("loss").path(29).asDouble()).isEqualTo(8.5);

        assertThat(Http.get(RUNS + "/" + id + "/forecast").json().path("reason").asString())
                .isEqualTo("too few losses after the warm-up, or too few steps left");

        JsonNode move = Http.post(RUNS + "/" + id + "/replan", "").json().path("move");
        assertThat(move.path("stepsLeft").asLong()).isEqualTo(70);
        assertThat(move.path("text").asString()).isEqualTo("the plan runs already");
        assertThat(move.path("worthIt").asBoolean()).isFalse();
        Http.post(RUNS + "/" + id + "/replan?storageGBps=0", "").problem(400, "bad-parameter");

        Reply stop = Http.post(RUNS + "/" + id + "/stop", "");
        assertThat(stop.status()).isEqualTo(202);
        assertThat(stop.json().path("phase").asString()).isEqualTo("draining");
        JsonNode stopped = Http.await(id, "stopped");
        assertThat(stopped.path("attempts").path(0).path("outcome").asString()).isEqualTo("stopped");
        assertThat(stopped.path("goodput").path("tokensKept").asLong()).isEqualTo(30 * 64);

        JsonNode events = Http.get(RUNS + "/" + id + "/events").json().path("events");
        assertThat(strings(events, "type")).containsExactly("created", "planned", "attempt-decided",
                "attempt-created", "node-registered", "attempt-started", "first-step", "stop-requested",
                "attempt-ending", "node-exited", "attempt-ended", "stopped");
        assertThat(Http.post(RUNS + "/" + id + "/stop", "").status()).as("asked again").isEqualTo(202);
        assertThat(pages(id, 5)).as("and nothing follows").isEqualTo(strings(events, "sequence"));
    }

    /** Sequence numbers of all events, read page by page. */
    private static List<String> pages(String id, int limit) {
        List<String> all = new ArrayList<>();
        long after = 0;
        while (true) {
            JsonNode page = Http.get(RUNS + "/" + id + "/events?after=" + after + "&limit=" + limit).json();
            assertThat(page.path("events").size()).isLessThanOrEqualTo(limit);
            all.addAll(strings(page.path("events"), "sequence"));
            if (page.path("events").isEmpty()) {
                assertThat(page.path("next").asLong()).as("the cursor stays at the end").isEqualTo(after);
                return all;
            }
            after = page.path("next").asLong();
        }
    }

    @Test
    void aRunThatFinishesIsCompletedAndOneThatCannotAsksAPerson() {
        String finishes = Http.submit(TestService.spec("finishes", "finishes"));
        String fails = Http.submit(TestService.spec("fails", "fails"));
        JsonNode done = Http.await(finishes, "completed");
        assertThat(done.path("step").asLong()).isEqualTo(100);
        assertThat(done.path("endedAt").asString()).isNotEmpty();
        Http.post(RUNS + "/" + finishes + "/replan", "").problem(409, "conflict");

        JsonNode waiting = Http.await(fails, "waiting").path("waitingFor");
        assertThat(waiting.path("code").asString()).isEqualTo("too-many-restarts");
        assertThat(waiting.path("message").asString()).contains("exited with code 3");
        JsonNode incident = Http.get(RUNS + "/" + fails).json().path("incidents").path(0);
        assertThat(incident.path("kind").asString()).isEqualTo("exited");
        assertThat(incident.path("evidence").path("last output").asString()).isEqualTo("no such data");
        Http.post(RUNS + "/" + finishes + "/approve", "").problem(409, "conflict");
        Http.post(RUNS + "/" + UUID.randomUUID() + "/approve", "").problem(404, "not-found");
        assertThat(Http.post(RUNS + "/" + fails + "/approve", "").json().path("phase").asString())
                .isEqualTo("launching");
        JsonNode again = Http.await(fails, run -> run.path("attempts").size() == 2
                && run.path("phase").asString().equals("waiting"));
        assertThat(again.path("attempts").path(1).path("outcome").asString()).isEqualTo("failed");
        assertThat(Http.post(RUNS + "/" + fails + "/reject", "").json().path("phase").asString())
                .isEqualTo("stopped");
    }

    @Test
    void aMachineIsAvoidedByWhatStartsThenUntilItIsForgiven() {
        String nodes = "/api/v1/nodes";
        JsonNode avoided = Http.post(nodes + "/gpu-17.rack-2/avoid?hours=2&reason=fan%20is%20loud", "")
                .json();
        assertThat(avoided.path("nodes")).anySatisfy(node -> {
            assertThat(node.path("name").asString()).isEqualTo("gpu-17.rack-2");
            assertThat(node.path("reason").asString()).isEqualTo("fan is loud");
            assertThat(node.has("avoidedUntil")).isTrue();
        });
        String run = Http.submit(TestService.spec("avoids", "trains"));
        Http.await(run, "training");
        assertThat(TestService.bean(RunEngine.class)
                .run(UUID.fromString(run))
                .orElseThrow()
                .state()
                .attempt(1)
                .launch()
                .avoid()).containsExactly("gpu-17.rack-2");
        Http.post(RUNS + "/" + run + "/stop", "");
        JsonNode forgiven = Http.post(nodes + "/gpu-17.rack-2/forgive", "").json();
        assertThat(forgiven.path("nodes")).noneMatch(node -> node.has("avoidedUntil"));
        Http.post(nodes + "/gpu-18/forgive", "").problem(404, "not-found");
        Http.post(nodes + "/gpu-18/avoid?reason=", "").problem(400, "bad-parameter");
        Http.post(nodes + "/gpu-18/avoid?reason=x&hours=1441", "").problem(400, "bad-parameter");
        Http.post(nodes + "/GPU_18/avoid?reason=x", "").problem(400, "bad-parameter");
        assertThat(Http.get(nodes).json().path("nodes")).noneMatch(
                node -> node.path("name").asString().equals("gpu-18"));
        Http.await(run, "stopped");
    }

    @Test
    void aServiceWithoutAClusterSaysHowToGetOne() {
        JsonNode answer = Http.get(RUNS.replace("/runs", "/capabilities")).json();
        assertThat(answer.path("capabilities").size()).isZero();
        assertThat(answer.path("problem").asString()).contains("LONGHAUL_KUBECONFIG");
    }

    @Test
    void aRequestSentAgainWithItsKeyMakesNoSecondRun() {
        String key = "key-" + UUID.randomUUID();
        String spec = TestService.spec("once", "finishes");
        String id = Http.post(RUNS, spec, "Idempotency-Key", key).json().path("id").asString();
        int before = stored();
        assertThat(Http.post(RUNS, spec, "Idempotency-Key", key).json().path("id").asString()).isEqualTo(id);
        Http.post(RUNS, TestService.spec("other", "finishes"), "Idempotency-Key", key)
                .problem(422, "idempotency-key-reused");
        Http.post(RUNS, spec, "Idempotency-Key", "k".repeat(300)).problem(400, "bad-parameter");
        assertThat(stored()).isEqualTo(before);
    }

    @Test
    void aRefusedSpecNamesEveryFieldAndStoresNothing() {
        int before = stored();
        JsonNode problem = Http.post(RUNS, TestService.spec("A_B", "trains").replace("layers: 2", "layer: 2"))
                .problem(422, "invalid-run-spec");
        assertThat(strings(problem.path("errors"), "pointer")).containsExactly("/name", "/model/layers",
                "/model/layer");
        assertThat(problem.path("errors").path(0).path("value").asString()).isEqualTo("A_B");
        assertThat(problem.path("errors").path(0).path("allowed").asString()).contains("1 to 40");
        assertThat(problem.path("errors").path(2).path("hint").asString()).contains("layers");
        for (String malformed : List.of("{", "[]", "\0", "[".repeat(10_000))) {
            Http.post(RUNS, malformed).problem(422, "invalid-run-spec");
            Http.post("/api/v1/plans", malformed).problem(422, "invalid-run-spec");
        }
        assertThat(stored()).isEqualTo(before);
    }

    /** The local backend would start the 1,024 processes of a described cluster on this machine. */
    @Test
    void aDescribedClusterIsPlannedButNotLaunchedOnThisMachine() throws IOException {
        int before = stored();
        String spec = Files.readString(Path.of("../examples/gpt3-175b-1024-h100.yaml"));
        JsonNode problem = Http.post(RUNS, spec).problem(422, "invalid-run-spec");
        assertThat(problem.path("errors").path(0).path("pointer").asString()).isEqualTo("/cluster/kind");
        JsonNode plan = Http.post("/api/v1/plans", spec).json();
        assertThat(plan.path("worldSize").asInt()).isEqualTo(1024);
        assertThat(plan.path("launch").path("command").size()).isPositive();
        Http.post("/api/v1/plans", spec.replace("nodes: 128", "nodes: 1")).problem(422, "no-plan");
        assertThat(stored()).isEqualTo(before);
    }

    @ParameterizedTest(name = "{0} {1} -> {2}")
    @CsvSource(useHeadersInDisplayName = true, delimiter = '|', textBlock = """
            method | path                                                      | status | type
            GET    | /api/v1/runs/00000000-0000-0000-0000-000000000000         |    404 | not-found
            GET    | /api/v1/runs/00000000-0000-0000-0000-000000000000/curve   |    404 | not-found
            GET    | /api/v1/runs/00000000-0000-0000-0000-000000000000/forecast |   404 | not-found
            GET    | /api/v1/runs/00000000-0000-0000-0000-000000000000/events  |    404 | not-found
            GET    | /api/v1/runs/00000000-0000-0000-0000-000000000000/stream  |    404 | not-found
            POST   | /api/v1/runs/00000000-0000-0000-0000-000000000000/stop    |    404 | not-found
            POST   | /api/v1/runs/00000000-0000-0000-0000-000000000000/recipe-changes/x/approve | 404 | not-found
            GET    | /api/v1/runs/no-uuid                                      |    400 | bad-parameter
            GET    | /api/v1/runs/%00                                          |    400 |
            GET    | /api/v1/nothing                                           |    404 |
            DELETE | /api/v1/runs                                              |    405 |
            PUT    | /api/v1/plans                                             |    405 |
            POST   | /api/v1/runs                                              |    400 |
            """)
    void everyErrorIsAProblem(String method, String path, int status, String type) {
        Reply reply = Http.send(method, path, BodyPublishers.noBody());
        if (path.contains("%00")) {
            assertThat(reply.status()).as("refused by the server itself").isEqualTo(status);
        } else {
            reply.problem(status, type == null ? "" : type);
        }
        if (status == 405) {
            assertThat(reply.header("Allow")).contains("POST");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"after=x", "after=-1", "limit=0", "limit=-1", "limit=1001", "limit=99999999999"})
    void aWrongParameterIsRefused(String query) {
        String id = Http.submit(TestService.spec("asked", "finishes"));
        JsonNode problem = Http.get(RUNS + "/" + id + "/events?" + query).problem(400, "bad-parameter");
        assertThat(problem.path("detail").asString()).contains(query.substring(0, 5));
    }

    @Test
    void aBodyThatIsTooLargeIsRefusedBeforeItFillsTheMemory() {
        byte[] large = "x".repeat(5 << 20).getBytes(StandardCharsets.UTF_8);
        Http.send("POST", RUNS, BodyPublishers.ofByteArray(large)).problem(413, "too-large");
        Http.send("POST", RUNS, BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(large)))
                .problem(413, "too-large");
    }

    @ParameterizedTest(name = "{0}: {1} -> {2}")
    @CsvSource({
            "Sec-Fetch-Site, cross-site, 403", "Sec-Fetch-Site, same-site, 403",
            "Sec-Fetch-Site, same-origin, 404",
            "Sec-Fetch-Site, none, 404", "Origin, https://elsewhere.example, 403", "Origin, null, 403"
    })
    void aPageOfAnotherSiteCannotAct(String header, String value, int status) {
        String stop = RUNS + "/00000000-0000-0000-0000-000000000000/stop";
        Reply reply = Http.post(stop, "", header, value);
        reply.problem(status, status == 403 ? "cross-site" : "not-found");
        assertThat(Http.post(stop, "", "Origin", TestService.url()).status()).isEqualTo(404);
        assertThat(Http.get(RUNS, header, value).status()).as("looking is free").isEqualTo(200);
    }

    @Test
    void aViewerIsToldWhatHappens() throws Exception {
        String id = Http.submit(TestService.spec("viewed", "trains"));
        try (BufferedReader one = stream(RUNS + "/" + id + "/stream");
                BufferedReader all = stream(RUNS + "/stream")) {
            JsonNode run = next(one, "run");
            assertThat(run.path("id").asString()).isEqualTo(id);
            assertThat(run.path("attempts").isArray()).isTrue();
            assertThat(strings(next(all, "runs").path("runs"), "id")).contains(id);
            while (run.path("step").asLong() < 30) {
                run = next(one, "");
            }
            Http.post(RUNS + "/" + id + "/stop", "");
            while (!run.path("phase").asString().equals("stopped")) {
                run = next(one, "run");
            }
            while (!next(all, "runs").path("runs").toString().contains("stopped")) {
                assertThat(id).isNotEmpty();
            }
        }
    }

    private static BufferedReader stream(String path) throws IOException {
        return new BufferedReader(new InputStreamReader(
                URI.create(TestService.url() + path).toURL().openStream(), StandardCharsets.UTF_8));
    }

    /** Data of the next event of this name; of any name if it is empty. */
    private static JsonNode next(BufferedReader stream, String name) throws IOException {
        String current = "";
        // Signs of life come for ever, also where what is awaited never does.
        long patience = System.nanoTime() + Duration.ofMinutes(3).toNanos();
        for (String line = stream.readLine(); line != null; line = stream.readLine()) {
            assertThat(System.nanoTime()).as("the event " + name + " did not come").isLessThan(patience);
            if (line.startsWith("event:")) {
                current = line.substring(6).strip();
            } else if (line.startsWith("data:") && (name.isEmpty() || name.equals(current))) {
                return new JsonMapper().readTree(line.substring(5));
            }
        }
        throw new AssertionError("the stream ended");
    }

    @Test
    void prometheusSeesTheRuns() {
        Http.await(Http.submit(TestService.spec("counted", "finishes")), "completed");
        String metrics = Http.get("/actuator/prometheus").response().body();
        assertThat(metrics).containsPattern("longhaul_runs\\{phase=\"completed\"\\} [1-9]")
                .containsPattern("longhaul_agent_records_total [1-9]")
                .containsPattern("longhaul_agent_bytes_total [1-9]")
                .contains("longhaul_incidents_open ");
        assertThat(Http.get("/actuator/health").json().path("status").asString()).isEqualTo("UP");
        Http.get("/actuator/env").problem(404, "");
    }
}

package io.longhaul.orchestrator.cli;

import io.longhaul.orchestrator.run.FieldProblem;
import io.longhaul.orchestrator.run.InvalidRunSpecException;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Calls of a running service's API. */
public final class ApiClient {
    private static final JsonMapper MAPPER = new JsonMapper();

    private final HttpClient client = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();
    private final String url;

    /** @param url of the service, without a slash at the end */
    public ApiClient(String url) {
        this.url = url;
    }

    public String url() {
        return url;
    }

    public JsonNode runs() {
        return get("/api/v1/runs");
    }

    public JsonNode run(String id) {
        return get("/api/v1/runs/" + id);
    }

    /** A page of events after a sequence number. */
    public JsonNode events(String id, long after) {
        return get("/api/v1/runs/" + id + "/events?after=" + after);
    }

    /** @param spec a RunSpec as YAML or JSON */
    public JsonNode submit(String spec) {
        return post("/api/v1/runs", spec);
    }

    public JsonNode stop(String id) {
        return post("/api/v1/runs/" + id + "/stop", "");
    }

    public JsonNode replan(String id, double storageGBps) {
        return post("/api/v1/runs/" + id + "/replan?storageGBps=" + storageGBps, "");
    }

    /** @param answer {@code approve} or {@code reject} */
    public JsonNode answer(String id, String change, String answer) {
        return post("/api/v1/runs/" + id + "/recipe-changes/" + change + "/" + answer, "");
    }

    /** @param answer {@code approve} or {@code reject} what the run waits for */
    public JsonNode answer(String id, String answer) {
        return post("/api/v1/runs/" + id + "/" + answer, "");
    }

    public JsonNode nodes() {
        return get("/api/v1/nodes");
    }

    public JsonNode avoidNode(String name, String reason, long hours) {
        return post("/api/v1/nodes/" + encoded(name) + "/avoid?hours=" + hours + "&reason=" + encoded(reason),
                "");
    }

    public JsonNode forgiveNode(String name) {
        return post("/api/v1/nodes/" + encoded(name) + "/forgive", "");
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    private JsonNode get(String path) {
        return send(to(path).GET());
    }

    private JsonNode post(String path, String body) {
        return send(
                to(path)
                        .header("Content-Type", "application/yaml")
                        .POST(HttpRequest.BodyPublishers.ofString(body)));
    }

    private HttpRequest.Builder to(String path) {
        try {
            return HttpRequest.newBuilder(URI.create(url + path));
        } catch (IllegalArgumentException e) {
            throw new ApiException(ExitCodes.USAGE, "not an address: " + url + path);
        }
    }

    private JsonNode send(HttpRequest.Builder request) {
        try {
            HttpResponse<String> answer = client.send(
                    request.timeout(Duration.ofSeconds(60)).header("Accept", "application/json").build(),
                    HttpResponse.BodyHandlers.ofString());
            if (answer.statusCode() >= 300) {
                throw refused(answer);
            }
            return answer.body().isEmpty() ? MAPPER.createObjectNode() : MAPPER.readTree(answer.body());
        } catch (IOException e) {
            throw new ApiException(
                    ExitCodes.NOT_REACHABLE,
                    "no Longhaul service answers at " + url
                            + ": start one with ./longhaul serve, or name it with --url");
        } catch (JacksonException e) {
            throw new ApiException(ExitCodes.NOT_REACHABLE, "what answers at " + url + " is not Longhaul");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ApiException(ExitCodes.INTERRUPTED, "interrupted");
        }
    }

    private static RuntimeException refused(HttpResponse<String> answer) {
        int code = answer.statusCode() == 404 ? ExitCodes.NOT_FOUND : ExitCodes.FAILED;
        try {
            JsonNode problem = MAPPER.readTree(answer.body());
            if (problem.path("errors").isArray()) {
                return new InvalidRunSpecException(
                        problem.path("errors").valueStream().map(ApiClient::fieldProblem).toList());
            }
            return new ApiException(code,
                    problem.path("detail").asString("the service answered " + answer.statusCode()));
        } catch (JacksonException e) {
            return new ApiException(code, "the service answered " + answer.statusCode());
        }
    }

    private static FieldProblem fieldProblem(JsonNode error) {
        return new FieldProblem(
                error.path("pointer").asString(""), error.path("value").asString(""),
                error.path("allowed").asString(""), error.path("hint").asString(""));
    }
}

package io.longhaul.orchestrator;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.function.Predicate;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A client that knows nothing of the service but HTTP. */
public final class Http {
    private static final HttpClient CLIENT = HttpClient.newHttpClient();
    private static final JsonMapper MAPPER = new JsonMapper();

    private Http() {}

    public record Reply(int status, String type, HttpResponse<String> response) {
        public JsonNode json() {
            return MAPPER.readTree(response.body());
        }

        public String header(String name) {
            return response.headers().firstValue(name).orElse("");
        }

        /** The body of an error, which must be a problem (RFC 9457) of this status and type. */
        public JsonNode problem(int expected, String name) {
            assertThat(status).as(response.body()).isEqualTo(expected);
            assertThat(type).startsWith("application/problem+json");
            assertThat(json().path("status").asInt()).isEqualTo(expected);
            assertThat(json().path("type").asString("about:blank"))
                    .isEqualTo(name.isEmpty() ? "about:blank" : "urn:longhaul:problem:" + name);
            assertThat(json().path("title").asString("")).isNotBlank();
            assertThat(json().path("detail").asString("")).isNotBlank();
            return json();
        }
    }

    public static Reply get(String path, String... headers) {
        return send("GET", path, BodyPublishers.noBody(), headers);
    }

    public static Reply post(String path, String body, String... headers) {
        return send("POST", path, BodyPublishers.ofString(body), headers);
    }

    /** @param path of the service, or a whole address */
    public static Reply send(String method, String path, BodyPublisher body, String... headers) {
        HttpRequest.Builder request = HttpRequest.newBuilder(
                URI.create(path.startsWith("http") ? path : TestService.url() + path)).method(method, body);
        if (headers.length > 0) {
            request.headers(headers);
        }
        try {
            HttpResponse<String> response = CLIENT.send(request.build(), BodyHandlers.ofString());
            return new Reply(response.statusCode(), response.headers().firstValue("Content-Type").orElse(""),
                    response);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** Submits a run and returns its id. */
    public static String submit(String spec) {
        Reply reply = post("/api/v1/runs", spec);
        assertThat(reply.status()).as(reply.response().body()).isEqualTo(201);
        return reply.json().path("id").asString();
    }

    /** The run as soon as it is as wanted; the test's own time limit ends a wait in vain. */
    public static JsonNode await(String id, Predicate<JsonNode> wanted) {
        while (true) {
            JsonNode run = get("/api/v1/runs/" + id).json();
            if (wanted.test(run)) {
                return run;
            }
            try {
                Thread.sleep(50);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("still " + run.path("phase") + ": " + run.path("reason"), e);
            }
        }
    }

    public static JsonNode await(String id, String phase) {
        return await(id, run -> run.path("phase").asString().equals(phase));
    }
}

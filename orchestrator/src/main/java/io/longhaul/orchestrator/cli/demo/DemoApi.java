package io.longhaul.orchestrator.cli.demo;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The few calls of the API that the demonstration makes. */
final class DemoApi {
    private static final JsonMapper MAPPER = new JsonMapper();

    private final HttpClient client = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();
    private final String url;

    DemoApi(String url) {
        this.url = url;
    }

    JsonNode runs() {
        return send(HttpRequest.newBuilder(at("/api/v1/runs")).GET());
    }

    JsonNode run(String id) {
        return send(HttpRequest.newBuilder(at("/api/v1/runs/" + id)).GET());
    }

    /** @param spec a RunSpec as YAML */
    JsonNode submit(String spec) {
        return send(
                HttpRequest.newBuilder(at("/api/v1/runs"))
                        .header("Content-Type", "application/yaml")
                        .POST(HttpRequest.BodyPublishers.ofString(spec)));
    }

    void stop(String id) {
        send(HttpRequest.newBuilder(at("/api/v1/runs/" + id + "/stop"))
                .POST(HttpRequest.BodyPublishers.noBody()));
    }

    private URI at(String path) {
        return URI.create(url + path);
    }

    private JsonNode send(HttpRequest.Builder request) {
        try {
            HttpResponse<String> answer = client.send(
                    request.timeout(Duration.ofSeconds(60)).header("Accept", "application/json").build(),
                    HttpResponse.BodyHandlers.ofString());
            if (answer.statusCode() >= 300) {
                throw new DemoException("the service answered " + answer.statusCode() + ": " + answer.body());
            }
            return answer.body().isEmpty() ? MAPPER.createObjectNode() : MAPPER.readTree(answer.body());
        } catch (IOException e) {
            throw new DemoException("the service at " + url + " does not answer: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DemoException("interrupted", e);
        }
    }
}

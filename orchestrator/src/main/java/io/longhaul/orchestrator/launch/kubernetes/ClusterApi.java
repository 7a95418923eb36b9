package io.longhaul.orchestrator.launch.kubernetes;

import io.kubernetes.client.openapi.ApiClient;
import io.kubernetes.client.openapi.ApiException;
import io.kubernetes.client.openapi.Pair;
import io.kubernetes.client.util.ClientBuilder;
import io.kubernetes.client.util.KubeConfig;
import io.longhaul.orchestrator.launch.LaunchException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import okhttp3.Call;
import okhttp3.Response;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Calls to a cluster's API with objects as plain trees: the client's models refuse fields that they do not know, which
 * newer clusters send, and write empty ones, which server-side apply would claim.
 */
final class ClusterApi {
    static final String FIELD_MANAGER = "longhaul";
    private static final JsonMapper MAPPER = new JsonMapper();
    private static final String[] AUTHENTICATION = {"BearerToken"};
    private static final Map<String, String> PATHS = Map.of(
            "ConfigMap", "/api/v1/namespaces/%s/configmaps",
            "Secret", "/api/v1/namespaces/%s/secrets",
            "Service", "/api/v1/namespaces/%s/services",
            "Pod", "/api/v1/namespaces/%s/pods",
            "Event", "/api/v1/namespaces/%s/events",
            "Node", "/api/v1/nodes",
            "Job", "/apis/batch/v1/namespaces/%s/jobs");

    private final ApiClient client;
    private final ApiClient streaming;
    private final BooleanSupplier leads;

    private ApiClient timed(ApiClient of, Duration read) {
        return of.setHttpClient(of.getHttpClient()
                .newBuilder()
                .connectTimeout(Duration.ofSeconds(5))
                .readTimeout(read)
                // A link that died without a word is noticed by this.
                .pingInterval(Duration.ofSeconds(10))
                .build());
    }

    private ClusterApi(ApiClient client, ApiClient streaming, BooleanSupplier leads) {
        this.leads = leads;
        this.client = timed(client, Duration.ofSeconds(15));
        this.streaming = timed(streaming, Duration.ZERO);
    }

    /**
     * @param kubeconfig file that names cluster and user; empty for those of the pod that this runs in
     * @param leads whether something may be changed now
     * @throws LaunchException if the file cannot be used
     */
    static ClusterApi of(Optional<Path> kubeconfig, BooleanSupplier leads) {
        try {
            return new ClusterApi(client(kubeconfig), client(kubeconfig), leads);
        } catch (IOException | RuntimeException e) {
            throw new LaunchException("the cluster of "
                    + kubeconfig.map(Path::toString).orElse("this pod's service account")
                    + " cannot be used: " + e.getMessage()
                    + "; name a kubeconfig file with LONGHAUL_KUBECONFIG",
                    e);
        }
    }

    private static ApiClient client(Optional<Path> kubeconfig) throws IOException {
        if (kubeconfig.isEmpty()) {
            return ClientBuilder.cluster().build();
        }
        try (var reader = Files.newBufferedReader(kubeconfig.get())) {
            KubeConfig config = KubeConfig.loadKubeConfig(reader);
            config.setFile(kubeconfig.get().toFile());
            return ClientBuilder.kubeconfig(config).build();
        }
    }

    static String path(String kind, String namespace) {
        return String.format(java.util.Objects.requireNonNull(PATHS.get(kind), kind), namespace);
    }

    /** The object; empty if there is none. */
    Optional<JsonNode> get(String kind, String namespace, String name) {
        try {
            return Optional.of(call("GET", path(kind, namespace) + "/" + name, Map.of(), null, ""));
        } catch (ApiFailure e) {
            if (e.status() == 404) {
                return Optional.empty();
            }
            throw e;
        }
    }

    /** All objects that the selector finds, page by page, with the version of the list as metadata. */
    Listing list(String kind, String namespace, String selector) {
        List<JsonNode> items = new ArrayList<>();
        String version = "";
        String next = "";
        do {
            Map<String, String> query = new HashMap<>(Map.of("labelSelector", selector, "limit", "500"));
            if (!next.isEmpty()) {
                query.put("continue", next);
            }
            JsonNode page = call("GET", path(kind, namespace), query, null, "");
            page.path("items").forEach(items::add);
            version = page.at("/metadata/resourceVersion").asString("");
            next = page.at("/metadata/continue").asString("");
        } while (!next.isEmpty());
        return new Listing(items, version);
    }

    record Listing(List<JsonNode> items, String version) {}

    /** Names of the API groups that the cluster serves. */
    Set<String> groups() {
        Set<String> names = new HashSet<>();
        call("GET", "/apis", Map.of(), null, "").path("groups")
                .forEach(group -> names.add(group.path("name").asString("")));
        return names;
    }

    /** Events about an object. */
    List<JsonNode> events(String namespace, String object) {
        List<JsonNode> items = new ArrayList<>();
        call("GET", path("Event", namespace),
                Map.of("fieldSelector", "involvedObject.name=" + object, "limit", "100"), null, "")
                .path("items")
                .forEach(items::add);
        return items;
    }

    /** Server-side apply; applying the same again changes nothing. */
    JsonNode apply(JsonNode object) {
        return call("PATCH", path(object) + "/" + object.at("/metadata/name").asString(),
                Map.of("fieldManager", FIELD_MANAGER, "force", "true"), object,
                "application/apply-patch+yaml");
    }

    /** Creates the object; one of this name that is there already stays as it is. */
    void create(JsonNode object) {
        try {
            call("POST", path(object), Map.of("fieldManager", FIELD_MANAGER), object, "application/json");
        } catch (ApiFailure e) {
            if (e.status() != 409) {
                throw e;
            }
        }
    }

    void label(String kind, String namespace, String name, String label, String value) {
        var patch = MAPPER.createObjectNode();
        patch.withObject("/metadata/labels").put(label, value);
        call("PATCH", path(kind, namespace) + "/" + name, Map.of("fieldManager", FIELD_MANAGER), patch,
                "application/merge-patch+json");
    }

    /** Deletes an object and in the background what it owns; none of this name is as well. */
    void delete(String kind, String namespace, String name, Map<String, String> options) {
        Map<String, String> query = new HashMap<>(options);
        query.putIfAbsent("propagationPolicy", "Background");
        try {
            call("DELETE", path(kind, namespace) + "/" + name, query, null, "");
        } catch (ApiFailure e) {
            if (e.status() != 404) {
                throw e;
            }
        }
    }

    /** An endless answer of one event a line; the caller closes it. */
    Response watch(String kind, String namespace, String selector, String version, int seconds) {
        try {
            Response response = request(streaming, "GET", path(kind, namespace),
                    Map.of("labelSelector", selector,
                            "watch", "true", "allowWatchBookmarks", "true", "resourceVersion", version,
                            "timeoutSeconds", Integer.toString(seconds)),
                    null, "").execute();
            if (!response.isSuccessful()) {
                try (response) {
                    throw failure(response, "watching " + path(kind, namespace));
                }
            }
            return response;
        } catch (IOException e) {
            throw new ApiFailure(0, "Unreachable", String.valueOf(e.getMessage()));
        }
    }

    private static String path(JsonNode object) {
        return path(object.path("kind").asString(), object.at("/metadata/namespace").asString());
    }

    private JsonNode call(String method, String path, Map<String, String> query, @Nullable JsonNode body,
            String type) {
        if (!method.equals("GET") && !leads.getAsBoolean()) {
            throw new ApiFailure(0, "Replaced", "this service does not lead the runs");
        }
        try (Response response = request(client, method, path, query, body, type).execute()) {
            if (!response.isSuccessful()) {
                throw failure(response, method + " " + path);
            }
            return MAPPER.readTree(response.body().bytes());
        } catch (IOException | JacksonException e) {
            throw new ApiFailure(0, "Unreachable", String.valueOf(e.getMessage()));
        }
    }

    private static Call request(ApiClient client, String method, String path, Map<String, String> query,
            @Nullable JsonNode body, String type) {
        List<Pair> pairs = new ArrayList<>();
        query.forEach((name, value) -> pairs.add(new Pair(name, value)));
        Map<String, String> headers = new HashMap<>(Map.of("Accept", "application/json"));
        if (body != null) {
            headers.put("Content-Type", type);
        }
        try {
            return client.buildCall(null, path, method, pairs, List.of(),
                    body == null ? null : body.toString().getBytes(StandardCharsets.UTF_8), headers,
                    new HashMap<>(), new HashMap<>(), AUTHENTICATION, null);
        } catch (ApiException e) {
            throw new IllegalStateException("a call that cannot be built: " + method + " " + path, e);
        }
    }

    private static ApiFailure failure(Response response, String what) throws IOException {
        String text = response.body().string();
        try {
            JsonNode status = MAPPER.readTree(text);
            return new ApiFailure(response.code(), status.path("reason").asString(""),
                    status.path("message").asString(what));
        } catch (JacksonException e) {
            return new ApiFailure(response.code(), "", what + ": " + text);
        }
    }
}

package io.longhaul.orchestrator.launch.kubernetes;

import java.io.IOException;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import okhttp3.Response;
import okio.BufferedSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Longhaul's objects of one kind in one namespace, kept up to date: a list, then a watch from its version. A version
 * that has expired (410) and a watch that broke lead to a new list; so does {@link #AUDIT}, since a watch that stops
 * silently looks like a cluster in which nothing happens. While the API is away the last that was seen stays.
 */
final class Watched implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Watched.class);
    private static final JsonMapper MAPPER = new JsonMapper();
    private static final Duration AUDIT = Duration.ofMinutes(10);
    private static final int WATCH_SECONDS = 240;
    private static final Duration PAUSE = Duration.ofSeconds(1);

    private final ClusterApi api;
    private final String kind;
    private final String namespace;
    private final Map<String, JsonNode> objects = new ConcurrentHashMap<>();
    private final CountDownLatch synced = new CountDownLatch(1);
    private final Thread thread;
    private volatile boolean closed;
    private volatile @Nullable Response open;
    private volatile String trouble = "";

    Watched(ClusterApi api, String kind, String namespace) {
        this.api = api;
        this.kind = kind;
        this.namespace = namespace;
        this.thread = Thread.ofVirtual().name("watch-" + kind + "-" + namespace).start(this::follow);
    }

    Collection<JsonNode> all() {
        return objects.values();
    }

    Optional<JsonNode> named(String name) {
        return Optional.ofNullable(objects.get(name));
    }

    /** Whether the objects were seen whole once. */
    boolean synced() {
        return synced.getCount() == 0;
    }

    boolean awaitSynced(Duration patience) throws InterruptedException {
        return synced.await(patience.toMillis(), TimeUnit.MILLISECONDS);
    }

    private void follow() {
        while (!closed) {
            try {
                String version = list();
                long audit = System.nanoTime() + AUDIT.toNanos();
                while (!closed && !version.isEmpty() && System.nanoTime() < audit) {
                    version = watch(version);
                }
            } catch (ApiFailure | IOException | JacksonException e) {
                if (!closed && !trouble.equals(String.valueOf(e.getMessage()))) {
                    trouble = String.valueOf(e.getMessage());
                    LOG.warn("cannot watch {}s of namespace {}: {}", kind, namespace, trouble);
                }
                pause();
            }
        }
    }

    private void pause() {
        try {
            Thread.sleep(PAUSE);
        } catch (InterruptedException e) {
            closed = true;
        }
    }

    private String list() {
        ClusterApi.Listing listing = api.list(kind, namespace, Names.MANAGED + "=true");
        Map<String, JsonNode> now = new HashMap<>();
        listing.items().forEach(item -> now.put(name(item), trimmed(item)));
        objects.keySet().retainAll(now.keySet());
        objects.putAll(now);
        synced.countDown();
        trouble = "";
        return listing.version();
    }

    /** @return the version to watch on from; empty to list anew */
    private String watch(String from) throws IOException {
        String version = from;
        try (Response response = api.watch(kind, namespace, Names.MANAGED + "=true", from, WATCH_SECONDS)) {
            open = response;
            BufferedSource lines = response.body().source();
            for (String line = lines.readUtf8Line(); line != null && !closed; line = lines.readUtf8Line()) {
                JsonNode event = MAPPER.readTree(line);
                JsonNode object = event.path("object");
                switch (event.path("type").asString("")) {
                    case "ADDED", "MODIFIED" -> objects.put(name(object), trimmed(object));
                    case "DELETED" -> objects.remove(name(object));
                    case "BOOKMARK" -> {
                    }
                    default -> {
                        return "";
                    }
                }
                version = object.at("/metadata/resourceVersion").asString(version);
            }
        }
        return version;
    }

    private static String name(JsonNode object) {
        return object.at("/metadata/name").asString("");
    }

    /** What is never looked at takes most of the memory. */
    private static JsonNode trimmed(JsonNode object) {
        if (object instanceof ObjectNode node) {
            node.withObject("/metadata").remove("managedFields");
            if (node.path("spec") instanceof ObjectNode spec) {
                spec.retain(List.of("nodeName", "suspend"));
            }
            if (node.path("status") instanceof ObjectNode status) {
                status.remove(List.of("podIPs", "hostIPs", "initContainerStatuses", "qosClass"));
            }
            node.remove("data");
        }
        return object;
    }

    @Override
    public void close() {
        closed = true;
        Response response = open;
        if (response != null) {
            response.close();
        }
        thread.interrupt();
    }
}

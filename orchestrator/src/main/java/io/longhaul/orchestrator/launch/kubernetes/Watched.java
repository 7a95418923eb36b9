package io.longhaul.orchestrator.launch.kubernetes;

import java.io.IOException;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
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
    /** Until rights are looked for again. */
    private static final Duration NO_RIGHTS = Duration.ofSeconds(15);

    private final ClusterApi api;
    private final String kind;
    private final String namespace;
    private final String selector;
    private final List<String> labels;
    private final Map<String, Map<String, JsonNode>> byRun = new ConcurrentHashMap<>();
    private final CountDownLatch synced = new CountDownLatch(1);
    private final Thread thread;
    private volatile boolean closed;
    private volatile @Nullable Response open;
    private volatile String trouble = "";

    /** Longhaul's own objects in a namespace. */
    Watched(ClusterApi api, String kind, String namespace) {
        this(api, kind, namespace, Names.MANAGED + "=true", Names.KEPT_LABELS);
    }

    /** The cluster's nodes, all under the run "". */
    static Watched nodes(ClusterApi api) {
        return new Watched(api, "Node", "", "", Topology.LABELS);
    }

    private Watched(ClusterApi api, String kind, String namespace, String selector, List<String> labels) {
        this.api = api;
        this.kind = kind;
        this.namespace = namespace;
        this.selector = selector;
        this.labels = labels;
        this.thread = Thread.ofVirtual().name("watch-" + kind + "-" + namespace).start(this::follow);
    }

    /** Runs that have an object here. */
    Set<String> runs() {
        return byRun.keySet();
    }

    Collection<JsonNode> of(String run) {
        return byRun.getOrDefault(run, Map.of()).values();
    }

    Optional<JsonNode> named(String run, String name) {
        return Optional.ofNullable(byRun.getOrDefault(run, Map.of()).get(name));
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
                    LOG.warn("cannot watch {}s{}: {}", kind,
                            namespace.isEmpty() ? "" : " of namespace " + namespace, trouble);
                }
                pause(e instanceof ApiFailure failure && failure.status() == 403 ? NO_RIGHTS : PAUSE);
            }
        }
    }

    private void pause(Duration time) {
        try {
            Thread.sleep(time);
        } catch (InterruptedException e) {
            closed = true;
        }
    }

    private String list() {
        ClusterApi.Listing listing = api.list(kind, namespace, selector);
        Map<String, Map<String, JsonNode>> now = new HashMap<>();
        listing.items()
                .forEach(item -> now.computeIfAbsent(run(item), run -> new ConcurrentHashMap<>())
                        .put(name(item), trimmed(item)));
        byRun.keySet().retainAll(now.keySet());
        byRun.putAll(now);
        synced.countDown();
        trouble = "";
        return listing.version();
    }

    /** @return the version to watch on from; empty to list anew */
    private String watch(String from) throws IOException {
        String version = from;
        try (Response response = api.watch(kind, namespace, selector, from, WATCH_SECONDS)) {
            open = response;
            BufferedSource lines = response.body().source();
            for (String line = lines.readUtf8Line(); line != null && !closed; line = lines.readUtf8Line()) {
                JsonNode event = MAPPER.readTree(line);
                JsonNode object = event.path("object");
                String next = object.at("/metadata/resourceVersion").asString(version);
                switch (event.path("type").asString("")) {
                    case "ADDED", "MODIFIED" -> byRun
                            .computeIfAbsent(run(object), run -> new ConcurrentHashMap<>())
                            .put(name(object), trimmed(object));
                    case "DELETED" -> byRun.computeIfPresent(run(object), (run, objects) -> {
                        objects.remove(name(object));
                        return objects.isEmpty() ? null : objects;
                    });
                    case "BOOKMARK" -> {
                    }
                    default -> {
                        return "";
                    }
                }
                version = next;
            }
        }
        return version;
    }

    private static String name(JsonNode object) {
        return object.at("/metadata/name").asString("");
    }

    private static String run(JsonNode object) {
        return object.at("/metadata/labels").path(Names.RUN).asString("");
    }

    /** What is never looked at takes most of the memory. */
    private JsonNode trimmed(JsonNode object) {
        if (object instanceof ObjectNode node) {
            node.retain(List.of("metadata", "spec", "status"));
            ObjectNode metadata = node.withObject("/metadata");
            metadata.retain(List.of("name", "uid", "labels", "annotations", "deletionTimestamp"));
            keep(metadata, "labels", labels);
            keep(metadata, "annotations", List.of(Names.NODES));
            keep(node, "spec", List.of("nodeName", "suspend"));
            keep(node, "status", List.of("phase", "reason", "message", "conditions", "containerStatuses",
                    "failedIndexes"));
        }
        return object;
    }

    private static void keep(ObjectNode node, String field, List<String> names) {
        if (node.path(field) instanceof ObjectNode inner) {
            inner.retain(names);
        }
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

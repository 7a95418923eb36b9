package io.longhaul.orchestrator.web;

import io.longhaul.orchestrator.run.LiveRun;
import io.longhaul.orchestrator.run.RunEngine;
import io.longhaul.orchestrator.run.RunStore;
import java.io.IOException;
import java.time.Clock;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.http.MediaType;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Server-sent events: the run when something happened to it, its progress when it merely went on. Changes are
 * collected for a moment, so that a fast run costs a viewer no more than a slow one. Each viewer is written to by a
 * thread of its own, one event at a time: one that reads slowly misses what was replaced meanwhile, the others nothing.
 */
public final class LiveUpdates implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(LiveUpdates.class);
    private static final JsonMapper MAPPER = new JsonMapper();
    private static final long COLLECT_MILLIS = 400;
    private static final long HEARTBEAT_TICKS = 25;

    private final RunStore store;
    private final RunEngine engine;
    private final Clock clock;
    private final Set<UUID> changed = ConcurrentHashMap.newKeySet();
    private final Map<SseEmitter, Viewer> viewers = new ConcurrentHashMap<>();
    private final ScheduledExecutorService ticker = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("live-updates").factory());
    private long ticks;

    /** @param run the one watched, or null for the list */
    private static final class Viewer {
        private final @org.jspecify.annotations.Nullable UUID run;
        private final AtomicBoolean busy = new AtomicBoolean();
        private volatile boolean behind;
        private volatile long sequence = -1;

        Viewer(@org.jspecify.annotations.Nullable UUID run) {
            this.run = run;
        }
    }

    public LiveUpdates(RunStore store, RunEngine engine, Clock clock) {
        this.store = store;
        this.engine = engine;
        this.clock = clock;
        ticker.scheduleWithFixedDelay(this::tick, COLLECT_MILLIS, COLLECT_MILLIS, TimeUnit.MILLISECONDS);
    }

    /** A run may have changed. */
    public void changed(UUID run) {
        changed.add(run);
    }

    ObjectNode list() {
        ObjectNode view = MAPPER.createObjectNode();
        ArrayNode runs = view.putArray("runs");
        store.runs()
                .stream()
                .flatMap(id -> engine.run(id).stream())
                .forEach(run -> runs.add(RunViews.summary(run)));
        return view;
    }

    SseEmitter all() {
        return open(new Viewer(null));
    }

    SseEmitter of(UUID run) {
        return open(new Viewer(run));
    }

    private SseEmitter open(Viewer viewer) {
        return open(viewer, new SseEmitter(0L));
    }

    /** As {@link #all}, through this emitter. */
    SseEmitter all(SseEmitter emitter) {
        return open(new Viewer(null), emitter);
    }

    private SseEmitter open(Viewer viewer, SseEmitter emitter) {
        emitter.onCompletion(() -> viewers.remove(emitter));
        emitter.onTimeout(() -> viewers.remove(emitter));
        emitter.onError(e -> viewers.remove(emitter));
        // Known before the first look: what happens in between is sent twice rather than never.
        viewers.put(emitter, viewer);
        if (!update(emitter, viewer)) {
            viewers.remove(emitter);
        }
        return emitter;
    }

    private void tick() {
        try {
            Set<UUID> now = Set.copyOf(changed);
            changed.removeAll(now);
            boolean heartbeat = ++ticks % HEARTBEAT_TICKS == 0;
            viewers.forEach((emitter, viewer) -> {
                boolean news = viewer.behind || (viewer.run == null
                        ? !now.isEmpty()
                        : now.contains(viewer.run) || viewer.sequence != sequence(viewer.run));
                if (news || heartbeat) {
                    tell(emitter, viewer, news);
                }
            });
        } catch (RuntimeException e) {
            // An executor stops after an exception, and pages would stand still.
            LOG.warn("live updates failed once", e);
        }
    }

    private void tell(SseEmitter emitter, Viewer viewer, boolean news) {
        if (!viewer.busy.compareAndSet(false, true)) {
            viewer.behind |= news;
            return;
        }
        viewer.behind = false;
        Thread.ofVirtual().name("viewer").start(() -> {
            try {
                if (!(news ? update(emitter, viewer) : beat(emitter))) {
                    viewers.remove(emitter);
                }
            } finally {
                viewer.busy.set(false);
            }
        });
    }

    /** A run may go on within a step that is not over, for instance before it waits for advice. */
    private long sequence(UUID run) {
        return engine.run(run).map(LiveRun::sequence).orElse(-1L);
    }

    private boolean update(SseEmitter emitter, Viewer viewer) {
        if (viewer.run == null) {
            return send(emitter, "runs", list());
        }
        LiveRun run = engine.run(viewer.run).orElse(null);
        if (run == null) {
            return false;
        }
        synchronized (viewer) {
            long sequence = run.sequence();
            if (sequence != viewer.sequence) {
                viewer.sequence = sequence;
                return send(emitter, "run", RunViews.full(run, clock.instant()));
            }
            return send(emitter, "progress", RunViews.summary(run));
        }
    }

    private static boolean send(SseEmitter emitter, String name, ObjectNode data) {
        try {
            emitter.send(SseEmitter.event().name(name).data(data.toString(), MediaType.TEXT_PLAIN));
            return true;
        } catch (IOException | IllegalStateException viewerLeft) {
            return false;
        }
    }

    /** An event and not a comment, because a page cannot see comments and has to tell silence from a dead line. */
    private static boolean beat(SseEmitter emitter) {
        try {
            emitter.send(SseEmitter.event().name("alive").data("{}"));
            return true;
        } catch (IOException | IllegalStateException viewerLeft) {
            return false;
        }
    }

    /** Ends every stream, so that the server can stop. */
    @Override
    public void close() {
        ticker.shutdownNow();
        viewers.keySet().forEach(SseEmitter::complete);
    }
}

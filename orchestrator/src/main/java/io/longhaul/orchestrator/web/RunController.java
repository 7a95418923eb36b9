package io.longhaul.orchestrator.web;

import io.longhaul.orchestrator.plan.PlanPort;
import io.longhaul.orchestrator.plan.Questions;
import io.longhaul.orchestrator.plan.ReplanPort;
import io.longhaul.orchestrator.run.LiveRun;
import io.longhaul.orchestrator.run.Replanning;
import io.longhaul.orchestrator.run.RunEngine;
import io.longhaul.orchestrator.run.RunSpec;
import io.longhaul.orchestrator.run.RunSpecReader;
import io.longhaul.orchestrator.run.RunStore;
import io.longhaul.orchestrator.service.RunSupervisor;
import java.net.URI;
import java.time.Clock;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The API of people and dashboards (docs/api.md). */
@RestController
@RequestMapping(path = "/api/v1", produces = MediaType.APPLICATION_JSON_VALUE)
public class RunController {
    private static final JsonMapper MAPPER = new JsonMapper();
    private static final int MOST_EVENTS = 1000;
    private static final int LONGEST_KEY = 200;

    private final RunStore store;
    private final RunEngine engine;
    private final RunSupervisor supervisor;
    private final PlanPort plans;
    private final ReplanPort replans;
    private final LiveUpdates updates;
    private final Clock clock;

    public RunController(
            RunStore store,
            RunEngine engine,
            RunSupervisor supervisor,
            PlanPort plans,
            ReplanPort replans,
            LiveUpdates updates,
            Clock clock) {
        this.store = store;
        this.engine = engine;
        this.supervisor = supervisor;
        this.plans = plans;
        this.replans = replans;
        this.updates = updates;
        this.clock = clock;
    }

    @GetMapping("/runs")
    ObjectNode list() {
        return updates.list();
    }

    /** @param spec a RunSpec as YAML or JSON, whatever the content type says */
    @PostMapping(path = "/runs", consumes = MediaType.ALL_VALUE)
    ResponseEntity<ObjectNode> create(
            @RequestBody String spec,
            @RequestHeader(name = "Idempotency-Key", required = false) @Nullable String key) {
        if (key != null && (key.isBlank() || key.length() > LONGEST_KEY)) {
            throw RefusedException
                    .badParameter("Idempotency-Key: allowed are 1 to " + LONGEST_KEY + " characters");
        }
        RunSpec wish = RunSpecReader.readToLaunch(spec);
        UUID id = engine.create(wish, UUID.randomUUID(), Optional.ofNullable(key), clock.instant());
        updates.changed(id);
        supervisor.drive(id);
        if (!run(id).state().spec().equals(wish)) {
            throw RefusedException.keyReused(
                    "run " + id
                            + " was made with this Idempotency-Key and another RunSpec; nothing was stored");
        }
        return ResponseEntity.created(URI.create("/api/v1/runs/" + id))
                .body(RunViews.full(run(id), clock.instant()));
    }

    @GetMapping("/runs/{id}")
    ObjectNode show(@PathVariable UUID id) {
        return RunViews.full(run(id), clock.instant());
    }

    @GetMapping("/runs/{id}/curve")
    ObjectNode curve(@PathVariable UUID id) {
        return RunViews.curve(run(id));
    }

    @GetMapping("/runs/{id}/events")
    ObjectNode events(
            @PathVariable UUID id,
            @RequestParam(defaultValue = "0") long after,
            @RequestParam(defaultValue = "200") int limit) {
        run(id);
        if (after < 0) {
            throw RefusedException.badParameter("after is " + after + ": allowed is 0 or more");
        }
        if (limit < 1 || limit > MOST_EVENTS) {
            throw RefusedException.badParameter("limit is " + limit + ": allowed is 1 to " + MOST_EVENTS);
        }
        List<RunStore.Numbered> page = store.events(id, after, limit);
        ObjectNode view = MAPPER.createObjectNode();
        ArrayNode events = view.putArray("events");
        for (RunStore.Numbered numbered : page) {
            ObjectNode event = events.addObject();
            event.put("sequence", numbered.sequence());
            event.put("at", numbered.event().at().toString());
            event.put("type", EventTexts.kind(numbered.event()));
            EventTexts.attempt(numbered.event()).ifPresent(attempt -> event.put("attempt", attempt));
            event.put("text", EventTexts.text(numbered.event()));
        }
        view.put("next", page.isEmpty() ? after : page.getLast().sequence());
        return view;
    }

    @PostMapping("/runs/{id}/stop")
    @ResponseStatus(HttpStatus.ACCEPTED)
    ObjectNode stop(@PathVariable UUID id) {
        run(id);
        engine.stop(id, clock.instant());
        updates.changed(id);
        supervisor.wake(id);
        return show(id);
    }

    @PostMapping("/runs/{id}/approve")
    ObjectNode approve(@PathVariable UUID id) {
        return answer(id, () -> engine.answer(id, true, clock.instant()));
    }

    @PostMapping("/runs/{id}/reject")
    ObjectNode reject(@PathVariable UUID id) {
        return answer(id, () -> engine.answer(id, false, clock.instant()));
    }

    @PostMapping("/runs/{id}/recipe-changes/{change}/approve")
    ObjectNode approve(@PathVariable UUID id, @PathVariable String change) {
        return answer(id, change, true);
    }

    @PostMapping("/runs/{id}/recipe-changes/{change}/reject")
    ObjectNode reject(@PathVariable UUID id, @PathVariable String change) {
        return answer(id, change, false);
    }

    private ObjectNode answer(UUID id, String change, boolean approved) {
        if (run(id).state().changes().stream().noneMatch(c -> c.id().equals(change))) {
            throw RefusedException.notFound("run " + id + " has no recipe change " + change);
        }
        return answer(id, () -> engine.answer(id, change, approved, clock.instant()));
    }

    private ObjectNode answer(UUID id, Runnable answer) {
        run(id);
        try {
            answer.run();
        } catch (IllegalStateException e) {
            throw RefusedException.conflict(String.valueOf(e.getMessage()));
        }
        updates.changed(id);
        supervisor.wake(id);
        return show(id);
    }

    /** Plans the rest of a run and says whether a change to that plan pays; nothing is stored or changed. */
    @PostMapping("/runs/{id}/replan")
    JsonNode replan(@PathVariable UUID id, @RequestParam(defaultValue = "10") double storageGBps) {
        if (!(storageGBps > 0) || Double.isInfinite(storageGBps)) {
            throw RefusedException.badParameter(
                    "storageGBps is " + storageGBps + ": allowed is a finite number above 0");
        }
        LiveRun run = run(id);
        Questions.Running running;
        try {
            running = Replanning.running(run.state(), RunViews.step(run), 1e9 * storageGBps);
        } catch (IllegalStateException e) {
            throw RefusedException.conflict(String.valueOf(e.getMessage()));
        }
        return MAPPER.readTree(replans.replan(run.state().spec(), running).view());
    }

    /** Plans without storing anything. */
    @PostMapping(path = "/plans", consumes = MediaType.ALL_VALUE)
    JsonNode plan(@RequestBody String spec) {
        return MAPPER.readTree(plans.plan(RunSpecReader.read(spec)).view());
    }

    @GetMapping(path = "/runs/stream", produces = MediaType.TEXT_EVENT_STREAM_VALUE)
    SseEmitter streamAll() {
        return updates.all();
    }

    @GetMapping(path = "/runs/{id}/stream", produces = MediaType.TEXT_EVENT_STREAM_VALUE)
    SseEmitter stream(@PathVariable UUID id) {
        run(id);
        return updates.of(id);
    }

    private LiveRun run(UUID id) {
        return engine.run(id).orElseThrow(() -> RefusedException.notFound("there is no run " + id));
    }
}

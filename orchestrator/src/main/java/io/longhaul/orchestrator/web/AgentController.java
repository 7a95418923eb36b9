package io.longhaul.orchestrator.web;

import io.longhaul.orchestrator.launch.AgentTokens;
import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.run.RunEngine;
import io.longhaul.orchestrator.run.RunStore.Answer;
import io.longhaul.orchestrator.run.RunStore.Sent;
import io.longhaul.orchestrator.service.AgentIntake;
import io.longhaul.orchestrator.service.RunSupervisor;
import io.longhaul.orchestrator.telemetry.AgentJson;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Clock;
import java.time.Instant;
import java.util.Map;
import java.util.UUID;
import java.util.zip.GZIPInputStream;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RestController;

/** The agents' channel (docs/worker-protocol.md). */
@RestController
public class AgentController {
    /** A batch larger than this is refused before it fills the memory. */
    static final int MAX_BYTES = 32 << 20;

    private final AgentTokens tokens;
    private final AgentIntake intake;
    private final RunEngine engine;
    private final RunSupervisor supervisor;
    private final ServiceMetrics metrics;
    private final Clock clock;

    public AgentController(
            AgentTokens tokens,
            AgentIntake intake,
            RunEngine engine,
            RunSupervisor supervisor,
            ServiceMetrics metrics,
            Clock clock) {
        this.tokens = tokens;
        this.intake = intake;
        this.engine = engine;
        this.supervisor = supervisor;
        this.metrics = metrics;
        this.clock = clock;
    }

    @PostMapping("/agent/v1/runs/{run}/attempts/{attempt}/nodes/{node}/sync")
    ResponseEntity<Object> sync(
            @PathVariable UUID run,
            @PathVariable int attempt,
            @PathVariable int node,
            @RequestHeader(name = "Authorization", defaultValue = "") String authorization,
            @RequestHeader(name = "Content-Encoding", defaultValue = "") String encoding,
            @RequestBody byte[] body) {
        if (attempt < 1) {
            return code(HttpStatus.UNAUTHORIZED, "bad-token");
        }
        AttemptKey key = new AttemptKey(run, attempt);
        if (!authorization.startsWith("Bearer ") || !tokens.valid(key, node, authorization.substring(7))) {
            return code(HttpStatus.UNAUTHORIZED, "bad-token");
        }
        AgentJson.Sync sync;
        try {
            sync = AgentJson.sync(encoding.equals("gzip") ? inflate(body) : body);
        } catch (IllegalArgumentException e) {
            return code(HttpStatus.BAD_REQUEST, "bad-message: " + e.getMessage());
        }
        Instant now = clock.instant();
        return switch (intake.receive(run, new Sent(attempt, node, sync.acknowledged(), sync.records()))) {
            case Answer.Accepted a -> {
                engine.heard(key, node, now, sync.until());
                if (!sync.records().isEmpty()) {
                    metrics.received(sync.records().size(), body.length);
                    supervisor.wake(run);
                }
                yield ResponseEntity.ok()
                        .contentType(MediaType.APPLICATION_JSON)
                        .body(AgentJson
                                .answer(new AgentJson.SyncAnswer(a.stored(), a.epoch(), a.commands())));
            }
            case Answer.Ended a -> a.next().isEmpty()
                    ? code(HttpStatus.CONFLICT, "attempt-ended")
                    : ResponseEntity.status(HttpStatus.CONFLICT)
                            .body(Map.of("code", "attempt-ended", "next",
                                    next(run, a.next().getAsInt(), node)));
            case Answer.Unknown a -> code(HttpStatus.GONE, "no-such-attempt");
        };
    }

    /** What the agent needs to speak for its node in the next attempt. */
    private Map<String, Object> next(UUID run, int attempt, int node) {
        return Map.of("attempt", attempt, "token", tokens.token(new AttemptKey(run, attempt), node));
    }

    private static byte[] inflate(byte[] body) {
        try (InputStream in = new GZIPInputStream(new ByteArrayInputStream(body))) {
            byte[] plain = in.readNBytes(MAX_BYTES + 1);
            if (plain.length > MAX_BYTES) {
                throw new IllegalArgumentException("larger than " + MAX_BYTES + " bytes");
            }
            return plain;
        } catch (IOException e) {
            throw new IllegalArgumentException("not a whole gzip stream", e);
        }
    }

    private static ResponseEntity<Object> code(HttpStatus status, String code) {
        return ResponseEntity.status(status).body(Map.of("code", code));
    }
}

package io.longhaul.orchestrator.web;

import io.longhaul.orchestrator.node.NodeMemory;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.regex.Pattern;
import org.springframework.http.MediaType;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Machines over all runs: which are avoided, why and until when (docs/api.md). */
@RestController
@RequestMapping(path = "/api/v1/nodes", produces = MediaType.APPLICATION_JSON_VALUE)
public class NodeController {
    private static final JsonMapper MAPPER = new JsonMapper();
    private static final Pattern NAME = Pattern.compile("[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?");
    private static final int LONGEST_REASON = 500;

    private final NodeMemory memory;
    private final Clock clock;

    public NodeController(NodeMemory memory, Clock clock) {
        this.memory = memory;
        this.clock = clock;
    }

    @GetMapping
    ObjectNode list() {
        ObjectNode view = MAPPER.createObjectNode();
        ArrayNode nodes = view.putArray("nodes");
        for (NodeMemory.Node node : memory.nodes(clock.instant())) {
            ObjectNode one = nodes.addObject().put("name", node.name()).put("blame", node.blame());
            node.seenAt().ifPresent(at -> one.put("seenAt", at.toString()));
            node.avoidedUntil().ifPresent(until -> one.put("avoidedUntil", until.toString()));
            one.put("reason", node.reason());
        }
        return view;
    }

    @PostMapping("/{name}/avoid")
    ObjectNode avoid(@PathVariable String name, @RequestParam String reason,
            @RequestParam(defaultValue = "168") long hours) {
        if (!NAME.matcher(name).matches()) {
            throw RefusedException.badParameter(
                    "name is " + name + ": allowed is the name of a machine as the cluster knows it");
        }
        if (reason.isBlank() || reason.length() > LONGEST_REASON) {
            throw RefusedException.badParameter("reason: allowed are 1 to " + LONGEST_REASON + " characters");
        }
        if (hours < 1 || hours > NodeMemory.REMEMBERED.toHours()) {
            throw RefusedException.badParameter("hours is " + hours + ": allowed is 1 to "
                    + NodeMemory.REMEMBERED.toHours());
        }
        Instant now = clock.instant();
        memory.avoid(name, now.plus(Duration.ofHours(hours)), reason, now);
        return list();
    }

    @PostMapping("/{name}/forgive")
    ObjectNode forgive(@PathVariable String name) {
        Instant now = clock.instant();
        if (memory.nodes(now).stream().noneMatch(node -> node.name().equals(name))) {
            throw RefusedException.notFound("nothing is known of a node " + name);
        }
        memory.forgive(name, now);
        return list();
    }
}

package io.longhaul.orchestrator.launch.kubernetes;

import io.longhaul.orchestrator.launch.AttemptKey;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import tools.jackson.databind.JsonNode;

/** Names and labels of a run's objects, all of them functions of run and attempt. */
final class Names {
    /** On every object of Longhaul's; the watches ask for it. */
    static final String MANAGED = "longhaul.io/managed";
    static final String RUN = "longhaul.io/run";
    static final String ATTEMPT = "longhaul.io/attempt";
    /** On the config map of an attempt that must never have a process again. */
    static final String FENCED = "longhaul.io/fenced";
    static final String INDEX = "batch.kubernetes.io/job-completion-index";
    static final String QUEUE = "kueue.x-k8s.io/queue-name";
    /** Annotation of an attempt's config map: the nodes whose pods its Job makes, in the order of its indexes. */
    static final String NODES = "longhaul.io/nodes";
    static final List<String> KEPT_LABELS = List.of(RUN, ATTEMPT, FENCED, INDEX, QUEUE);

    private Names() {}

    /** Config map that owns all objects of the run, and the service that gives its pods names. */
    static String run(UUID run) {
        return "run-" + run;
    }

    /** Job, config map and secret of an attempt. */
    static String attempt(AttemptKey key) {
        return run(key.run()) + "-a" + key.attempt();
    }

    static String selector(AttemptKey key) {
        return RUN + "=" + key.run() + "," + ATTEMPT + "=" + key.attempt();
    }

    /** The attempt that an object belongs to; empty for a run's own objects and foreign ones. */
    static Optional<AttemptKey> attemptOf(JsonNode object) {
        JsonNode labels = object.at("/metadata/labels");
        try {
            return Optional.of(new AttemptKey(UUID.fromString(labels.path(RUN).asString("")),
                    Integer.parseInt(labels.path(ATTEMPT).asString(""))));
        } catch (IllegalArgumentException notOurs) {
            return Optional.empty();
        }
    }

    /** The identity that the cluster gave the object; a namesake made later has another one. */
    static String uid(JsonNode object) {
        return object.at("/metadata/uid").asString();
    }
}

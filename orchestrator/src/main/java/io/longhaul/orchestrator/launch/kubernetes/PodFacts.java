package io.longhaul.orchestrator.launch.kubernetes;

import io.longhaul.orchestrator.launch.WorkloadObservation.Presence;
import tools.jackson.databind.JsonNode;

/** What a pod's object says about its processes. Pure. */
record PodFacts(Presence presence, String detail) {

    static PodFacts of(JsonNode pod) {
        String name = "pod " + pod.at("/metadata/name").asString("");
        String node = pod.at("/spec/nodeName").asString("");
        return switch (pod.at("/status/phase").asString("")) {
            case "Succeeded" -> new PodFacts(Presence.GONE, name + " has ended");
            case "Failed" -> new PodFacts(Presence.GONE, name + " has ended" + ending(pod));
            case "Running" -> running(pod, name, node);
            default -> new PodFacts(Presence.PENDING, Causes.ofPending(pod).orElse(""));
        };
    }

    private static PodFacts running(JsonNode pod, String name, String node) {
        boolean deleted = pod.at("/metadata").has("deletionTimestamp");
        if (terminated(pod).isObject()) {
            return new PodFacts(Presence.GONE, name + " has ended" + ending(pod));
        }
        // Its one container has no readiness probe: only its node's silence makes it unready.
        if (!ready(pod)) {
            return deleted
                    ? new PodFacts(Presence.LOST,
                            name + " is on node " + node + ", which the cluster has given up")
                    : new PodFacts(Presence.UNKNOWN,
                            name + " is on node " + node + ", which does not answer");
        }
        return deleted
                ? new PodFacts(Presence.UNKNOWN, name + " on node " + node + " was told to end")
                : new PodFacts(Presence.RUNNING, name + " runs on node " + node);
    }

    /** Whether its node still speaks for it. */
    static boolean ready(JsonNode pod) {
        for (JsonNode condition : pod.at("/status/conditions")) {
            if (condition.path("type").asString("").equals("Ready")) {
                return condition.path("status").asString("").equals("True");
            }
        }
        return true;
    }

    /** Whether none of its processes is left, as its node says. */
    static boolean ended(JsonNode pod) {
        String phase = pod.at("/status/phase").asString("");
        return phase.equals("Succeeded") || phase.equals("Failed");
    }

    private static JsonNode terminated(JsonNode pod) {
        return pod.at("/status/containerStatuses/0/state/terminated");
    }

    private static String ending(JsonNode pod) {
        StringBuilder text = new StringBuilder();
        JsonNode terminated = terminated(pod);
        if (terminated.isObject()) {
            text.append(" with exit code ").append(terminated.path("exitCode").asInt());
            String reason = terminated.path("reason").asString("");
            if (!reason.isEmpty() && !reason.equals("Error")) {
                text.append(" (").append(reason).append(')');
            }
        }
        String reason = pod.at("/status/reason").asString("");
        String message = pod.at("/status/message").asString("");
        if (!reason.isEmpty() || !message.isEmpty()) {
            text.append(": ")
                    .append(reason)
                    .append(message.isEmpty() || reason.isEmpty() ? "" : ", ")
                    .append(message);
        }
        return text.toString();
    }
}

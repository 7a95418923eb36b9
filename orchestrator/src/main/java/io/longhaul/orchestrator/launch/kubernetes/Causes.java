package io.longhaul.orchestrator.launch.kubernetes;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;

/**
 * Why pods are not there yet, in a sentence with a remedy. Pure. The sentence for one cause stays the same, whatever
 * counters the cluster's own messages carry, so that a run tells it once.
 */
final class Causes {
    private static final Set<String> IMAGE = Set.of("ErrImagePull", "ImagePullBackOff", "InvalidImageName",
            "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable");
    private static final Pattern QUOTA = Pattern.compile("exceeded quota");

    private Causes() {}

    /** What a refusal by the API means. */
    static String of(ApiFailure failure, String namespace) {
        String said = String.valueOf(failure.getMessage());
        if (failure.status() == 0) {
            return "the cluster's API does not answer: " + said + "; Longhaul goes on by itself when it does";
        }
        if (said.contains("failed calling webhook")) {
            return "an admission webhook of the cluster does not answer: " + said
                    + "; Longhaul goes on by itself when it does";
        }
        if (failure.status() == 403 && QUOTA.matcher(said).find()) {
            return quota(said);
        }
        if (failure.status() == 403) {
            return "Longhaul has not all rights that it needs in namespace " + namespace + ": " + said
                    + "; bind the chart's Role to its account there";
        }
        if (failure.status() == 404) {
            return "namespace " + namespace + " does not exist: " + said
                    + "; create it, or submit with another one";
        }
        if (failure.status() == 400 || failure.status() == 422) {
            return "the cluster refuses the objects of the run: " + said
                    + "; stop the run and submit it with that changed";
        }
        return "the cluster's API answers with " + failure.status() + ": " + said
                + "; Longhaul goes on by itself when it recovers";
    }

    private static String quota(String said) {
        return "the quota of the namespace is used up: " + said + "; wait, raise it, or stop other runs";
    }

    /** Why a pod that exists does not run; empty while it takes its usual course. */
    static Optional<String> ofPending(JsonNode pod) {
        for (JsonNode condition : pod.at("/status/conditions")) {
            if (condition.path("type").asString("").equals("PodScheduled")
                    && condition.path("status").asString("").equals("False")) {
                return Optional.of(condition.path("reason").asString("").equals("SchedulingGated")
                        ? "the pods wait for their scheduling gate to open"
                        : "no node takes a pod of the run: " + condition.path("message").asString("")
                                + "; free or add nodes, or submit with other resources, selectors or tolerations");
            }
        }
        for (JsonNode container : pod.at("/status/containerStatuses")) {
            JsonNode waiting = container.at("/state/waiting");
            String reason = waiting.path("reason").asString("");
            if (IMAGE.contains(reason)) {
                return Optional.of("the image " + container.path("image").asString("")
                        + " cannot be pulled; check its name, that it exists, and imagePullSecrets");
            }
            if (reason.startsWith("Create") && reason.endsWith("Error")) {
                return Optional.of("a container cannot be created: " + waiting.path("message").asString("")
                        + "; check the claims, secrets and the image of the run");
            }
        }
        return Optional.empty();
    }

    /** Why a Job makes no pods; empty while it takes its usual course. */
    static Optional<String> ofJob(JsonNode job, List<JsonNode> events) {
        if (job.at("/spec/suspend").asBoolean(false)) {
            return Optional.of("the attempt waits in the queue "
                    + job.at("/metadata/labels")
                            .path(Names.QUEUE)
                            .asString("of the cluster"));
        }
        return events.stream()
                .filter(event -> event.path("reason").asString("").equals("FailedCreate"))
                .map(event -> event.path("message").asString(""))
                .reduce((earlier, later) -> later)
                .map(said -> QUOTA.matcher(said).find()
                        ? quota(withoutName(said))
                        : "the pods of the run are refused: " + withoutName(said)
                                + "; submit the run with that changed, or change the rules of the namespace");
    }

    /** The generated name of a pod that was never made differs from try to try. */
    private static String withoutName(String said) {
        return said.replaceFirst("pods \"[^\"]*\"", "its pods");
    }
}

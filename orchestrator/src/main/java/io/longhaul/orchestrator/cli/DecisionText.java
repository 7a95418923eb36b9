package io.longhaul.orchestrator.cli;

import java.util.Locale;
import tools.jackson.databind.JsonNode;

/** A run's decisions for people, from the API's view of the run. */
final class DecisionText {
    private DecisionText() {}

    static String of(JsonNode run) {
        StringBuilder out = new StringBuilder();
        for (JsonNode incident : run.path("incidents")) {
            out.append(String.format(Locale.ROOT, "%s, %s, %.1f %% certain, %s%n",
                    incident.path("id").asString(""),
                    incident.path("grade").asString(""), 100 * incident.path("confidence").asDouble(),
                    incident.path("status").asString("")));
            out.append("  ").append(incident.path("summary").asString("")).append('\n');
            incident.path("signs")
                    .forEach(sign -> out.append("  before it: ")
                            .append(sign.path("summary").asString(""))
                            .append('\n'));
            incident.path("earlierDecisions").forEach(decision -> decision(out, decision));
            decision(out, incident.path("decision"));
        }
        JsonNode findings = run.path("findings");
        if (!findings.isEmpty()) {
            out.append("what the detectors saw last:\n");
        }
        findings.forEach(
                finding -> out.append(String.format("  %s  %-8s %s%n", finding.path("at").asString(""),
                        finding.path("grade").asString(""), finding.path("summary").asString(""))));
        return out.isEmpty()
                ? "nothing was found, and nothing had to be decided"
                : out.toString().stripTrailing();
    }

    private static void decision(StringBuilder out, JsonNode decision) {
        out.append(String.format("  %s  %s%s%n      because %s%n", decision.path("at").asString(""),
                decision.path("does").asString(""), cost(decision), decision.path("rule").asString("")));
        for (JsonNode other : decision.path("alternatives")) {
            out.append(String.format("      not: %s%s: %s%n", other.path("action").asString(""), cost(other),
                    other.path("why").asString("")));
        }
    }

    private static String cost(JsonNode option) {
        return option.has("gpuSeconds")
                ? String.format(Locale.ROOT, " (%.0f GPU-seconds)", option.path("gpuSeconds").asDouble())
                : "";
    }
}

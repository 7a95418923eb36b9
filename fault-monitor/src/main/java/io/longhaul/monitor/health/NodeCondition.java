package io.longhaul.monitor.health;

import io.longhaul.monitor.log.LogRule;
import io.longhaul.monitor.log.LogRules;
import io.longhaul.monitor.log.Table;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * A condition that a cluster keeps of a node, as Kubernetes writes it.
 *
 * @param type name of the condition
 * @param status True, False or Unknown
 * @param reason one word, may be empty
 * @param message for people, may be empty
 */
public record NodeCondition(String type, String status, String reason, String message) {
    private static final List<Known> KNOWN = Table.read(NodeCondition.class, "conditions.tsv", 4)
            .stream()
            .map(row -> new Known(Pattern.compile(row[0]), Pattern.compile(row[1]), LogRules.root(row[2])))
            .toList();

    private record Known(Pattern type, Pattern bad, LogRule rule) {}

    /** What the condition says of the node, if it is a bad one that is known. */
    public Optional<HealthEvent> trouble() {
        return KNOWN.stream()
                .filter(known -> known.type.matcher(type).matches() && known.bad.matcher(status).matches())
                .findFirst()
                .map(known -> new HealthEvent(known.rule, "condition " + type + " is " + status + why()));
    }

    private String why() {
        String text = reason.isEmpty() || message.isEmpty() ? reason + message : reason + ", " + message;
        return text.isEmpty() ? "" : ": " + text;
    }
}

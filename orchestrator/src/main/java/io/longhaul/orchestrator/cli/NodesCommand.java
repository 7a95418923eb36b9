package io.longhaul.orchestrator.cli;

import io.longhaul.orchestrator.cli.RunCommand.Service;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/** {@code longhaul nodes ...}: machines over all runs of a service. */
@Command(name = "nodes", mixinStandardHelpOptions = true, description = "Machines over all runs: what speaks against them, and which are avoided.")
final class NodesCommand {
    @Command(mixinStandardHelpOptions = true, description = "Lists the machines that were used or spoken of.")
    void list(@Mixin Service service) {
        service.print(service.client().nodes(), NodesCommand::table);
    }

    @Command(mixinStandardHelpOptions = true, description = "Lets no attempt be placed on a machine for a while.")
    void avoid(@Mixin Service service,
            @Parameters(paramLabel = "NAME", description = "as the cluster knows it") String name,
            @Option(names = "--reason", required = true, description = "why, for others") String reason,
            @Option(names = "--hours", defaultValue = "168", description = "for how long (default: ${DEFAULT-VALUE})") long hours) {
        service.print(service.client().avoidNode(name, reason, hours), NodesCommand::table);
    }

    @Command(mixinStandardHelpOptions = true, description = "Lets a machine be used again, on probation: it was repaired, or wrongly blamed.")
    void forgive(@Mixin Service service,
            @Parameters(paramLabel = "NAME", description = "as the list has it") String name) {
        service.print(service.client().forgiveNode(name), NodesCommand::table);
    }

    private static String table(JsonNode view) {
        StringBuilder out = new StringBuilder(
                String.format("%-32s %6s  %-20s  %s", "NODE", "BLAME", "AVOIDED UNTIL", "REASON"));
        for (JsonNode node : view.path("nodes")) {
            String until = node.path("avoidedUntil").asString("-");
            out.append(String.format(Locale.ROOT, "%n%-32s %6.2f  %-20s  %s", node.path("name").asString(""),
                    node.path("blame").asDouble(), until.length() > 20 ? until.substring(0, 19) + "Z" : until,
                    node.path("reason").asString("")));
        }
        return out.toString();
    }
}

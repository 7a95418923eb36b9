package io.longhaul.orchestrator.cli;

import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import tools.jackson.databind.JsonNode;

/** A plan for the terminal. */
final class PlanText {
    private static final int BAR = 40;

    private PlanText() {}

    static String plan(JsonNode view) {
        StringBuilder out = new StringBuilder();
        line(out, "plan      %s on %d ranks", layout(view), view.path("worldSize").asLong());
        line(out, "          %d micro-batches of %d, recompute %s, ZeRO stage %d",
                view.path("microBatches").asLong(),
                view.path("microBatch").asLong(), view.path("recompute").asString(""),
                view.path("zeroStage").asLong());
        line(out, "step      %s, %,.0f tokens/s, %.1f %% of peak",
                seconds(view.path("stepSeconds").asDouble()),
                view.path("tokensPerSecond").asDouble(), 100 * view.path("mfu").asDouble());
        line(out, "run       %.2f days, %,.1f device hours", view.path("days").asDouble(),
                view.path("gpuHours").asDouble());
        line(out, "why       %s", view.path("reason").asString(""));
        line(out, "figures   %s", view.path("calibration").path("source").asString(""));
        line(out, "%nwhere a step's time goes");
        double total = view.path("stepSeconds").asDouble();
        for (Map.Entry<String, JsonNode> part : view.path("breakdown").properties()) {
            double value = part.getValue().asDouble();
            line(out, "  %-32s %10s %5.1f %%  %s", part.getKey(), seconds(value), 100 * value / total,
                    "#".repeat((int) Math.round(BAR * value / total)));
        }
        memory(out, view.path("memory"));
        if (!view.path("runnersUp").isEmpty()) {
            line(out, "%nnext best layouts");
        }
        for (JsonNode other : view.path("runnersUp")) {
            line(out, "  %-48s %10s  %s", layout(other) + " b" + other.path("microBatch").asLong(),
                    seconds(other.path("stepSeconds").asDouble()), other.path("why").asString(""));
        }
        line(out, "%n%,d candidates considered, rejected:", view.path("considered").asLong());
        for (JsonNode rejection : view.path("rejected")) {
            line(out, "  %,9d  %s: %s", rejection.path("count").asLong(), rejection.path("rule").asString(""),
                    rejection.path("example").asString(""));
        }
        return out.toString();
    }

    private static void memory(StringBuilder out, JsonNode stages) {
        JsonNode fullest = StreamSupport.stream(stages.spliterator(), false)
                .max(java.util.Comparator.comparingDouble(s -> s.path("totalBytes").asDouble()))
                .orElseThrow();
        line(out, "%nmemory of the fullest rank, stage %d: %s of %s, %s", fullest.path("stage").asLong(),
                bytes(fullest.path("totalBytes").asDouble()), bytes(fullest.path("capacityBytes").asDouble()),
                fullest.path("verdict").asString(""));
        for (Map.Entry<String, JsonNode> term : fullest.path("terms").properties()) {
            line(out, "  %-32s %10s", term.getKey(), bytes(term.getValue().asDouble()));
        }
    }

    /** The command with one option per line, then environment and configuration. */
    static String launch(JsonNode view) {
        JsonNode launch = view.path("launch");
        StringBuilder out = new StringBuilder();
        launch.path("environment")
                .properties()
                .forEach(
                        variable -> line(out, "export %s=%s", variable.getKey(),
                                variable.getValue().asString("")));
        String command = StreamSupport.stream(launch.path("command").spliterator(), false)
                .map(part -> part.asString(""))
                .collect(Collectors.joining(" "));
        line(out, "%s", command.replace(" --", " \\" + System.lineSeparator() + "  --"));
        if (!launch.path("config").asString("").isEmpty()) {
            line(out, "%n# ds_config.json%n%s", launch.path("config").asString(""));
        }
        return out.toString();
    }

    private static String layout(JsonNode view) {
        JsonNode layout = view.path("layout");
        StringBuilder out = new StringBuilder();
        for (String name : new String[]{"tensor", "pipeline", "context", "expert", "data"}) {
            if (layout.path(name).asLong(1) > 1) {
                out.append(out.isEmpty() ? "" : ", ")
                        .append(name)
                        .append(' ')
                        .append(layout.path(name).asLong());
            }
        }
        return out.isEmpty() ? "one rank" : out.toString();
    }

    private static void line(StringBuilder out, String format, Object... values) {
        out.append(String.format(Locale.ROOT, format, values)).append(System.lineSeparator());
    }

    private static String seconds(double value) {
        return value < 0.1
                ? String.format(Locale.ROOT, "%.2f ms", 1e3 * value)
                : String.format(Locale.ROOT, "%.3f s", value);
    }

    private static String bytes(double value) {
        return value < 1e9
                ? String.format(Locale.ROOT, "%.0f MB", value / 1e6)
                : String.format(Locale.ROOT, "%.1f GB", value / 1e9);
    }
}

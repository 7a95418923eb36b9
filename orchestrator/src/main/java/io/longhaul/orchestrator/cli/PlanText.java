package io.longhaul.orchestrator.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import tools.jackson.databind.JsonNode;

/** A plan for a terminal of some width. */
final class PlanText {
    static final int USUAL_WIDTH = 100;
    private static final int NARROWEST = 60;
    /** Stages of a pipeline that are all shown; of a longer one its ends and its fullest. */
    private static final int MOST_STAGES = 12;
    private static final int NAME = 32;
    /** A bar that has less room than this says nothing. */
    private static final int SHORTEST_BAR = 12;

    private final JsonNode view;
    private final int width;
    private final StringBuilder out = new StringBuilder();

    private PlanText(JsonNode view, int width) {
        this.view = view;
        this.width = Math.max(NARROWEST, width);
    }

    static String plan(JsonNode view, int width) {
        return new PlanText(view, width).build();
    }

    private String build() {
        headed("plan", view.path("text").asString(""));
        headed("", String.format(Locale.ROOT,
                "%s on %d ranks, %d micro-batches of %d, %,d samples a step", layout(view),
                view.path("worldSize").asLong(), view.path("microBatches").asLong(),
                view.path("microBatch").asLong(), view.path("globalBatch").asLong()));
        headed("step", String.format(Locale.ROOT, "%s, %,.0f tokens/s, %.1f %% of peak",
                seconds(view.path("stepSeconds").asDouble()), view.path("tokensPerSecond").asDouble(),
                100 * view.path("mfu").asDouble()));
        if (view.has("schedule")) {
            headed("",
                    String.format(Locale.ROOT,
                            "%s with its schedule played through pass by pass, stages idle %.1f %%",
                            seconds(view.path("schedule").path("replaySeconds").asDouble()),
                            100 * view.path("schedule").path("idleShare").asDouble()));
        }
        headed("run",
                String.format(Locale.ROOT, "%.2f days, %,.1f device hours", view.path("days").asDouble(),
                        view.path("gpuHours").asDouble()) + price());
        headed("why", view.path("reason").asString(""));
        headed("figures", view.path("calibration").path("source").asString(""));
        waterfall();
        memory();
        whyNot();
        whatIf();
        move();
        others();
        pareto();
        sensitivity();
        proof();
        line("%nillegal or too large, by rule");
        for (JsonNode rejection : view.path("rejected")) {
            wrapped(String.format(Locale.ROOT, "  %,9d  ", rejection.path("count").asLong()),
                    rejection.path("rule").asString("") + ": " + rejection.path("example").asString(""));
        }
        return out.toString();
    }

    /** What the RunSpec says enough for: money, energy, failures. */
    private String price() {
        StringBuilder text = new StringBuilder();
        figure(text, ", cost %,.0f", view.path("cost"));
        figure(text, ", %,.0f kWh", view.path("energyKWh"));
        figure(text, ", %,.0f kg CO2", view.path("carbonKg"));
        JsonNode failures = view.path("failures");
        if (!failures.isMissingNode()) {
            text.append(String.format(Locale.ROOT,
                    "; with failures %.1f %% of the time is kept, %d ranks spare, a checkpoint every %.0f s",
                    100 * failures.path("usefulShare").asDouble(), failures.path("spareRanks").asLong(),
                    failures.path("checkpointEverySeconds").asDouble()));
        }
        return text.toString();
    }

    private static void figure(StringBuilder text, String format, JsonNode value) {
        if (!value.isMissingNode()) {
            text.append(String.format(Locale.ROOT, format, value.asDouble()));
        }
    }

    /** Where every point of the space went. */
    private void proof() {
        JsonNode proof = view.path("certificate");
        line("");
        wrapped("", String.format(Locale.ROOT, "%,d points of the space, ", proof.path("points").asLong())
                + (proof.path("proven").asBoolean()
                        ? "all decided: nothing is better (" + proof.path("hash").asString("") + ")"
                        : String.format(Locale.ROOT, "not all decided: the best is at most %.2f %% better",
                                100 * proof.path("gap").asDouble())));
        points(proof, "illegal", "break a rule");
        points(proof, "tooLarge", "do not fit in memory");
        points(proof, "bounded", "are no better by a bound");
        points(proof, "dominated", "compute or move more than memory asks for");
        points(proof, "priced", "were priced");
        points(proof, "open", "were left when the time was over");
    }

    private void points(JsonNode proof, String name, String what) {
        long count = proof.path(name).asLong();
        if (count > 0) {
            line("  %,15d  %s", count, what);
        }
    }

    private void pareto() {
        JsonNode front = view.path("pareto");
        if (front.isMissingNode()) {
            return;
        }
        line("%nbeaten by no other in all of days, ranks and memory");
        boolean priced = front.path(0).has("cost");
        line("  %8s %7s %9s %14s%s", "days", "ranks", "memory", "device hours",
                priced ? String.format(Locale.ROOT, " %12s", "cost") : "");
        for (JsonNode point : front) {
            wrapped(String.format(Locale.ROOT, "  %8.2f %7d %9s %,14.0f%s  ", point.path("days").asDouble(),
                    point.path("ranks").asLong(), bytes(point.path("peakBytes").asDouble()),
                    point.path("gpuHours").asDouble(),
                    priced
                            ? String.format(Locale.ROOT, " %,12.0f", point.path("cost").asDouble())
                            : ""),
                    point.path("text").asString(""));
        }
    }

    private void waterfall() {
        double total = view.path("stepSeconds").asDouble();
        double at = view.path("waterfall").path("idealSeconds").asDouble();
        line("%nfrom peak speed to the step%s", " ".repeat(NAME - 16) + "MFU points");
        step("at peak speed", at, 100, 0, total);
        for (JsonNode loss : view.path("waterfall").path("losses")) {
            double more = loss.path("seconds").asDouble();
            step(loss.path("name").asString(""), more, -100 * loss.path("points").asDouble(), at, total);
            at += more;
        }
        step("step", total, 100 * view.path("mfu").asDouble(), 0, total);
    }

    /** A bar that begins where the one before it ended. */
    private void step(String name, double seconds, double points, double from, double total) {
        int room = width - NAME - 24 < SHORTEST_BAR ? 0 : width - NAME - 24;
        int left = (int) Math.round(room * Math.clamp(Math.min(from, from + seconds) / total, 0, 1));
        int bar = Math.min(room - left, (int) Math.round(room * Math.abs(seconds) / total));
        line("%s",
                String.format(Locale.ROOT, "  %-" + NAME + "s %10s %7.1f  %s%s", name, seconds(seconds),
                        points,
                        " ".repeat(left), "#".repeat(bar)).stripTrailing());
    }

    private void memory() {
        List<JsonNode> stages = StreamSupport.stream(view.path("memory").spliterator(), false).toList();
        JsonNode fullest = stages.stream()
                .max(java.util.Comparator.comparingDouble(s -> s.path("totalBytes").asDouble()))
                .orElseThrow();
        line("%nmemory of a rank by stage, of %s", bytes(fullest.path("capacityBytes").asDouble()));
        List<JsonNode> shown = new ArrayList<>(stages);
        if (stages.size() > MOST_STAGES) {
            shown.removeIf(s -> s != fullest && s.path("stage").asLong() > 1
                    && s.path("stage").asLong() < stages.size() - 2);
        }
        for (JsonNode stage : shown) {
            stage(stage);
        }
        if (shown.size() < stages.size()) {
            line("  the other %d stages need no more than stage %d", stages.size() - shown.size(),
                    fullest.path("stage").asLong());
        }
        wrapped("  stage " + fullest.path("stage").asLong() + ": ",
                fullest.path("terms")
                        .properties()
                        .stream()
                        .map(term -> term.getKey() + " " + bytes(term.getValue().asDouble()))
                        .collect(Collectors.joining(", ")));
    }

    private void stage(JsonNode stage) {
        int room = width - 34;
        double total = stage.path("totalBytes").asDouble();
        double capacity = stage.path("capacityBytes").asDouble();
        int bar = (int) Math.round(room * Math.min(1, total / capacity));
        line("  stage %-4d %9s %-6s [%s%s]", stage.path("stage").asLong(), bytes(total),
                stage.path("verdict").asString(""), "#".repeat(bar), " ".repeat(room - bar));
    }

    private void whatIf() {
        JsonNode answer = view.path("whatIf");
        if (!answer.isMissingNode()) {
            line("");
            wrapped("what if ", answer.path("layout").asString(""));
            wrapped("  ", answer.path("text").asString(""));
        }
    }

    private void whyNot() {
        JsonNode answer = view.path("whyNot");
        if (!answer.isMissingNode()) {
            line("");
            wrapped("why not ", answer.path("layout").asString("") + "?");
            wrapped("  ", answer.path("text").asString(""));
            for (Map.Entry<String, JsonNode> term : answer.path("differences").properties()) {
                double seconds = term.getValue().asDouble();
                line("  %-" + NAME + "s %s%s", term.getKey(), seconds < 0 ? "-" : "+",
                        seconds(Math.abs(seconds)));
            }
        }
    }

    private void move() {
        JsonNode move = view.path("move");
        if (!move.isMissingNode()) {
            line("");
            wrapped("leave ", move.path("layout").asString("") + "?");
            wrapped("  ", move.path("text").asString(""));
        }
    }

    private void others() {
        if (!view.path("runnersUp").isEmpty()) {
            line("%nnext best layouts");
        }
        for (JsonNode other : view.path("runnersUp")) {
            long batch = other.path("globalBatch").asLong();
            wrapped(String.format(Locale.ROOT, "  %-" + (NAME - 2) + "s %10s  ",
                    other.path("text").asString(""),
                    seconds(other.path("stepSeconds").asDouble())),
                    (batch == view.path("globalBatch").asLong() ? "" : "batch " + batch + ": ")
                            + other.path("why").asString(""));
        }
    }

    private void sensitivity() {
        JsonNode sensitivity = view.path("sensitivity");
        if (sensitivity.isMissingNode()) {
            return;
        }
        line("%nwhat would change the plan");
        for (JsonNode outcome : sensitivity.path("outcomes")) {
            String then = outcome.path("same").asBoolean()
                    ? "this plan"
                    : outcome.path("text").asString("nothing fits");
            String cost = outcome.path("same").asBoolean()
                    ? ""
                    : outcome.has("loss")
                            ? String.format(Locale.ROOT, "; keeping this plan costs %.1f %%",
                                    100 * outcome.path("loss").asDouble())
                            : "; this plan cannot be kept";
            wrapped(String.format(Locale.ROOT, "  %-" + NAME + "s ", outcome.path("change").asString("")),
                    then + cost);
        }
        for (JsonNode even : sensitivity.path("breakEvens")) {
            wrapped("  ", even.path("text").asString(""));
        }
        sureness(sensitivity);
    }

    private void sureness(JsonNode sensitivity) {
        JsonNode probe = sensitivity.path("nextProbe");
        if (probe.isMissingNode()) {
            return;
        }
        line("%nhow sure the order is");
        for (JsonNode duel : sensitivity.path("duels")) {
            wrapped(String.format(Locale.ROOT, "  %3.0f %% ", 100 * duel.path("planFaster").asDouble()),
                    "that the plan is faster than " + duel.path("layout").asString(""));
        }
        wrapped("  ", String.format(Locale.ROOT,
                "to know better, run %s for some minutes: the spread between the two best goes from %.1f to %.1f %%",
                StreamSupport.stream(probe.path("layouts").spliterator(), false)
                        .map(layout -> layout.asString(""))
                        .collect(Collectors.joining(" and ")),
                100 * probe.path("spreadBefore").asDouble(),
                100 * probe.path("spreadAfter").asDouble()));
    }

    /** The command with one option per line, then environment and configuration. */
    static String launch(JsonNode view) {
        JsonNode launch = view.path("launch");
        StringBuilder text = new StringBuilder();
        launch.path("environment")
                .properties()
                .forEach(
                        variable -> text.append(
                                String.format(Locale.ROOT, "export %s=%s%n", variable.getKey(),
                                        variable.getValue().asString(""))));
        String command = StreamSupport.stream(launch.path("command").spliterator(), false)
                .map(part -> quoted(part.asString("")))
                .collect(Collectors.joining(" "));
        launch.path("limits")
                .forEach(
                        limit -> text.append("# ").append(limit.asString("")).append(System.lineSeparator()));
        text.append(command.replace(" --", " \\" + System.lineSeparator() + "  --"))
                .append(System.lineSeparator());
        if (!launch.path("config").asString("").isEmpty()) {
            text.append(String.format(Locale.ROOT, "%n# ds_config.json%n%s%n",
                    launch.path("config").asString("")));
        }
        return text.toString();
    }

    /** A word as a shell takes it; layout strings have bars, stars and brackets. */
    private static String quoted(String word) {
        return word.matches("[-\\w@%+=:,./]+") ? word : "'" + word.replace("'", "'\\''") + "'";
    }

    private static String layout(JsonNode node) {
        JsonNode layout = node.path("layout");
        StringBuilder text = new StringBuilder();
        for (String name : new String[]{"tensor", "pipeline", "context", "expert", "data"}) {
            if (layout.path(name).asLong(1) > 1) {
                text.append(text.isEmpty() ? "" : ", ")
                        .append(name)
                        .append(' ')
                        .append(layout.path(name).asLong());
            }
        }
        return text.isEmpty() ? "one rank" : text.toString();
    }

    private void headed(String head, String text) {
        wrapped(String.format(Locale.ROOT, "%-10s", head), text);
    }

    /** Text behind a head, its further lines under its first; a head that takes more than half gets a line. */
    private void wrapped(String head, String text) {
        String indent = " ".repeat(head.length() > width / 2 ? 12 : head.length());
        StringBuilder row = new StringBuilder(head);
        if (head.length() > width / 2) {
            line("%s", head.stripTrailing());
            row = new StringBuilder(indent);
        }
        for (String word : text.split(" ")) {
            if (row.length() + word.length() > width && !row.toString().isBlank()) {
                line("%s", row.toString().stripTrailing());
                row = new StringBuilder(indent);
            }
            row.append(word).append(' ');
        }
        line("%s", row.toString().stripTrailing());
    }

    private void line(String format, Object... values) {
        out.append(String.format(Locale.ROOT, format, values)).append(System.lineSeparator());
    }

    private static String seconds(double value) {
        return Math.abs(value) < 0.1
                ? String.format(Locale.ROOT, "%.2f ms", 1e3 * value)
                : String.format(Locale.ROOT, "%.3f s", value);
    }

    private static String bytes(double value) {
        return value < 1e9
                ? String.format(Locale.ROOT, "%.0f MB", value / 1e6)
                : String.format(Locale.ROOT, "%.1f GB", value / 1e9);
    }
}

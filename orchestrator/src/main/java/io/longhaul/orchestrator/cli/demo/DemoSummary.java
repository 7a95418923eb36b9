package io.longhaul.orchestrator.cli.demo;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What became of the demonstration, read from the API's view of the run: figures, and checks that each hurt was
 * seen, named and healed.
 */
final class DemoSummary {
    private static final JsonMapper MAPPER = new JsonMapper();

    private final JsonNode run;
    private final String url;
    private final double seconds;
    private final List<Check> checks;

    /** @param got what was found, for people */
    record Check(String name, boolean passed, String got) {}

    /** @param run a RunView; {@code seconds} wall-clock time of the whole demonstration */
    DemoSummary(JsonNode run, String url, double seconds) {
        this.run = run;
        this.url = url;
        this.seconds = seconds;
        this.checks = checks(run);
    }

    boolean passed() {
        return checks.stream().allMatch(Check::passed);
    }

    private static List<Check> checks(JsonNode run) {
        List<Check> checks = new ArrayList<>();
        checks.add(
                new Check(
                        "the run completed all its steps",
                        text(run, "phase").equals("completed")
                                && run.path("step").asLong() == run.path("totalSteps").asLong(-1),
                        text(run, "phase") + " at step " + run.path("step").asLong() + " of "
                                + run.path("totalSteps").asLong()));
        checks.add(
                incident(
                        run,
                        "spike",
                        "corrupt data: rolled back before it and skipped",
                        spike -> spike.path("skippedSteps").size() > 0
                                && spike.path("rollbackStep").asLong(Long.MAX_VALUE) < spike.path("step")
                                        .asLong()));
        checks.add(
                incident(
                        run,
                        "exited",
                        "killed rank: named, restarted from a checkpoint",
                        exit -> exit.path("rank").asInt(-1) == FaultInjector.KILLED_RANK
                                && exit.path("rollbackStep").isNumber()));
        checks.add(
                incident(
                        run,
                        "slow-rank",
                        "slow rank: named",
                        slow -> slow.path("rank").asInt(-1) == FaultInjector.SLOW_RANK));
        List<String> others = incidents(run)
                .filter(
                        i -> !List.of("spike", "exited", "slow-rank").contains(text(i, "kind"))
                                || text(i, "kind").equals("slow-rank")
                                        && i.path("rank").asInt(-1) != FaultInjector.SLOW_RANK)
                .map(i -> text(i, "kind") + " of rank " + i.path("rank").asString("-"))
                .toList();
        checks.add(
                new Check(
                        "no other alarm, no other rank accused",
                        others.isEmpty(),
                        others.isEmpty() ? "none" : String.join(", ", others)));
        checks.add(recipeChange(run));
        checks.add(accounts(run.path("goodput")));
        JsonNode step = run.path("stepSeconds");
        checks.add(
                new Check(
                        "step time predicted and measured",
                        step.path("predicted").asDouble(0) > 0 && step.path("measuredMedian").asDouble(0) > 0,
                        ratio(step)));
        return checks;
    }

    private static Check incident(JsonNode run, String kind, String name, Predicate<JsonNode> healed) {
        List<JsonNode> found = incidents(run).filter(i -> text(i, "kind").equals(kind)).toList();
        return new Check(
                name,
                found.stream().anyMatch(healed),
                found.isEmpty() ? "not seen" : text(found.getFirst(), "summary"));
    }

    private static Check recipeChange(JsonNode run) {
        String name = "recipe improved between attempts, prediction scored";
        return elements(run.path("recipeChanges"))
                .filter(c -> text(c, "status").equals("scored"))
                .map(c -> new Check(name, true, change(c)))
                .findFirst()
                .orElseGet(
                        () -> new Check(
                                name,
                                false,
                                elements(run.path("recipeChanges"))
                                        .map(c -> text(c, "status") + ": " + text(c, "explanation"))
                                        .findFirst()
                                        .orElse("no change was proposed")));
    }

    private static String change(JsonNode c) {
        return String.format(
                Locale.ROOT,
                "final loss predicted %.3f (90 %%: %.3f to %.3f), without the change %.3f, measured %.3f",
                c.path("predictedFinalLoss").asDouble(Double.NaN),
                c.path("low90").asDouble(Double.NaN),
                c.path("high90").asDouble(Double.NaN),
                c.path("predictedFinalLossUnchanged").asDouble(Double.NaN),
                c.path("score").path("measuredFinalLoss").asDouble(Double.NaN));
    }

    private static Check accounts(JsonNode goodput) {
        double sum = elements(goodput.path("accounts")).mapToDouble(JsonNode::asDouble).sum();
        double total = goodput.path("totalSeconds").asDouble(Double.NaN);
        return new Check(
                "goodput accounts add up",
                total > 0 && Math.abs(sum - total) <= 1e-6 * total,
                String.format(
                        Locale.ROOT, "%.3f of %.3f rank-seconds, effective training time %.1f %%", sum, total,
                        100 * goodput.path("ettr").asDouble(Double.NaN)));
    }

    private static String ratio(JsonNode step) {
        double predicted = step.path("predicted").asDouble(Double.NaN);
        double measured = step.path("measuredMedian").asDouble(Double.NaN);
        return String.format(
                Locale.ROOT, "predicted %.1f ms, measured %.1f ms (%+.1f %%)", 1e3 * predicted,
                1e3 * measured,
                100 * (predicted / measured - 1));
    }

    private static Stream<JsonNode> incidents(JsonNode run) {
        return elements(run.path("incidents"));
    }

    private static Stream<JsonNode> elements(JsonNode container) {
        return StreamSupport.stream(container.spliterator(), false);
    }

    private static String text(JsonNode node, String field) {
        return node.path(field).asString("");
    }

    String json() {
        ObjectNode out = MAPPER.createObjectNode();
        out.put("run", text(run, "id"));
        out.put("url", url);
        out.put("passed", passed());
        out.put("seconds", seconds);
        for (String field : List.of("phase", "step", "totalSteps", "loss", "stepSeconds", "goodput")) {
            out.set(field, run.path(field));
        }
        out.set("layout", run.path("plan").path("layout"));
        out.set("attempts", run.path("attempts"));
        out.set("incidents", run.path("incidents"));
        out.set("recipeChanges", run.path("recipeChanges"));
        ArrayNode list = out.putArray("checks");
        checks.forEach(
                c -> list.addObject().put("name", c.name()).put("passed", c.passed()).put("got", c.got()));
        return MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(out);
    }

    /** The table for the terminal. */
    String table() {
        StringBuilder out = new StringBuilder();
        row(out, "step time", ratio(run.path("stepSeconds")));
        incidents(run).forEach(i -> {
            row(out, text(i, "kind"), text(i, "summary"));
            row(out, "", "-> " + text(i, "action") + cost(i));
        });
        elements(run.path("recipeChanges")).forEach(c -> {
            row(out, "recipe", text(c, "status") + " before attempt " + c.path("beforeAttempt").asInt() + ": "
                    + recipe(c.path("from")) + " -> " + recipe(c.path("to")));
            row(out, "", effect(c));
            row(out, "", change(c));
        });
        JsonNode goodput = run.path("goodput");
        row(out, "tokens", String.format(Locale.ROOT, "%,d kept, %,d lost, %,d of them redone, %,d skipped",
                goodput.path("tokensKept").asLong(), goodput.path("tokensLost").asLong(),
                goodput.path("tokensRedone").asLong(), goodput.path("tokensSkipped").asLong()));
        row(out, "rank-seconds", goodput.path("accounts")
                .properties()
                .stream()
                .map(a -> String.format(Locale.ROOT, "%s %.1f", a.getKey(), a.getValue().asDouble()))
                .collect(Collectors.joining(", ", "", String.format(Locale.ROOT, "; together %.1f",
                        goodput.path("totalSeconds").asDouble()))));
        out.append(System.lineSeparator());
        checks.forEach(c -> row(out, c.passed() ? "ok" : "FAILED",
                c.passed() ? c.name() : c.name() + ": " + c.got()));
        return out.toString();
    }

    private static void row(StringBuilder out, String name, String value) {
        out.append(String.format("  %-13s %s%n", name, value));
    }

    private static String cost(JsonNode incident) {
        long lost = incident.path("lostTokens").asLong();
        return lost == 0
                ? ""
                : String.format(Locale.ROOT, "; %,d tokens lost, %,d redone, training again after %.1f s",
                        lost,
                        incident.path("redoneTokens").asLong(), incident.path("lostSeconds").asDouble());
    }

    private static String recipe(JsonNode recipe) {
        long decay = recipe.path("wsdDecaySteps").asLong();
        return String.format(Locale.ROOT, "%s at %.1e%s", text(recipe, "schedule"),
                recipe.path("learningRate").asDouble(),
                decay == 0
                        ? ""
                        : String.format(Locale.ROOT, ", falling to %.1e over the last %d steps",
                                recipe.path("minLearningRate").asDouble(), decay));
    }

    private static String effect(JsonNode c) {
        return String.format(Locale.ROOT,
                "effect on the final loss predicted %+.3f (90 %%: %+.3f to %+.3f); measured against the loss predicted without it %+.3f",
                c.path("predictedFinalLoss").asDouble(Double.NaN)
                        - c.path("predictedFinalLossUnchanged").asDouble(Double.NaN),
                c.path("effectLow90").asDouble(Double.NaN), c.path("effectHigh90").asDouble(Double.NaN),
                c.path("score").path("measuredEffect").asDouble(Double.NaN));
    }
}

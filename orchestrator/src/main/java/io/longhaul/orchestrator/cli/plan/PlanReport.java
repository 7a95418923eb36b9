package io.longhaul.orchestrator.cli.plan;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import tools.jackson.databind.JsonNode;

/** A plan as one page without scripts or anything from a network: to read, print and send. */
public final class PlanReport {
    private final JsonNode view;
    private final Html page = new Html();

    private PlanReport(JsonNode view) {
        this.view = view;
    }

    /**
     * @param view the plan as the API shows it
     * @param timeline of its schedule as SVG, empty if it has no pipeline
     * @param launch text to start it
     */
    public static String html(String name, JsonNode view, String timeline, String launch) {
        return new PlanReport(view).build(name, timeline, launch);
    }

    private String build(String name, String timeline, String launch) {
        page.add("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Plan of %s</title>",
                name)
                .raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>")
                .raw(style())
                .raw("</style></head><body>\n");
        page.add("<h1>Plan of %s</h1><p><code>%s</code></p><p>%s.</p>", name, view.path("text").asString(""),
                sentence(view.path("reason").asString("")));
        tiles();
        waterfall();
        memory();
        if (!timeline.isEmpty()) {
            page.raw("<section><h2>Timeline of a step</h2>").raw(timeline);
            page.add("<p class=\"soft\">Played through pass by pass the step takes %s.</p></section>",
                    seconds(view.path("schedule").path("replaySeconds").asDouble()));
        }
        whyNot();
        whatIf();
        move();
        alternatives();
        if (view.path("pareto").size() > 1) {
            page.raw("<section><h2>Time, ranks and memory</h2>").raw(ParetoSvg.draw(view.path("pareto")));
            page.raw(
                    "<p class=\"soft\">Each plan is beaten by no other in all three; the larger the disc, the "
                            + "more memory a rank needs.</p></section>");
        }
        sensitivity();
        funnel();
        page.add("<section class=\"long\"><h2>Launch</h2><pre>%s</pre></section>", launch);
        return page.raw("</body></html>\n").toString();
    }

    private static String style() {
        try (InputStream in = PlanReport.class.getResourceAsStream("report.css")) {
            return new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void tiles() {
        page.raw("<dl class=\"tiles\">");
        tile("step", seconds(view.path("stepSeconds").asDouble()));
        tile("of peak FLOP/s", percent(view.path("mfu").asDouble()));
        tile("tokens per second",
                String.format(Locale.ROOT, "%,.0f", view.path("tokensPerSecond").asDouble()));
        tile("ranks", String.format(Locale.ROOT, "%,d", view.path("worldSize").asLong()));
        tile("days", String.format(Locale.ROOT, "%.1f", view.path("days").asDouble()));
        tile("device hours", String.format(Locale.ROOT, "%,.0f", view.path("gpuHours").asDouble()));
        figure("cost", "%,.0f", 1, view.path("cost"));
        figure("MWh", "%,.1f", 1e-3, view.path("energyKWh"));
        figure("t CO2", "%,.1f", 1e-3, view.path("carbonKg"));
        figure("% kept with failures", "%.1f", 100, view.path("failures").path("usefulShare"));
        page.raw("</dl>");
    }

    private void figure(String name, String format, double factor, JsonNode value) {
        if (!value.isMissingNode()) {
            tile(name, String.format(Locale.ROOT, format, factor * value.asDouble()));
        }
    }

    private void tile(String name, String value) {
        page.add("<div><dt>%s</dt><dd>%s</dd></div>", name, value);
    }

    private void waterfall() {
        JsonNode waterfall = view.path("waterfall");
        double total = view.path("stepSeconds").asDouble();
        double at = waterfall.path("idealSeconds").asDouble();
        page.raw("<section><h2>From peak speed to the step</h2><table><thead><tr><th>what</th><th></th>"
                + "<th class=\"n\">time</th><th class=\"n\">MFU points</th></tr></thead><tbody>");
        bar("at peak speed", 0, at, total, "ideal", seconds(at), "100.0");
        for (JsonNode loss : waterfall.path("losses")) {
            double more = loss.path("seconds").asDouble();
            bar(loss.path("name").asString(""), Math.min(at, at + more), Math.abs(more), total, "loss",
                    (more < 0 ? "- " : "+ ") + seconds(Math.abs(more)),
                    String.format(Locale.ROOT, "%+.1f", -100 * loss.path("points").asDouble()));
            at += more;
        }
        page.raw("<tr class=\"sum\">");
        row("step", 0, total, total, "total", seconds(total),
                String.format(Locale.ROOT, "%.1f", 100 * view.path("mfu").asDouble()));
        page.add("</tr></tbody></table><p class=\"soft\">Figures: %s.</p></section>",
                view.path("calibration").path("source").asString(""));
    }

    private void bar(String name, double from, double width, double whole, String style, String time,
            String points) {
        page.raw("<tr>");
        row(name, from, width, whole, style, time, points);
        page.raw("</tr>");
    }

    private void row(String name, double from, double width, double whole, String style, String time,
            String points) {
        page.add(
                "<th>%s</th><td class=\"bar\"><div class=\"track\"><i style=\"margin-left:%.2f%%;width:%.2f%%\" "
                        + "class=\"%s\"></i></div></td><td class=\"n\">%s</td><td class=\"n\">%s</td>",
                name,
                100 * from / whole, Math.max(0.15, 100 * width / whole), style, time, points);
    }

    private void memory() {
        List<String> terms = new ArrayList<>();
        double widest = 0;
        for (JsonNode stage : view.path("memory")) {
            stage.path("terms").propertyNames().stream().filter(t -> !terms.contains(t)).forEach(terms::add);
            widest = Math.max(widest, Math.max(stage.path("capacityBytes").asDouble(), high(stage)));
        }
        page.raw("<section class=\"long\"><h2>Memory of a rank, by pipeline stage</h2><table><tbody>");
        for (JsonNode stage : view.path("memory")) {
            page.add("<tr><th>stage %d</th><td class=\"bar\"><div class=\"track\">",
                    stage.path("stage").asLong());
            for (Map.Entry<String, JsonNode> term : stage.path("terms").properties()) {
                page.add("<i class=\"c%d\" style=\"width:%.2f%%\" title=\"%s: %s\"></i>",
                        1 + terms.indexOf(term.getKey()) % 8, 100 * term.getValue().asDouble() / widest,
                        term.getKey(), gigabytes(term.getValue().asDouble()));
            }
            page.add(
                    "<b class=\"range\" style=\"left:%.2f%%;width:%.2f%%\"></b><b class=\"limit\" style=\"left:%.2f%%\">"
                            + "</b></div></td>",
                    100 * low(stage) / widest, 100 * (high(stage) - low(stage)) / widest,
                    Math.min(99.7, 100 * stage.path("capacityBytes").asDouble() / widest));
            String verdict = stage.path("verdict").asString("");
            page.add("<td class=\"n\">%s of %s</td><td><span class=\"chip %s\">%s</span></td></tr>",
                    gigabytes(stage.path("totalBytes").asDouble()),
                    gigabytes(stage.path("capacityBytes").asDouble()),
                    verdict, verdict.equals("no") ? "does not fit" : verdict);
        }
        page.raw("</tbody></table><ul class=\"legend\">");
        for (int i = 0; i < terms.size(); i++) {
            page.add("<li><i class=\"c%d\"></i>%s</li>", 1 + i % 8, terms.get(i));
        }
        page.raw(
                "</ul><p class=\"soft\">Red: what a rank may use. Thin line: the range that holds the truth nine times of "
                        + "ten, where it is known.</p></section>");
    }

    private static double low(JsonNode stage) {
        return stage.path("lowBytes").asDouble(stage.path("totalBytes").asDouble());
    }

    private static double high(JsonNode stage) {
        return stage.path("highBytes").asDouble(stage.path("totalBytes").asDouble());
    }

    private void whyNot() {
        JsonNode answer = view.path("whyNot");
        if (!answer.isMissingNode()) {
            page.add("<section><h2>Why not <code>%s</code>?</h2><p>%s.</p></section>",
                    answer.path("layout").asString(""), sentence(answer.path("text").asString("")));
        }
    }

    private void whatIf() {
        JsonNode answer = view.path("whatIf");
        if (!answer.isMissingNode()) {
            page.add("<section><h2>What if <code>%s</code>?</h2><p>%s.</p></section>",
                    answer.path("layout").asString(""), sentence(answer.path("text").asString("")));
        }
    }

    private void move() {
        JsonNode move = view.path("move");
        if (!move.isMissingNode()) {
            page.add("<section><h2>Leave <code>%s</code>?</h2><p>%s.</p></section>",
                    move.path("layout").asString(""),
                    sentence(move.path("text").asString("")));
        }
    }

    private void alternatives() {
        page.raw("<section><h2>Next best</h2>");
        if (view.path("runnersUp").isEmpty()) {
            page.raw("<p>No other layout is legal and fits.</p></section>");
            return;
        }
        page.raw("<table><thead><tr><th>layout</th><th class=\"n\">step</th><th>why it lost</th>"
                + "<th class=\"n\">plan is faster</th></tr></thead><tbody>");
        for (JsonNode other : view.path("runnersUp")) {
            page.add(
                    "<tr><td><code>%s</code></td><td class=\"n\">%s</td><td>%s</td><td class=\"n\">%s</td></tr>",
                    other.path("text").asString(""), seconds(other.path("stepSeconds").asDouble()),
                    other.path("why").asString(""), sureness(other.path("text").asString("")));
        }
        page.raw("</tbody></table>");
        JsonNode probe = view.path("sensitivity").path("nextProbe");
        if (!probe.isMissingNode()) {
            String runs = StreamSupport.stream(probe.path("layouts").spliterator(), false)
                    .map(layout -> layout.asString(""))
                    .collect(Collectors.joining(" and "));
            page.add(
                    "<p class=\"soft\">To know better, run <code>%s</code> for some minutes: the spread between the two "
                            + "best goes from %s to %s.</p>",
                    runs, percent(probe.path("spreadBefore").asDouble()),
                    percent(probe.path("spreadAfter").asDouble()));
        }
        page.raw("</section>");
    }

    private String sureness(String layout) {
        for (JsonNode duel : view.path("sensitivity").path("duels")) {
            if (duel.path("layout").asString("").equals(layout)) {
                return String.format(Locale.ROOT, "%.0f %%", 100 * duel.path("planFaster").asDouble());
            }
        }
        return "";
    }

    private void sensitivity() {
        JsonNode sensitivity = view.path("sensitivity");
        if (sensitivity.isMissingNode()) {
            return;
        }
        page.raw("<section><h2>What would change the plan</h2><table><thead><tr><th>if</th><th>best then</th>"
                + "<th class=\"n\">step</th><th class=\"n\">keeping this plan costs</th></tr></thead><tbody>");
        for (JsonNode outcome : sensitivity.path("outcomes")) {
            page.add("<tr><th>%s</th><td>%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td></tr>",
                    outcome.path("change").asString(""),
                    outcome.path("same").asBoolean()
                            ? "this plan"
                            : outcome.path("text").asString("nothing fits"),
                    outcome.has("stepSeconds") ? seconds(outcome.path("stepSeconds").asDouble()) : "",
                    outcome.has("loss") ? percent(outcome.path("loss").asDouble()) : "cannot be kept");
        }
        page.raw("</tbody></table>");
        for (JsonNode even : sensitivity.path("breakEvens")) {
            page.add("<p>%s.</p>", even.path("text").asString(""));
        }
        page.raw("</section>");
    }

    private void funnel() {
        JsonNode proof = view.path("certificate");
        page.add(
                "<section><h2>Why nothing is better</h2><p>%,d points are in the space, %s.</p><table><tbody>",
                proof.path("points").asLong(),
                proof.path("proven").asBoolean()
                        ? "and each is decided"
                        : "not all of them decided: the best is at most "
                                + percent(proof.path("gap").asDouble()) + " better");
        points(proof, "illegal", "break a rule");
        points(proof, "tooLarge", "do not fit in memory");
        points(proof, "bounded", "are no better by a bound");
        points(proof, "dominated", "compute or move more than memory asks for");
        points(proof, "priced", "were priced");
        points(proof, "open", "were left when the time was over");
        page.raw("</tbody></table><h3>Rules</h3><table><tbody>");
        for (JsonNode rejection : view.path("rejected")) {
            page.add("<tr><td class=\"n\">%,d</td><td>%s <span class=\"soft\">%s</span></td></tr>",
                    rejection.path("count").asLong(), rejection.path("rule").asString(""),
                    rejection.path("example").asString(""));
        }
        page.raw("</tbody></table></section>");
    }

    private void points(JsonNode proof, String name, String what) {
        long count = proof.path(name).asLong();
        if (count > 0) {
            page.add("<tr><td class=\"n\">%,d</td><td>%s</td></tr>", count, what);
        }
    }

    private static String sentence(String text) {
        return text.isEmpty() ? text : text.substring(0, 1).toUpperCase(Locale.ROOT) + text.substring(1);
    }

    private static String seconds(double value) {
        return value < 0.9995
                ? String.format(Locale.ROOT, "%.1f ms", 1e3 * value)
                : String.format(Locale.ROOT, "%.3f s", value);
    }

    private static String percent(double share) {
        return String.format(Locale.ROOT, "%.1f %%", 100 * share);
    }

    private static String gigabytes(double bytes) {
        return String.format(Locale.ROOT, "%.1f GB", bytes / 1e9);
    }
}

package io.longhaul.planner.schedule;

import io.longhaul.planner.schedule.Timeline.Event;
import io.longhaul.planner.schedule.Timeline.Kind;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;

/**
 * A timeline as a picture: a row per stage, a box per pass, nothing where a stage waits. A long step is shown by its
 * beginning and its end, since what lies between repeats. One path per colour keeps it small.
 */
public final class TimelineSvg {
    private static final int WIDTH = 960;
    private static final int LEFT = 62;
    private static final int GAP = 46;
    private static final int TOP = 22;
    /** Passes per stage of which each is at least some pixels wide. */
    private static final int MOST_PASSES = 260;
    private static final double LEAST_LABELLED = 13;

    private final Timeline timeline;
    private final StringBuilder out = new StringBuilder();
    private final double row;
    private final double total;
    /** Seconds that are shown at each end; all of it if the step is short. */
    private final double window;
    private final double scale;

    private TimelineSvg(Timeline timeline) {
        this.timeline = timeline;
        this.row = Math.clamp(640.0 / timeline.stages(), 8, 22);
        this.total = timeline.makespanSeconds();
        int most = timeline.size(0);
        this.window = most <= MOST_PASSES ? total : total * MOST_PASSES / most / 2;
        this.scale = (WIDTH - LEFT - 8 - (split() ? GAP : 0)) / (split() ? 2 * window : total);
    }

    /** A whole SVG element; colours follow the page's {@code --forward} and so on, or have values of their own. */
    public static String draw(Timeline timeline) {
        return new TimelineSvg(timeline).draw();
    }

    private boolean split() {
        return window < total;
    }

    private String draw() {
        double height = TOP + timeline.stages() * row + 20;
        add("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" role=\"img\" "
                + "font-family=\"system-ui,sans-serif\" font-size=\"11\">", WIDTH, height);
        add("<title>Timeline of %d stages</title>", timeline.stages());
        out.append("<style>.f{fill:var(--forward,#3b6fb6)}.b{fill:var(--backward,#2f8f6b)}")
                .append(".i{fill:var(--input-gradient,#46a883)}.w{fill:var(--weight-gradient,#b8c46a)}")
                .append(".t{fill:var(--ink,#444)}.n{fill:#fff;text-anchor:middle}</style>");
        for (int stage = 0; stage < timeline.stages(); stage++) {
            if (row >= 11 || stage % 4 == 0) {
                add("<text class=\"t\" x=\"0\" y=\"%.1f\">stage %d</text>", y(stage) + row / 2 + 4, stage);
            }
            passes(stage);
        }
        if (split()) {
            add("<text class=\"t\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">. . .</text>",
                    LEFT + window * scale + GAP / 2.0, y(timeline.stages() / 2));
        }
        axis(y(timeline.stages()) + 14);
        out.append("</svg>\n");
        return out.toString();
    }

    private double y(int stage) {
        return TOP + stage * row;
    }

    /** Pixels of a second, or NaN if it is in the part that is left out. */
    private double x(double second) {
        if (second <= window + 1e-12) {
            return LEFT + second * scale;
        }
        return second < total - window ? Double.NaN : LEFT + GAP + (2 * window - (total - second)) * scale;
    }

    private void passes(int stage) {
        Map<Kind, StringBuilder> paths = new EnumMap<>(Kind.class);
        StringBuilder labels = new StringBuilder();
        for (int i = 0; i < timeline.size(stage); i++) {
            Event event = timeline.event(stage, i);
            double from = x(event.start());
            double to = x(event.end());
            if (Double.isNaN(from) || Double.isNaN(to)) {
                continue;
            }
            double line = to - from > 4 ? 1 : 0;
            paths.computeIfAbsent(event.kind(), k -> new StringBuilder())
                    .append(
                            String.format(
                                    Locale.ROOT, "M%.1f %.1fh%.1fv%.1fh%.1fz", from, y(stage) + 1,
                                    Math.max(to - from - line, 0.4), row - 2,
                                    -Math.max(to - from - line, 0.4)));
            if (to - from >= LEAST_LABELLED && row >= 14) {
                labels.append(
                        String.format(
                                Locale.ROOT, "<text class=\"n\" x=\"%.1f\" y=\"%.1f\">%d</text>",
                                (from + to) / 2, y(stage) + row / 2 + 4, event.microBatch() + 1));
            }
        }
        paths.forEach((kind, path) -> add("<path class=\"%s\" d=\"%s\"/>", style(kind), path));
        out.append(labels);
    }

    private static String style(Kind kind) {
        return switch (kind) {
            case FORWARD -> "f";
            case BACKWARD -> "b";
            case INPUT_GRADIENT -> "i";
            case WEIGHT_GRADIENT -> "w";
        };
    }

    private void axis(double y) {
        add("<text class=\"t\" x=\"%d\" y=\"%.1f\">0</text>", LEFT, y);
        add("<text class=\"t\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>", WIDTH - 8, y,
                seconds(total));
        double x = LEFT;
        for (Kind kind : Kind.values()) {
            boolean used = false;
            for (int i = 0; i < timeline.size(0) && !used; i++) {
                used = timeline.event(0, i).kind() == kind;
            }
            if (used) {
                add("<rect class=\"%s\" x=\"%.0f\" y=\"2\" width=\"12\" height=\"12\"/>", style(kind), x);
                add("<text class=\"t\" x=\"%.0f\" y=\"12\">%s</text>", x + 17, ChromeTrace.name(kind));
                x += 34 + 6.2 * ChromeTrace.name(kind).length();
            }
        }
        add("<text class=\"t\" x=\"%d\" y=\"12\" text-anchor=\"end\">idle %.1f %% of the stages' time</text>",
                WIDTH - 8, 100 * timeline.idleShare());
    }

    private static String seconds(double value) {
        return value < 1
                ? String.format(Locale.ROOT, "%.1f ms", 1e3 * value)
                : String.format(Locale.ROOT, "%.2f s", value);
    }

    private void add(String format, Object... values) {
        out.append(String.format(Locale.ROOT, format, values));
    }
}

package io.longhaul.orchestrator.cli.plan;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.ToDoubleFunction;
import java.util.stream.StreamSupport;
import tools.jackson.databind.JsonNode;

/** Days against device hours, a disc for each plan, its area the memory that a rank needs. */
final class ParetoSvg {
    private static final int WIDTH = 900;
    private static final int HEIGHT = 320;
    private static final int LEFT = 90;
    private static final int RIGHT = 40;
    private static final int TOP = 36;
    private static final int BOTTOM = 52;
    private static final double LARGEST = 15;

    private ParetoSvg() {}

    static String draw(JsonNode front) {
        List<JsonNode> points = StreamSupport.stream(front.spliterator(), false)
                .sorted(Comparator.comparingDouble(p -> -p.path("peakBytes").asDouble()))
                .toList();
        Axis x = Axis.of(points, p -> p.path("days").asDouble(), LEFT, WIDTH - RIGHT);
        Axis y = Axis.of(points, p -> p.path("gpuHours").asDouble(), HEIGHT - BOTTOM, TOP);
        Html svg = new Html();
        svg.add("<svg viewBox=\"0 0 %d %d\" role=\"img\" font-size=\"13\" fill=\"currentColor\"><title>Plans by days, device "
                + "hours and memory</title>", WIDTH, HEIGHT);
        for (double tick : x.ticks()) {
            svg.add("<path d=\"M%.1f %dV%d\" stroke=\"var(--line)\"/><text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>",
                    x.of(tick), TOP, HEIGHT - BOTTOM, x.of(tick), HEIGHT - BOTTOM + 18, number(tick));
        }
        for (double tick : y.ticks()) {
            svg.add("<path d=\"M%d %.1fH%d\" stroke=\"var(--line)\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>",
                    LEFT, y.of(tick), WIDTH - RIGHT, LEFT - 8, y.of(tick) + 4, number(tick));
        }
        svg.add("<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">days to the tokens</text>",
                (LEFT + WIDTH - RIGHT) / 2,
                HEIGHT - 8);
        svg.add("<text x=\"%d\" y=\"16\">device hours</text>", 8);
        double most = points.getFirst().path("peakBytes").asDouble();
        Set<Long> named = new HashSet<>();
        for (JsonNode p : points) {
            double radius = LARGEST * Math.sqrt(p.path("peakBytes").asDouble() / most);
            double cx = x.of(p.path("days").asDouble());
            double cy = y.of(p.path("gpuHours").asDouble());
            svg.add("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"var(--working)\" fill-opacity=\".35\" "
                    + "stroke=\"var(--working)\"><title>%s: %.2f days, %.1f GB</title></circle>",
                    cx, cy, radius, p.path("text").asString(""), p.path("days").asDouble(),
                    p.path("peakBytes").asDouble() / 1e9);
            if (named.add(p.path("ranks").asLong())) {
                svg.add("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%,d ranks</text>", cx,
                        cy + radius + 15, p.path("ranks").asLong());
            }
        }
        return svg.raw("</svg>").toString();
    }

    /** Figures of one axis span orders of magnitude, so that it is logarithmic. */
    private record Axis(double low, double high, double first, double last) {
        static Axis of(List<JsonNode> points, ToDoubleFunction<JsonNode> value, double first, double last) {
            double low = points.stream().mapToDouble(value).min().orElseThrow();
            double high = points.stream().mapToDouble(value).max().orElseThrow();
            return new Axis(low / 1.15, high * 1.15, first, last);
        }

        double of(double value) {
            return first + (last - first) * Math.log(value / low) / Math.log(high / low);
        }

        /** 1, 2 and 5 of each decade, or more where less than three of them are in sight. */
        List<Double> ticks() {
            List<Double> ticks = ticks(1, 2, 5);
            return ticks.size() >= 3 ? ticks : ticks(1, 1.2, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9);
        }

        private List<Double> ticks(double... steps) {
            List<Double> all = new ArrayList<>();
            for (double decade = Math.pow(10, Math.floor(Math.log10(low))); decade <= high; decade *= 10) {
                for (double step : steps) {
                    if (step * decade >= low && step * decade <= high) {
                        all.add(step * decade);
                    }
                }
            }
            return all;
        }
    }

    private static String number(double value) {
        return value >= 1000
                ? String.format(Locale.ROOT, "%,.0f", value)
                : BigDecimal.valueOf(value)
                        .round(new MathContext(3))
                        .stripTrailingZeros()
                        .toPlainString();
    }
}

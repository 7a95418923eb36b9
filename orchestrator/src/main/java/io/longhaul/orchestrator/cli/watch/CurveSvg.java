package io.longhaul.orchestrator.cli.watch;

import io.longhaul.monitor.watch.Notice;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** The loss as a picture, with a mark wherever there was something to say. */
final class CurveSvg {
    private static final int WIDTH = 960;
    private static final int HEIGHT = 400;
    private static final int LEFT = 64;
    private static final int RIGHT = 20;
    private static final int TOP = 28;
    private static final int BOTTOM = 44;

    private CurveSvg() {}

    static String draw(String title, List<CurveSketch.Bucket> curve, List<Notice> notices) {
        StringBuilder svg = new StringBuilder();
        add(svg, "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' font-family='sans-serif'"
                + " font-size='12' role='img'>%n<title>%s</title>%n<rect width='100%%' height='100%%' fill='white'/>%n",
                WIDTH, HEIGHT, escaped(title));
        if (curve.isEmpty()) {
            add(svg, "<text x='%d' y='%d'>no loss in this log</text>%n</svg>%n", LEFT, TOP + 20);
            return svg.toString();
        }
        // A few excursions must not flatten the rest of the curve.
        double[] lows = curve.stream().mapToDouble(CurveSketch.Bucket::low).sorted().toArray();
        double[] highs = curve.stream().mapToDouble(CurveSketch.Bucket::high).sorted().toArray();
        double bottom = lows[0];
        double top = Math.max(highs[(int) (0.995 * (highs.length - 1))], bottom + 1e-6);
        double margin = 0.05 * (top - bottom);
        Scale x = new Scale(curve.getFirst().step(),
                Math.max(curve.getLast().step(), curve.getFirst().step() + 1),
                LEFT, WIDTH - RIGHT);
        Scale y = new Scale(bottom - margin, top + margin, HEIGHT - BOTTOM, TOP);
        axes(svg, x, y);
        for (Notice notice : notices) {
            if (notice.step().isPresent()) {
                mark(svg, notice, x.of(notice.step().getAsLong()));
            }
        }
        StringBuilder path = new StringBuilder();
        for (CurveSketch.Bucket b : curve) {
            add(path, "%s%.1f %.1fV%.1fV%.1f", path.isEmpty() ? "M" : "L", x.of(b.step()), y.of(b.low()),
                    y.of(b.high()), y.of(b.last()));
        }
        add(svg, "<path d='%s' fill='none' stroke='#1f4e79' stroke-width='1'/>%n</svg>%n", path);
        return svg.toString();
    }

    private record Scale(double from, double to, double first, double last) {
        double of(double value) {
            double share = Math.clamp((value - from) / (to - from), 0, 1);
            return first + share * (last - first);
        }
    }

    private static void axes(StringBuilder svg, Scale x, Scale y) {
        for (double tick : ticks(y.from, y.to)) {
            add(svg, "<path d='M%d %.1fH%d' stroke='#ddd'/><text x='%d' y='%.1f' text-anchor='end'>%s</text>%n",
                    LEFT,
                    y.of(tick), WIDTH - RIGHT, LEFT - 6, y.of(tick) + 4, label(tick));
        }
        for (double tick : ticks(x.from, x.to)) {
            add(svg, "<text x='%.1f' y='%d' text-anchor='middle'>%s</text>%n", x.of(tick),
                    HEIGHT - BOTTOM + 16,
                    label(tick));
        }
        add(svg, "<text x='%d' y='%d' text-anchor='middle'>step</text><text x='%d' y='%d'>loss</text>%n",
                (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, LEFT, TOP - 10);
    }

    private static double[] ticks(double from, double to) {
        double raw = (to - from) / 6;
        double power = Math.pow(10, Math.floor(Math.log10(raw)));
        double step = power * Arrays.stream(new double[]{1, 2, 5, 10})
                .filter(m -> m * power >= raw)
                .findFirst()
                .orElse(10);
        int count = (int) (Math.floor(to / step) - Math.ceil(from / step)) + 1;
        double first = Math.ceil(from / step) * step;
        double[] ticks = new double[Math.max(0, count)];
        Arrays.setAll(ticks, i -> first + i * step);
        return ticks;
    }

    private static String label(double value) {
        return Math.abs(value) >= 1000 || value == Math.rint(value)
                ? String.format(Locale.ROOT, "%.0f", value)
                : String.format(Locale.ROOT, "%.3g", value);
    }

    private static void mark(StringBuilder svg, Notice notice, double x) {
        String colour = switch (notice.grade()) {
            case INFO -> "#9a9a9a";
            case MINOR -> "#b58900";
            case MAJOR -> "#d2691e";
            case CRITICAL -> "#b00020";
        };
        add(svg, "<g stroke='%s' fill='%s'><title>%s</title><path d='M%.1f %dV%d' stroke-opacity='0.5'/>"
                + "<circle cx='%.1f' cy='%d' r='3'/></g>%n", colour, colour,
                escaped(notice.family() + ", " + notice.kind() + ": " + notice.text()), x, TOP,
                HEIGHT - BOTTOM, x, TOP);
    }

    private static void add(StringBuilder svg, String format, Object... values) {
        svg.append(String.format(Locale.ROOT, format, values));
    }

    private static String escaped(String text) {
        return text.replaceAll("[\\p{Cntrl}]", " ")
                .replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;");
    }
}

package io.longhaul.orchestrator.cli.laws;

import io.longhaul.laws.LossBand;
import io.longhaul.laws.LossCurve;
import io.longhaul.laws.RateHistory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** Measured losses, predicted ones with their bands, and below them the learning rates. */
final class ForecastSvg {
    private static final int WIDTH = 960;
    private static final int HEIGHT = 520;
    private static final int LEFT = 64;
    private static final int RIGHT = 190;
    private static final int TOP = 32;
    private static final int MIDDLE = 360;
    private static final int RATES = 390;
    private static final int BOTTOM = 44;
    private static final int POINTS = 120;
    /** Share of the measured points that may stick out at the top, where a run begins. */
    private static final double ABOVE = 0.1;
    private static final String[] COLOURS = {"#b00020", "#1b7837", "#8250df", "#b58900", "#0b7285"};

    private record Prediction(String name, int[] steps, LossBand.At[] at, double[] rates) {}

    private final String title;
    private final List<LossCurve> measured = new ArrayList<>();
    private final List<Prediction> predictions = new ArrayList<>();

    ForecastSvg(String title) {
        this.title = title;
    }

    void measured(LossCurve curve) {
        measured.add(curve);
    }

    /** @param total first step after the last one drawn */
    void predicted(String name, RateHistory history, int from, int total, LossBand band) {
        int count = Math.min(POINTS, total - from);
        int[] steps = new int[count];
        LossBand.At[] at = new LossBand.At[count];
        double[] rates = new double[count];
        for (int i = 0; i < count; i++) {
            steps[i] = from + (int) ((long) i * (total - 1 - from) / Math.max(1, count - 1));
            at[i] = band.at(history, steps[i]);
            rates[i] = history.rate(steps[i]);
        }
        predictions.add(new Prediction(name, steps, at, rates));
    }

    String draw() {
        double[] losses = measured.stream()
                .flatMapToDouble(c -> Arrays.stream(c.losses()))
                .sorted()
                .toArray();
        double bottom = losses[0];
        double top = losses[(int) ((1 - ABOVE) * (losses.length - 1))];
        double end = 1;
        double peak = 0;
        for (LossCurve curve : measured) {
            end = Math.max(end, curve.history().steps());
            peak = Math.max(peak, curve.history().peak());
        }
        for (Prediction p : predictions) {
            for (LossBand.At at : p.at) {
                bottom = Math.min(bottom, at.low());
            }
            end = Math.max(end, p.steps[p.steps.length - 1]);
        }
        Axis x = new Axis(0, end, LEFT, WIDTH - RIGHT);
        Axis y = new Axis(bottom - 0.03 * (top - bottom), top, MIDDLE, TOP);
        Axis rate = new Axis(0, 1.05 * peak, HEIGHT - BOTTOM, RATES);
        StringBuilder svg = new StringBuilder();
        add(svg, "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' font-family='sans-serif' font-size='12' role='img'>%n"
                + "<title>%s</title>%n<rect width='100%%' height='100%%' fill='white'/>%n<text x='%d' y='18'>%s</text>%n",
                WIDTH, HEIGHT, escaped(title), LEFT + 110, escaped(title));
        for (int i = 0; i <= 5; i++) {
            double loss = y.from + i * (y.to - y.from) / 5;
            add(svg, "<path d='M%d %.1fH%d' stroke='#ddd'/><text x='%d' y='%.1f' text-anchor='end'>%.3f</text>%n",
                    LEFT,
                    y.of(loss), WIDTH - RIGHT, LEFT - 6, y.of(loss) + 4, loss);
            double step = i * end / 5;
            add(svg, "<text x='%.1f' y='%d' text-anchor='middle'>%.0f</text>%n", x.of(step),
                    HEIGHT - BOTTOM + 16, step);
        }
        add(svg, "<text x='%d' y='%d' text-anchor='middle'>step</text><text x='8' y='18'>loss, nats per token</text>%n"
                + "<text x='8' y='%d'>rate</text><text x='%d' y='%d' text-anchor='end'>%.2g</text>%n",
                (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, RATES - 4, LEFT - 6, RATES + 10, peak);
        for (LossCurve curve : measured) {
            StringBuilder line = new StringBuilder();
            StringBuilder rates = new StringBuilder();
            for (int i = 0; i < curve.steps().length; i++) {
                if (curve.losses()[i] <= top) {
                    point(line, x.of(curve.steps()[i]), y.of(curve.losses()[i]));
                }
                point(rates, x.of(curve.steps()[i]), rate.of(curve.history().rate(curve.steps()[i])));
            }
            path(svg, line, "#1f4e79");
            path(svg, rates, "#1f4e79");
        }
        for (int k = 0; k < predictions.size(); k++) {
            draw(svg, predictions.get(k), COLOURS[k % COLOURS.length], k, x, y, rate);
        }
        return svg.append("</svg>\n").toString();
    }

    private static void draw(StringBuilder svg, Prediction p, String colour, int row, Axis x, Axis y,
            Axis rate) {
        StringBuilder line = new StringBuilder();
        StringBuilder rates = new StringBuilder();
        StringBuilder band = new StringBuilder();
        for (int i = 0; i < p.steps.length; i++) {
            point(line, x.of(p.steps[i]), y.of(p.at[i].loss()));
            point(rates, x.of(p.steps[i]), rate.of(p.rates[i]));
            point(band, x.of(p.steps[i]), y.of(p.at[i].high()));
        }
        for (int i = p.steps.length - 1; i >= 0; i--) {
            point(band, x.of(p.steps[i]), y.of(p.at[i].low()));
        }
        LossBand.At end = p.at[p.at.length - 1];
        add(svg, "<path d='%sZ' fill='%s' fill-opacity='0.12'/>%n", band, colour);
        path(svg, line, colour);
        path(svg, rates, colour);
        add(svg, "<text x='%d' y='%d' fill='%s'>%s</text><text x='%d' y='%d' fill='%s'>%.4f (%.3f to %.3f)</text>%n",
                WIDTH - RIGHT + 8, TOP + 12 + 38 * row, colour, escaped(p.name), WIDTH - RIGHT + 8,
                TOP + 27 + 38 * row,
                colour, end.loss(), end.low(), end.high());
    }

    private record Axis(double from, double to, double first, double last) {
        double of(double value) {
            return first + Math.clamp((value - from) / (to - from), 0, 1) * (last - first);
        }
    }

    private static void point(StringBuilder path, double x, double y) {
        add(path, "%s%.1f %.1f", path.isEmpty() ? "M" : "L", x, y);
    }

    private static void path(StringBuilder svg, StringBuilder path, String colour) {
        add(svg, "<path d='%s' fill='none' stroke='%s' stroke-width='1.3'/>%n", path, colour);
    }

    private static void add(StringBuilder svg, String format, Object... values) {
        svg.append(String.format(Locale.ROOT, format, values));
    }

    private static String escaped(String text) {
        return text.replaceAll("\\p{Cntrl}", " ")
                .replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace("'", "&#39;");
    }
}

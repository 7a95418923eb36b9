package io.longhaul.orchestrator.cli.laws;

import io.longhaul.laws.LossCurve;
import io.longhaul.laws.RateHistory;
import io.longhaul.orchestrator.cli.laws.Rows.BadDataException;
import io.longhaul.orchestrator.cli.validate.Csv;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A run's loss curve from a CSV file, as trainers and W&amp;B export them, or from TensorBoard's events: {@code step} or
 * {@code tokens}, {@code lr} and {@code loss}. What is plainly wrong is refused by line and column; what has one sound reading is repaired, and said.
 *
 * @param warmup first step at the peak rate, or if it is late a fifth of the steps
 * @param curve losses after the warm-up
 * @param repairs for people
 */
record CurveFile(Path file, int warmup, LossCurve curve, List<String> repairs) {
    private static final int LEAST_POINTS = 12;
    private static final int MOST_STEPS = 5_000_000;
    /** A run that was resumed so often that it is more likely no run but shuffled. */
    private static final double RESUMED_SHARE = 0.05;
    private static final double LOST_SHARE = 0.1;
    /** Steps so many times further apart than their neighbours are of another axis. */
    private static final double OTHER_AXIS = 1000;
    private static final double SAME_BATCH = 0.05;
    private static final double PEAK = 0.999;
    private static final double LONGEST_WARMUP = 0.2;
    private static final List<String> STEP = List.of("step", "iteration", "iter", "global_step", "_step");
    private static final List<String> TOKENS = List.of("tokens", "consumed_tokens", "tokens_seen");
    private static final List<String> RATE = List.of("lr", "learning_rate", "learning-rate", "train/lr",
            "train/learning_rate");
    private static final List<String> LOSS = List.of("loss", "train_loss", "lm_loss", "lm loss", "train/loss",
            "train/lm_loss", "reduced_train_loss", "loss_metrics/global_avg_loss", "val_loss");

    private record Point(double tokens, double rate, double loss) {}

    RateHistory history() {
        return curve.history();
    }

    /**
     * @param tokensPerStep for files that count tokens only
     * @param warmup steps of a linear warm-up, where the file begins after it
     */
    static CurveFile read(Path file, Optional<Double> tokensPerStep, Optional<Integer> warmup) {
        if (!Files.isRegularFile(file) && !TensorBoard.at(file)) {
            throw new BadDataException(
                    file + " is absent: name a CSV file with the columns step, lr and loss, or TensorBoard's event"
                            + " file or directory");
        }
        return new Reader(file, tokensPerStep, warmup).read();
    }

    private static final class Reader {
        private final Path file;
        private final Optional<Double> tokensPerStep;
        private final Optional<Integer> warmup;
        private final List<String> repairs = new ArrayList<>();
        private final TreeMap<Integer, Point> points = new TreeMap<>();
        private int line = 1;
        private int lost;
        private int repeated;
        private int resumed;
        private int replaced;

        Reader(Path file, Optional<Double> tokensPerStep, Optional<Integer> warmup) {
            this.file = file;
            this.tokensPerStep = tokensPerStep;
            this.warmup = warmup;
        }

        CurveFile read() {
            List<Csv.Row> rows = TensorBoard.at(file)
                    ? TensorBoard.rows(file, Reader::known)
                    : Csv.read(file);
            if (rows.isEmpty()) {
                throw new BadDataException(file + " is empty: a header and one line per step are needed");
            }
            Optional<String> step = column(rows.getFirst(), STEP);
            Optional<String> tokens = column(rows.getFirst(), TOKENS);
            String rate = required(rows.getFirst(), "lr", RATE);
            String loss = required(rows.getFirst(), "loss", LOSS);
            if (step.isEmpty() && (tokens.isEmpty() || tokensPerStep.isEmpty())) {
                throw new BadDataException(
                        file + " has no column step (" + String.join(", ", STEP) + ")"
                                + (tokens.isEmpty() ? "" : ": it counts tokens, give --tokens-per-step"));
            }
            for (Csv.Row row : rows) {
                line++;
                take(row, step, tokens, rate, loss);
            }
            check(rows.size());
            return curve();
        }

        private static boolean known(String tag) {
            String lower = tag.toLowerCase(Locale.ROOT);
            return TOKENS.contains(lower) || RATE.contains(lower) || LOSS.contains(lower);
        }

        private void take(Csv.Row row, Optional<String> step, Optional<String> tokens, String rate,
                String loss) {
            double at = step.isPresent()
                    ? row.number(step.get())
                    : Math.rint(row.number(tokens.orElseThrow()) / tokensPerStep.orElseThrow());
            if (!(at >= 0) || at != Math.rint(at) || at > MOST_STEPS) {
                String name = step.orElseGet(tokens::orElseThrow);
                throw bad(name, row.text(name), "a whole number from 0 to " + MOST_STEPS
                        + " (a count of tokens belongs in a column tokens, with --tokens-per-step)");
            }
            double rateNow = row.number(rate);
            if (row.has(rate) && !(rateNow >= 0 && Double.isFinite(rateNow))) {
                throw bad(rate, row.text(rate), "a finite number >= 0, or empty where it was not logged");
            }
            double lossNow = row.number(loss);
            if (lossNow <= 0 && Double.isFinite(lossNow)) {
                throw bad(loss, row.text(loss), "positive: nats per token");
            }
            if (!Double.isFinite(lossNow)) {
                // An empty cell was not measured: validation losses are every so many steps.
                lost += row.has(loss) ? 1 : 0;
                lossNow = Double.NaN;
            }
            Point point = new Point(tokens.map(row::number).orElse(Double.NaN), rateNow, lossNow);
            if (points.containsKey((int) at) && points.lastKey() == (int) at) {
                repeated++;
            } else if (!points.isEmpty() && at <= points.lastKey()) {
                resumed++;
                replaced += points.tailMap((int) at, true).size();
                points.tailMap((int) at, true).clear();
            }
            points.put((int) at, point);
        }

        private void check(int rows) {
            if (resumed > Math.max(1, RESUMED_SHARE * rows)) {
                throw new BadDataException(
                        file + ": step goes back " + resumed + " times in " + rows
                                + " lines, which no run does that was resumed now and then: sort the lines by step, or give"
                                + " every run its own file");
            }
            if (resumed > 0) {
                repairs.add(resumed + " times resumed: " + replaced
                        + " earlier lines give way to the later ones of their steps");
            }
            if (repeated > 0) {
                repairs.add(repeated + " steps twice in a row: the later line counts");
            }
            if (lost > LOST_SHARE * rows) {
                throw new BadDataException(
                        file + ": loss is NaN or infinite in " + lost + " of " + rows
                                + " lines; up to a tenth is passed over");
            }
            if (lost > 0) {
                repairs.add(lost + " lines without a finite loss passed over");
            }
            int[] steps = points.keySet().stream().mapToInt(s -> s).toArray();
            int[] gaps = new int[Math.max(0, steps.length - 1)];
            Arrays.setAll(gaps, i -> steps[i + 1] - steps[i]);
            int[] sorted = gaps.clone();
            Arrays.sort(sorted);
            for (int i = 0; i < gaps.length; i++) {
                if (gaps[i] > OTHER_AXIS * sorted[sorted.length / 2]) {
                    throw new BadDataException(
                            file + ": step jumps from " + steps[i] + " to " + steps[i + 1]
                                    + " where its lines are "
                                    + sorted[sorted.length / 2]
                                    + " apart: one axis in one file, steps or tokens");
                }
            }
            double[] batches = points.entrySet()
                    .stream()
                    .filter(e -> e.getKey() > 0 && e.getValue().tokens() > 0)
                    .mapToDouble(e -> e.getValue().tokens() / e.getKey())
                    .sorted()
                    .toArray();
            if (batches.length > 0 && batches[batches.length - 1] > (1 + SAME_BATCH) * batches[0]) {
                repairs.add(String.format(Locale.ROOT,
                        "tokens per step range from %.4g to %.4g: the law knows one batch, trust it less",
                        batches[0],
                        batches[batches.length - 1]));
            }
        }

        private CurveFile curve() {
            TreeMap<Integer, Double> known = new TreeMap<>();
            points.forEach((step, point) -> {
                if (!Double.isNaN(point.rate())) {
                    known.put(step, point.rate());
                }
            });
            if (known.isEmpty()) {
                throw new BadDataException(file + ": lr is empty in all lines");
            }
            if (known.size() < points.size()) {
                repairs.add(
                        points.size() - known.size() + " lines without lr: linear between their neighbours");
            }
            double[] rates = new double[points.lastKey() + 1];
            int first = known.firstKey();
            double peak = known.values().stream().mapToDouble(r -> r).max().orElseThrow();
            int rise = warmup.map(steps -> Math.min(steps, first))
                    .orElse(known.firstEntry().getValue() < PEAK * peak ? first + 1 : 0);
            if (first > 0) {
                repairs.add("lr before step " + first + " is not in the file: "
                        + (rise > 0
                                ? "a linear rise over " + rise + " steps"
                                : "as there; --warmup says more"));
            }
            for (int step = 0; step < rates.length; step++) {
                var before = known.floorEntry(step);
                var after = known.ceilingEntry(step);
                rates[step] = before == null
                        ? after.getValue() * Math.min(1, (step + 1.0) / Math.max(1, rise))
                        : after == null || after.getKey().equals(before.getKey())
                                ? before.getValue()
                                : before.getValue()
                                        + (after.getValue() - before.getValue()) * (step - before.getKey())
                                                / (after.getKey() - before.getKey());
            }
            int warm = 0;
            while (rates[warm] < PEAK * peak && warm < LONGEST_WARMUP * rates.length) {
                warm++;
            }
            List<Integer> steps = new ArrayList<>();
            List<Double> losses = new ArrayList<>();
            for (var entry : points.tailMap(warm, true).entrySet()) {
                if (!Double.isNaN(entry.getValue().loss())) {
                    steps.add(entry.getKey());
                    losses.add(entry.getValue().loss());
                }
            }
            if (steps.size() < LEAST_POINTS) {
                throw new BadDataException(
                        file + ": " + steps.size() + " losses after the warm-up (step " + warm
                                + "), at least "
                                + LEAST_POINTS + " are needed");
            }
            return new CurveFile(file, warm, new LossCurve(RateHistory.of(rates),
                    steps.stream().mapToInt(s -> s).toArray(),
                    losses.stream().mapToDouble(loss -> loss).toArray()), List.copyOf(repairs));
        }

        private BadDataException bad(String column, String value, String wanted) {
            return new BadDataException(
                    file + " line " + line + ": " + column + " must be " + wanted + ", got '" + value + "'");
        }

        private String required(Csv.Row row, String name, List<String> names) {
            return column(row, names).orElseThrow(() -> new BadDataException(
                    file + " has no column " + name + " (" + String.join(", ", names) + "), but "
                            + row.columns().keySet().stream().sorted().toList()));
        }

        /** W&B puts the run's name before the metric's. */
        private static Optional<String> column(Csv.Row row, List<String> names) {
            for (String name : names) {
                for (String there : row.columns().keySet()) {
                    String lower = there.toLowerCase(Locale.ROOT);
                    if (lower.equals(name) || lower.endsWith(" - " + name)) {
                        return Optional.of(there);
                    }
                }
            }
            return Optional.empty();
        }
    }
}

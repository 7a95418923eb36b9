package io.longhaul.laws;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongToDoubleFunction;
import java.util.stream.LongStream;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;

/**
 * Final losses under decays that were really run, predicted from the constant-rate part before them. Recorded runs are
 * read in place; they are not part of this repository.
 */
class RecordedRunsTest {
    private static final Path SCALING = Path.of("../../shared/data/scaling");

    private record Prediction(String run, double predicted, double low, double high, double measured) {
        private double error() {
            return predicted - measured;
        }

        private boolean covered() {
            return low <= measured && measured <= high;
        }
    }

    private static Prediction predict(
            String run, List<Observation> seen, LongToDoubleFunction rates, double peak, long end,
            double measured) {
        double[] whole = LongStream.rangeClosed(1, end + 1).mapToDouble(rates::applyAsDouble).toArray();
        double[] past = Arrays.copyOf(whole, (int) seen.getLast().step() + 1);
        // What was seen ran at the peak, whatever the rates to predict are.
        Arrays.fill(past, (int) seen.getFirst().step(), past.length, peak);
        LossCurve curve = new LossCurve(RateHistory.of(past),
                seen.stream().mapToInt(o -> (int) o.step()).toArray(),
                seen.stream().mapToDouble(Observation::loss).toArray());
        MultiPowerFit fit = MultiPowerFit.of(List.of(curve), MultiPowerLaw.Shape.UNSEEN);
        RateHistory history = RateHistory.of(whole);
        double[] draws = fit.draws(200, 1)
                .stream()
                .mapToDouble(law -> law.loss(history, (int) end))
                .sorted()
                .toArray();
        return new Prediction(run, fit.law().loss(history, (int) end), draws[10], draws[189], measured);
    }

    private static double meanAbsoluteError(List<Prediction> predictions) {
        return predictions.stream().mapToDouble(p -> Math.abs(p.error())).average().orElseThrow();
    }

    private static double coverage(List<Prediction> predictions) {
        return predictions.stream().filter(Prediction::covered).count() / (double) predictions.size();
    }

    private static void print(List<Prediction> predictions) {
        System.out.printf(
                Locale.ROOT, "%d runs, mean absolute error %.4f nats, %.0f %% in their 90 %% intervals%n",
                predictions.size(), meanAbsoluteError(predictions), 100 * coverage(predictions));
    }

    /** Luo et al. 2025: a cosine over the whole run and a linear decay at its end, from half of the constant run. */
    @Test
    void otherSchedulesOfThreeModelSizes() throws IOException {
        Map<String, TreeMap<Long, Double>> curves = new HashMap<>();
        for (Map<String, String> row : rows("mpl/curves.csv")) {
            curves.computeIfAbsent(row.get("model") + " " + row.get("schedule"), k -> new TreeMap<>())
                    .put(Long.parseLong(row.get("step")), Double.parseDouble(row.get("loss")));
        }
        LongToDoubleFunction cosine = step -> step < 2160
                ? 3e-4 * step / 2160
                : 3e-5 + 0.5 * 2.7e-4 * (1 + Math.cos(Math.PI * (step - 2160) / (24000 - 2160)));
        LongToDoubleFunction linear = new ScheduleShape(3e-4, 3e-5, 2160, 20000, 24000)::rate;
        List<Prediction> predictions = new ArrayList<>();
        for (String model : List.of("25M", "100M", "400M")) {
            List<Observation> seen = new ArrayList<>();
            curves.get(model + " constant_24000")
                    .headMap(12000L, true)
                    .forEach((step, loss) -> seen.add(new Observation(step, 3e-4, loss)));
            Map.of("cosine_24000", cosine, "wsdld_20000_24000", linear).forEach((schedule, rates) -> {
                TreeMap<Long, Double> curve = curves.get(model + " " + schedule);
                if (curve != null) {
                    predictions.add(
                            predict(
                                    model + " " + schedule, seen, rates, 3e-4, curve.lastKey(),
                                    curve.lastEntry().getValue()));
                }
            });
        }
        print(predictions);
        assertThat(predictions).hasSize(5);
        assertThat(meanAbsoluteError(predictions)).isLessThan(0.03);
        assertThat(coverage(predictions)).isEqualTo(1);
    }

    /** Hägele et al. 2024: decays that branch from constant runs of 33M to 152M weights, peaks of 1e-4 to 1e-3. */
    @Test
    void decaysThatBranchFromConstantRuns() throws IOException {
        Map<String, Map<String, String>> runs = new LinkedHashMap<>();
        rows("epfl_schedules/runs.csv").forEach(row -> runs.put(row.get("run"), row));
        Map<String, TreeMap<Long, Double>> curves = new HashMap<>();
        for (Map<String, String> row : rows("epfl_schedules/curves.csv.gz")) {
            if (!row.get("val_loss").isEmpty()) {
                curves.computeIfAbsent(row.get("run"), k -> new TreeMap<>())
                        .put(Long.parseLong(row.get("iter")), Double.parseDouble(row.get("val_loss")));
            }
        }
        List<Prediction> predictions = new ArrayList<>();
        for (Map<String, String> run : runs.values()) {
            double share = number(run.get("decay_fraction"));
            boolean decays = run.get("group").equals("main") && run.get("scheduler").equals("wsd")
                    && run.get("resumed").equals("True") && share > 0 && share <= 0.7

                    && !run.get("decay_type").equals("sqrt");
            if (!decays) {
                continue;
            }
            long total = Long.parseLong(run.get("iterations"));
            long start = Math.round(total * (1 - share));
            double peak = number(run.get("peak_lr"));
            for (Map<String, String> parent : runs.values()) {
                boolean fits = parent.get("group").equals("main") && parent.get("scheduler").equals("wsd")
                        && number(parent.get("decay_fraction")) == 0 && same(run, parent)
                        && Long.parseLong(parent.get("iterations")) >= start;
                if (fits) {
                    ScheduleShape shape = new ScheduleShape(peak, 0, 300, start, total);
                    List<Observation> seen = new ArrayList<>();
                    curves.get(parent.get("run"))
                            .subMap(301L, true, start, true)
                            .forEach(
                                    (step, loss) -> seen.add(new Observation(step, peak, loss)));
                    Map.Entry<Long, Double> end = curves.get(run.get("run")).lastEntry();
                    if (seen.size() >= 48 && end.getKey() >= total - 200) {
                        predictions.add(
                                predict(
                                        run.get("params_total") + " " + run.get("peak_lr") + " " + total + " "
                                                + share,
                                        seen, shape::rate, peak, end.getKey(), end.getValue()));
                        break;
                    }
                }
            }
        }
        print(predictions);
        assertThat(predictions).hasSizeGreaterThan(20);
        assertThat(meanAbsoluteError(predictions)).isLessThan(0.03);
        assertThat(coverage(predictions)).isGreaterThan(0.85);
    }

    private static boolean same(Map<String, String> a, Map<String, String> b) {
        return List.of("dataset", "params_total", "peak_lr", "seqs_per_step", "seq_len")
                .stream()
                .allMatch(column -> a.get(column).equals(b.get(column)));
    }

    private static double number(String text) {
        return text.isEmpty() ? 0 : Double.parseDouble(text);
    }

    private static List<Map<String, String>> rows(String file) throws IOException {
        Path path = SCALING.resolve(file);
        assumeTrue(Files.exists(path), () -> path + " is absent: recorded runs cannot judge");
        try (InputStream raw = Files.newInputStream(path);
                InputStream in = file.endsWith(".gz") ? new GZIPInputStream(raw) : raw;
                BufferedReader reader = new BufferedReader(
                        new InputStreamReader(in, StandardCharsets.UTF_8))) {
            String[] header = reader.readLine().split(",");
            return reader.lines().map(line -> {
                String[] cells = line.split(",", -1);
                Map<String, String> row = new HashMap<>();
                for (int i = 0; i < header.length; i++) {
                    row.put(header[i], cells[i]);
                }
                return row;
            }).toList();
        }
    }
}

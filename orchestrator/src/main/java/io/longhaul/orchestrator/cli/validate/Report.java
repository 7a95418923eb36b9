package io.longhaul.orchestrator.cli.validate;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/** What a validation found out: figures by name, lines for people, and everything that went wrong one by one. */
final class Report {
    private final Map<String, @Nullable Object> figures = new LinkedHashMap<>();
    private final List<String> lines = new ArrayList<>();
    private final List<String> faults = new ArrayList<>();

    /** What is not known, as a share of nothing, is null. */
    void figure(String name, Number value) {
        boolean unknown = value instanceof Double d && !Double.isFinite(d);
        figures.put(name, unknown ? null : value);
    }

    void line(String format, Object... values) {
        lines.add(String.format(Locale.ROOT, format, values).stripTrailing());
    }

    /**
     * One line of {@code misses.csv}.
     *
     * @param what miss, false alarm, or alarm on something that is labelled as no fault
     * @param where step, index, tick or line number
     */
    void fault(String family, String series, String what, String kind, Object where, String detail) {
        faults.add(
                List.of(family, series, what, kind, where.toString(), detail)
                        .stream()
                        .map(Csv::field)
                        .collect(Collectors.joining(",")));
    }

    List<String> lines() {
        return lines;
    }

    void write(Path directory) {
        try {
            Files.createDirectories(directory);
            Files.writeString(
                    directory.resolve("summary.json"),
                    JsonMapper.builder().build().writerWithDefaultPrettyPrinter().writeValueAsString(figures)
                            + "\n");
            Files.writeString(
                    directory.resolve("misses.csv"),
                    "family,series,what,kind,where,detail\n"
                            + faults.stream().map(f -> f + "\n").collect(Collectors.joining()));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write to " + directory + ": " + e.getMessage(), e);
        }
    }

    /** NaN for nothing. */
    static double median(List<Double> values) {
        return quantile(values, 0.5);
    }

    static double quantile(List<Double> values, double share) {
        if (values.isEmpty()) {
            return Double.NaN;
        }
        double[] sorted = values.stream().mapToDouble(v -> v).toArray();
        Arrays.sort(sorted);
        double at = share * (sorted.length - 1);
        int below = (int) at;
        int above = Math.min(below + 1, sorted.length - 1);
        return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
    }

    /** NaN for no cases. */
    static double share(int some, int all) {
        return all == 0 ? Double.NaN : (double) some / all;
    }
}

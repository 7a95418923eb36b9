package io.longhaul.orchestrator.cli.validate;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.zip.GZIPInputStream;

/** Reads comma-separated files with a header, packed or not, with quotes or without. */
public final class Csv {
    private Csv() {}

    /** One line; fields are found by the name in the header. */
    public record Row(Map<String, Integer> columns, String[] fields) {
        public boolean has(String column) {
            return !text(column).isEmpty();
        }

        /** Empty if there is no such column, or the line is too short. */
        public String text(String column) {
            Integer at = columns.get(column);
            return at == null || at >= fields.length ? "" : fields[at];
        }

        /** NaN for anything that is no number, as for an empty field. */
        public double number(String column) {
            return Csv.number(text(column));
        }

        public double number(String column, double otherwise) {
            double number = number(column);
            return Double.isNaN(number) ? otherwise : number;
        }
    }

    /** NaN for anything that is no number. */
    public static double number(String text) {
        try {
            return text.isEmpty() ? Double.NaN : Double.parseDouble(text);
        } catch (NumberFormatException e) {
            return switch (text) {
                case "inf", "Inf" -> Double.POSITIVE_INFINITY;
                case "-inf", "-Inf" -> Double.NEGATIVE_INFINITY;
                default -> Double.NaN;
            };
        }
    }

    /** The file, or the same with {@code .gz} behind its name, whichever exists. */
    public static boolean exists(Path file) {
        return Files.isRegularFile(file) || Files.isRegularFile(packed(file));
    }

    private static Path packed(Path file) {
        return file.resolveSibling(file.getFileName() + ".gz");
    }

    public static List<Row> read(Path file) {
        List<Row> rows = new ArrayList<>();
        read(file, rows::add);
        return rows;
    }

    public static void read(Path file, Consumer<Row> rows) {
        Path found = Files.isRegularFile(file) ? file : packed(file);
        try (InputStream raw = Files.newInputStream(found);
                InputStream bytes = found.toString().endsWith(".gz")
                        ? new GZIPInputStream(raw, 1 << 16)
                        : raw;
                BufferedReader lines = new BufferedReader(
                        new InputStreamReader(bytes, StandardCharsets.UTF_8), 1 << 16)) {
            String header = record(lines);
            if (header == null) {
                return;
            }
            Map<String, Integer> columns = new HashMap<>();
            String[] names = split(header);
            for (int i = 0; i < names.length; i++) {
                columns.put(names[i].replace("\uFEFF", "").strip(), i);
            }
            for (String line = record(lines); line != null; line = record(lines)) {
                if (!line.isBlank()) {
                    rows.accept(new Row(columns, split(line)));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + found + ": " + e.getMessage(), e);
        }
    }

    /** A line, and those that follow while a quote is open. */
    private static String record(BufferedReader lines) throws IOException {
        String line = lines.readLine();
        if (line == null || line.indexOf('"') < 0) {
            return line;
        }
        StringBuilder all = new StringBuilder(line);
        while (all.chars().filter(c -> c == '"').count() % 2 == 1) {
            String more = lines.readLine();
            if (more == null) {
                break;
            }
            all.append('\n').append(more);
        }
        return all.toString();
    }

    private static String[] split(String line) {
        if (line.indexOf('"') < 0) {
            return line.split(",", -1);
        }
        List<String> fields = new ArrayList<>();
        StringBuilder field = new StringBuilder();
        boolean quoted = false;
        for (int i = 0; i < line.length(); i++) {
            char c = line.charAt(i);
            if (c == '"' && quoted && i + 1 < line.length() && line.charAt(i + 1) == '"') {
                field.append('"');
                i++;
            } else if (c == '"') {
                quoted = !quoted;
            } else if (c == ',' && !quoted) {
                fields.add(field.toString());
                field.setLength(0);
            } else {
                field.append(c);
            }
        }
        fields.add(field.toString());
        return fields.toArray(String[]::new);
    }

    /** The text as one field. */
    public static String field(String text) {
        return text.matches("[^\",\r\n]*") ? text : '"' + text.replace("\"", "\"\"") + '"';
    }
}

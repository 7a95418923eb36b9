package io.longhaul.orchestrator.cli.laws;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPInputStream;

/** Lines of a CSV file without quotes, gzipped or not. */
final class Rows {
    private Rows() {}

    /** A line, with its place for messages. */
    record Row(Path file, int line, Map<String, String> cells) {
        /** Empty if the file has no such column or the line no value. */
        String text(String column) {
            return cells.getOrDefault(column, "");
        }

        boolean has(String column) {
            return !text(column).isEmpty();
        }

        double number(String column) {
            try {
                double value = Double.parseDouble(text(column));
                if (Double.isFinite(value)) {
                    return value;
                }
            } catch (NumberFormatException e) {
                // Told below.
            }
            throw new BadDataException(
                    file + " line " + line + ": " + column + " must be a finite number, got '" + text(column)
                            + "'");
        }
    }

    /** A file that is not what it should be. */
    static final class BadDataException extends RuntimeException {
        BadDataException(String message) {
            super(message);
        }
    }

    /** @param name of the file in the folder, without {@code .gz} */
    static List<Row> read(Path folder, String name) {
        Path plain = folder.resolve(name);
        return read(Files.exists(plain) ? plain : folder.resolve(name + ".gz"));
    }

    static List<Row> read(Path file) {
        if (!Files.isRegularFile(file)) {
            throw new BadDataException(file + " is absent");
        }
        List<Row> rows = new ArrayList<>();
        try (InputStream raw = Files.newInputStream(file);
                InputStream in = file.toString().endsWith(".gz") ? new GZIPInputStream(raw) : raw;
                BufferedReader reader = new BufferedReader(
                        new InputStreamReader(in, StandardCharsets.UTF_8))) {
            String first = reader.readLine();
            if (first == null) {
                throw new BadDataException(file + " is empty");
            }
            String[] header = first.strip().split(",", -1);
            int line = 1;
            for (String text = reader.readLine(); text != null; text = reader.readLine()) {
                line++;
                if (text.isBlank()) {
                    continue;
                }
                String[] cells = text.strip().split(",", -1);
                if (cells.length != header.length) {
                    throw new BadDataException(
                            file + " line " + line + ": " + header.length + " values expected, got "
                                    + cells.length);
                }
                Map<String, String> row = new HashMap<>();
                for (int i = 0; i < header.length; i++) {
                    row.put(header[i], cells[i]);
                }
                rows.add(new Row(file, line, row));
            }
            return rows;
        } catch (IOException e) {
            throw new BadDataException(file + " cannot be read: " + e);
        }
    }
}

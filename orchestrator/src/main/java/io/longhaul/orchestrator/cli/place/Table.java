package io.longhaul.orchestrator.cli.place;

import io.longhaul.orchestrator.cli.ApiException;
import io.longhaul.orchestrator.cli.ExitCodes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** A small comma-separated file whose problems are told all at once, each with line, column, value and what is allowed. */
final class Table {
    private static final int MOST_PROBLEMS = 20;

    private final Path file;
    private final List<String> problems = new ArrayList<>();
    /** Fields of each line that is not blank, with its number. */
    private final List<Line> lines = new ArrayList<>();

    record Line(int number, List<String> fields) {}

    /** @throws ApiException if it cannot be read or is empty */
    Table(Path file) {
        this.file = file;
        try {
            int number = 0;
            for (String text : Files.readAllLines(file)) {
                number++;
                if (!text.isBlank()) {
                    List<String> fields = new ArrayList<>();
                    for (String field : text.split(",", -1)) {
                        fields.add(field.strip());
                    }
                    lines.add(new Line(number, fields));
                }
            }
        } catch (IOException e) {
            throw new ApiException(ExitCodes.USAGE,
                    "cannot read " + file + ": " + e.getClass().getSimpleName() + " " + e.getMessage());
        }
        if (lines.isEmpty()) {
            problem(1, "file", "empty", "a header and lines of numbers");
            refuse();
        }
    }

    List<Line> lines() {
        return lines;
    }

    void problem(int line, String column, String value, String allowed) {
        problems.add("line " + line + ", " + column + " is " + (value.isEmpty() ? "empty" : value)
                + ": allowed is "
                + allowed);
    }

    /** A number above {@code low}, or at least that if {@code orEqual}; 1 with a problem if it is none. */
    double number(Line line, int at, String column, double low, boolean orEqual, String allowed) {
        String text = at < line.fields().size() ? line.fields().get(at) : "";
        double value;
        try {
            value = Double.parseDouble(text);
        } catch (NumberFormatException e) {
            value = Double.NaN;
        }
        if (!(value > low || orEqual && value == low) || Double.isInfinite(value)) {
            problem(line.number(), column, text, allowed);
            return 1;
        }
        return value;
    }

    /** @throws ApiException with every problem, if there are any */
    void refuse() {
        if (!problems.isEmpty()) {
            String more = problems.size() > MOST_PROBLEMS
                    ? "\n  and " + (problems.size() - MOST_PROBLEMS) + " more"
                    : "";
            throw new ApiException(ExitCodes.USAGE,
                    file + " is refused:\n" + problems.stream()
                            .limit(MOST_PROBLEMS)
                            .map(p -> "  " + p)
                            .collect(Collectors.joining("\n")) + more);
        }
    }
}

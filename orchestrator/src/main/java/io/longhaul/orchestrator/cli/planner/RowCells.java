package io.longhaul.orchestrator.cli.planner;

import io.longhaul.orchestrator.cli.validate.Csv;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The cells of a row of measured runs, and what was assumed for those that are empty. */
final class RowCells {
    /** Words for an empty cell. */
    private static final Set<String> EMPTY = Set.of("", "-", "na", "n/a", "nan", "none", "null");
    private static final int LARGEST = 10_000_000;

    private final Csv.Row row;
    private final String notes;
    private final List<String> assumed = new ArrayList<>();

    RowCells(Csv.Row row) {
        this.row = row;
        this.notes = row.text("notes").toLowerCase(Locale.ROOT);
    }

    boolean has(String column) {
        return row.has(column);
    }

    String text(String column) {
        return row.text(column);
    }

    /** In small letters. */
    String notes() {
        return notes;
    }

    boolean notes(String words) {
        return notes.contains(words);
    }

    void assumed(String what) {
        assumed.add(what);
    }

    List<String> assumed() {
        return List.copyOf(assumed);
    }

    /** NaN for an empty cell or a word for one; anything else must be a number. */
    double number(String column) {
        String text = row.text(column).strip();
        if (EMPTY.contains(text.toLowerCase(Locale.ROOT))) {
            return Double.NaN;
        }
        double value = row.number(column);
        if (!(value >= 0) || Double.isInfinite(value)) {
            throw new IllegalArgumentException(column + " must be a number >= 0, got " + text);
        }
        return value;
    }

    /** From 1 on; an empty cell or 0 is what else is usual, if anything is. */
    int whole(String column, int otherwise) {
        double value = number(column);
        if (Double.isNaN(value) || value == 0) {
            if (otherwise < 1) {
                throw new IllegalArgumentException(
                        value == 0 ? column + " must be >= 1, got 0" : column + " is missing");
            }
            return otherwise;
        }
        if (value != Math.rint(value) || value > LARGEST) {
            throw new IllegalArgumentException(column + " must be a whole number from 1 to " + LARGEST
                    + ", got " + row.text(column));
        }
        return (int) value;
    }

    int assume(String column, int value) {
        if (!row.has(column)) {
            assumed(column + " " + value);
        }
        return whole(column, value);
    }

    int find(Pattern pattern, int otherwise) {
        Matcher m = pattern.matcher(notes);
        return m.find() && m.group(1) != null ? Integer.parseInt(m.group(1)) : otherwise;
    }
}

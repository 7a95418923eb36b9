package io.longhaul.planner.legal;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Version of a framework, as in {@code core_v0.17.1}, {@code 0.19.6} or {@code main}, which is newer than every number.
 */
public record Version(String text, List<Integer> parts) implements Comparable<Version> {
    private static final Pattern NUMBERS = Pattern.compile("(?:core_)?[vr]?(\\d{1,6}(?:\\.\\d{1,6}){0,3})");

    public Version {
        parts = List.copyOf(parts);
    }

    /** @throws IllegalArgumentException if the text names no version */
    public static Version of(String text) {
        if (text.equals("main")) {
            return new Version(text, List.of(Integer.MAX_VALUE));
        }
        Matcher numbers = NUMBERS.matcher(text);
        if (!numbers.matches()) {
            throw new IllegalArgumentException(
                    "a version is numbers with dots, for instance core_v0.17.1 or 0.19.6, or main; got "
                            + text);
        }
        return new Version(text, Stream.of(numbers.group(1).split("\\.")).map(Integer::valueOf).toList());
    }

    @Override
    public int compareTo(Version other) {
        for (int i = 0; i < Math.max(parts.size(), other.parts.size()); i++) {
            int order = Integer.compare(part(i), other.part(i));
            if (order != 0) {
                return order;
            }
        }
        return 0;
    }

    private int part(int i) {
        return i < parts.size() ? parts.get(i) : 0;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Version version && compareTo(version) == 0;
    }

    @Override
    public int hashCode() {
        int last = parts.size();
        while (last > 0 && parts.get(last - 1) == 0) {
            last--;
        }
        return parts.subList(0, last).hashCode();
    }

    @Override
    public String toString() {
        return text;
    }
}

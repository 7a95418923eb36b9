package io.longhaul.monitor.watch;

import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Lines that look like errors and that no rule knows, gathered by what they have in common: numbers, addresses and
 * paths are left out of the comparison. Keeps a bounded number of kinds, the newest ones.
 */
public final class UnknownLines {
    private static final int KINDS = 256;
    private static final int LENGTH = 200;
    private static final Pattern TROUBLE = Pattern.compile(
            "\\b(error|exception|fatal|fail(ed|ure)?|abort(ed)?|critical|panic)\\b",
            Pattern.CASE_INSENSITIVE);
    private static final Pattern VARIABLE = Pattern.compile("0x[0-9a-fA-F]+|/\\S+|\\d+(\\.\\d+)*");

    private final Map<String, Kind> kinds = new LinkedHashMap<>(KINDS, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Kind> eldest) {
            return size() > KINDS;
        }
    };

    /** @param example the first line of the kind */
    public record Kind(String example, long count) {}

    void accept(String line) {
        String text = line.length() <= LENGTH ? line : line.substring(0, LENGTH);
        if (TROUBLE.matcher(text).find()) {
            kinds.merge(VARIABLE.matcher(text).replaceAll("#"), new Kind(text.strip(), 1),
                    (old, one) -> new Kind(old.example, old.count + 1));
        }
    }

    /** The most frequent ones first. */
    public List<Kind> all() {
        return kinds.values().stream().sorted(Comparator.comparingLong(Kind::count).reversed()).toList();
    }
}

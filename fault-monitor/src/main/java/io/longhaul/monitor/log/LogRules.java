package io.longhaul.monitor.log;

import io.longhaul.monitor.log.LogLabel.Suspect;
import io.longhaul.monitor.log.LogRule.Role;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/** Rules for log lines, in their order: the first that matches a line says what it is. */
public final class LogRules {
    /** What comes later in a line is not looked at. */
    private static final int MAX_LENGTH = 1024;

    private static final int BUCKETS = 4096;

    private final List<LogRule> rules;
    /** By three characters, the texts that begin with them and the rules that need them. */
    private final List<List<Needed>> needed = new ArrayList<>();
    private final BitSet alwaysTried = new BitSet();

    private record Needed(String text, int rule) {}

    public LogRules(List<LogRule> rules) {
        this.rules = List.copyOf(rules);
        for (int i = 0; i < BUCKETS; i++) {
            needed.add(new ArrayList<>(0));
        }
        for (int i = 0; i < rules.size(); i++) {
            Set<String> literals = Literals.of(rules.get(i).pattern().pattern());
            if (literals == null) {
                alwaysTried.set(i);
                continue;
            }
            for (String text : literals) {
                needed.get(bucket(text, 0)).add(new Needed(text, i));
            }
        }
    }

    private static int bucket(String text, int at) {
        return ((text.charAt(at) * 31 + text.charAt(at + 1)) * 31 + text.charAt(at + 2)) & BUCKETS - 1;
    }

    /** The rules that come with Longhaul. */
    public static LogRules builtIn() {
        Map<String, LogLabel> labels = new HashMap<>();
        for (String[] row : table("labels.tsv", 5)) {
            Suspect suspect = Suspect.valueOf(row[4].toUpperCase(Locale.ROOT));
            labels.put(row[0], new LogLabel(row[0], row[1], row[2], row[3], suspect));
        }
        List<LogRule> rules = new ArrayList<>();
        for (String[] row : table("rules.tsv", 4)) {
            LogLabel label = labels.get(row[1]);
            if (label == null) {
                throw new IllegalStateException(
                        "rules.tsv names the label " + row[1] + ", which labels.tsv lacks");
            }
            rules.add(
                    new LogRule(
                            Role.valueOf(row[0].toUpperCase(Locale.ROOT)), label, row[2],
                            Pattern.compile(row[3], Pattern.CASE_INSENSITIVE)));
        }
        return new LogRules(rules);
    }

    private static List<String[]> table(String name, int columns) {
        try (InputStream in = LogRules.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("the resource " + name + " is missing");
            }
            List<String[]> rows = new ArrayList<>();
            BufferedReader lines = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.isBlank() || line.startsWith("#")) {
                    continue;
                }
                String[] row = line.split("\t");
                if (row.length != columns) {
                    throw new IllegalStateException(name + " needs " + columns + " columns: " + line);
                }
                rows.add(row);
            }
            return rows;
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read the resource " + name, e);
        }
    }

    public List<LogRule> all() {
        return rules;
    }

    /** The first rule that matches; empty for a line of which nothing is known. */
    public Optional<LogRule> match(String line) {
        String text = line.length() <= MAX_LENGTH ? line : line.substring(0, MAX_LENGTH);
        BitSet candidates = candidates(text.toLowerCase(Locale.ROOT));
        for (int i = candidates.nextSetBit(0); i >= 0; i = candidates.nextSetBit(i + 1)) {
            if (rules.get(i).pattern().matcher(text).find()) {
                return Optional.of(rules.get(i));
            }
        }
        return Optional.empty();
    }

    private BitSet candidates(String lower) {
        BitSet candidates = (BitSet) alwaysTried.clone();
        for (int at = 0; at + 2 < lower.length(); at++) {
            for (Needed one : needed.get(bucket(lower, at))) {
                if (lower.startsWith(one.text, at)) {
                    candidates.set(one.rule);
                }
            }
        }
        return candidates;
    }
}

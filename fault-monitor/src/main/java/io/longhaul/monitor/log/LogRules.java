package io.longhaul.monitor.log;

import io.longhaul.monitor.log.LogLabel.Suspect;
import io.longhaul.monitor.log.LogRule.Role;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Rules for log lines, in their order: the first that matches a line says what it is. */
public final class LogRules {
    /** What comes later in a line is not looked at. */
    private static final int MAX_LENGTH = 1024;

    private static final int BUCKETS = 4096;

    private final List<LogRule> rules;
    private final List<@Nullable Need> needs;
    /** By three characters, the texts that begin with them. */
    private final List<List<String>> texts = new ArrayList<>();
    /** The rules that speak of a text. */
    private final Map<String, BitSet> speaking = new HashMap<>();
    private final BitSet alwaysTried = new BitSet();

    public LogRules(List<LogRule> rules) {
        this.rules = List.copyOf(rules);
        needs = new ArrayList<>();
        for (int i = 0; i < BUCKETS; i++) {
            texts.add(new ArrayList<>(0));
        }
        for (int i = 0; i < rules.size(); i++) {
            Need need = Literals.of(rules.get(i).pattern().pattern());
            needs.add(need);
            if (need == null) {
                alwaysTried.set(i);
                continue;
            }
            for (String text : need.texts()) {
                if (!speaking.containsKey(text)) {
                    texts.get(bucket(text, 0)).add(text);
                }
                speaking.computeIfAbsent(text, t -> new BitSet()).set(i);
            }
        }
    }

    private static int bucket(String text, int at) {
        return ((text.charAt(at) * 31 + text.charAt(at + 1)) * 31 + text.charAt(at + 2)) & BUCKETS - 1;
    }

    /** The rules that come with Longhaul. */
    public static LogRules builtIn() {
        return BuiltIn.RULES;
    }

    /**
     * The rule of a cause that something else than a log line tells of.
     *
     * @param label name of a label that comes with Longhaul
     * @throws IllegalArgumentException if there is no such label
     */
    public static LogRule root(String label) {
        LogLabel known = BuiltIn.LABELS.get(label);
        if (known == null) {
            throw new IllegalArgumentException(
                    "no label " + label + ", there are " + BuiltIn.LABELS.keySet());
        }
        return new LogRule(Role.ROOT, known, "no line", Pattern.compile(Pattern.quote(label)));
    }

    /** Read and compiled once: every attempt has a monitor of its own. */
    private static final class BuiltIn {
        private static final Map<String, LogLabel> LABELS = labels();
        private static final LogRules RULES = read(LABELS);
    }

    private static Map<String, LogLabel> labels() {
        Map<String, LogLabel> labels = new TreeMap<>();
        for (String[] row : table("labels.tsv", 5)) {
            Suspect suspect = Suspect.valueOf(row[4].toUpperCase(Locale.ROOT));
            labels.put(row[0], new LogLabel(row[0], row[1], row[2], row[3], suspect));
        }
        return labels;
    }

    private static LogRules read(Map<String, LogLabel> labels) {
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
        return Table.read(LogRules.class, name, columns);
    }

    public List<LogRule> all() {
        return rules;
    }

    /** The first rule that matches; empty for a line of which nothing is known. */
    public Optional<LogRule> match(String line) {
        String text = line.length() <= MAX_LENGTH ? line : line.substring(0, MAX_LENGTH);
        String lower = text.toLowerCase(Locale.ROOT);
        BitSet candidates = (BitSet) alwaysTried.clone();
        Set<String> present = present(lower, candidates);
        for (int i = candidates.nextSetBit(0); i >= 0; i = candidates.nextSetBit(i + 1)) {
            Need need = needs.get(i);
            if ((need == null || need.met(present)) && rules.get(i).pattern().matcher(text).find()) {
                return Optional.of(rules.get(i));
            }
        }
        return Optional.empty();
    }

    /** The texts that the line holds; the rules that speak of one are added to the candidates. */
    private Set<String> present(String lower, BitSet candidates) {
        Set<String> present = new HashSet<>();
        for (int at = 0; at + 2 < lower.length(); at++) {
            for (String one : texts.get(bucket(lower, at))) {
                if (lower.startsWith(one, at) && present.add(one)) {
                    candidates.or(speaking.get(one));
                }
            }
        }
        return present;
    }
}

package io.longhaul.planner.legal;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Rules of one framework as a text: blocks of lines {@code word rest}, the first of which is
 * {@code constraint ID}, {@code ability ID}, {@code policy ID} or {@code outside ID}; {@code #} begins a comment.
 *
 * <pre>
 * constraint heads-tp
 *   if heads % tp == 0
 *   say attention heads {heads} not divisible by tensor {tp}
 *   mend tp
 *   source megatron/core/transformer/transformer_config.py
 * </pre>
 *
 * An ability has {@code use} (when a layout uses it) in place of {@code if}, the {@code flag} that it comes with, and
 * {@code from} and {@code until} say which versions have it; {@code from none}: no release. {@code outside} names a constraint of the framework that no
 * layout can break, with the reason.
 *
 * @param versions examined releases, the oldest first; the last one is the default
 */
record RuleFile(List<Version> versions, List<Rule> rules, Map<String, String> outside) {
    /** Later than any release. */
    static final Version NONE = new Version("none", List.of(Integer.MAX_VALUE, 1));

    RuleFile {
        versions = List.copyOf(versions);
        rules = List.copyOf(rules);
    }

    /** Reads a resource of this package. */
    static RuleFile load(String name) {
        try (InputStream in = RuleFile.class.getResourceAsStream(name + ".rules")) {
            if (in == null) {
                throw new IllegalStateException(name + ".rules is missing from the library");
            }
            return parse(new String(in.readAllBytes(), StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** @throws IllegalArgumentException naming the block that is not understood */
    static RuleFile parse(String text) {
        List<Version> versions = new ArrayList<>();
        List<Rule> rules = new ArrayList<>();
        Map<String, String> outside = new LinkedHashMap<>();
        for (Map<String, String> block : blocks(text)) {
            Map.Entry<String, String> head = block.entrySet().iterator().next();
            try {
                switch (head.getKey()) {
                    case "versions" ->
                        Stream.of(head.getValue().split(" ")).map(Version::of).forEach(versions::add);
                    case "outside" -> outside.put(head.getValue(), need(block, "say"));
                    default -> rules.add(rule(Rule.Kind.valueOf(head.getKey().toUpperCase(Locale.ROOT)),
                            head.getValue(), block));
                }
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(head + ": " + e.getMessage(), e);
            }
        }
        return new RuleFile(versions, rules, outside);
    }

    private static List<Map<String, String>> blocks(String text) {
        List<Map<String, String>> blocks = new ArrayList<>();
        for (String line : text.lines().toList()) {
            if (line.isBlank() || line.strip().startsWith("#")) {
                continue;
            }
            if (!line.startsWith(" ")) {
                blocks.add(new LinkedHashMap<>());
            }
            String[] words = line.strip().split("\\s+", 2);
            if (blocks.getLast().put(words[0], words.length > 1 ? words[1] : "") != null) {
                throw new IllegalArgumentException(words[0] + " is given twice: " + line.strip());
            }
        }
        return blocks;
    }

    private static Rule rule(Rule.Kind kind, String id, Map<String, String> block) {
        boolean ability = kind == Rule.Kind.ABILITY;
        Expression expression = Expression.compile(need(block, ability ? "use" : "if"));
        return new Rule(
                id, kind, need(block, "say"),
                Stream.of(block.getOrDefault("mend", "").split(" "))
                        .filter(word -> !word.isEmpty())
                        .map(RuleFile::fact)
                        .toList(),
                block.containsKey("late"), version(block, "from"), version(block, "until"),
                Optional.ofNullable(block.get("flag")), need(block, "source"),
                Rule.Condition.of(expression, ability));
    }

    private static Fact fact(String key) {
        Fact fact = Fact.named(key);
        if (fact == null) {
            throw new IllegalArgumentException("no fact is called " + key);
        }
        return fact;
    }

    private static Optional<Version> version(Map<String, String> block, String word) {
        return Optional.ofNullable(block.get(word)).map(v -> v.equals("none") ? NONE : Version.of(v));
    }

    private static String need(Map<String, String> block, String word) {
        String value = block.get(word);
        if (value == null || value.isEmpty()) {
            throw new IllegalArgumentException("has no " + word);
        }
        return value;
    }
}

package io.longhaul.planner.legal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The rules files against the lists of the frameworks' constraints and options, which are not in this repository. */
class FrameworkFactsTest {
    private static final Path FOLDER = Path.of("../../shared/data/frameworks");
    /** An object without objects inside. */
    private static final Pattern OBJECT = Pattern.compile("\\{[^{}]*\\}");
    private static final Pattern FIELD = Pattern.compile("\"(\\w+)\"\\s*:\\s*\"((?:[^\"\\\\]|\\\\.)*)\"");

    private static Map<String, Map<String, String>> by(String key, Trainer trainer) throws IOException {
        Path file = FOLDER.resolve(
                (trainer == Trainer.DEEPSPEED ? "deepspeed" : "megatron-lm") + "-options.json");
        assumeTrue(Files.exists(file), () -> file + " is absent: rules cannot be compared with it");
        Map<String, Map<String, String>> found = new HashMap<>();
        Matcher object = OBJECT.matcher(Files.readString(file));
        while (object.find()) {
            Map<String, String> fields = new HashMap<>();
            FIELD.matcher(object.group()).results().forEach(f -> fields.put(f.group(1), f.group(2)));
            if (fields.containsKey(key)) {
                found.put(fields.get(key), fields);
            }
        }
        return found;
    }

    /** Every constraint is a rule, or is named with the reason why no layout can break it; none is both. */
    @ParameterizedTest
    @EnumSource(names = {"MEGATRON_LM", "DEEPSPEED"})
    void everyConstraintIsCovered(Trainer trainer) throws IOException {
        Set<String> listed = by("id", trainer).keySet();
        assertThat(listed).hasSizeGreaterThan(10);
        Set<String> rules = new TreeSet<>();
        trainer.file().rules().forEach(rule -> rules.add(rule.id()));
        RuleFile.load("every").rules().forEach(rule -> rules.add(rule.id()));
        Set<String> outside = trainer.file().outside().keySet();
        assertThat(outside).isSubsetOf(listed).doesNotContainAnyElementsOf(rules);
        rules.addAll(outside);
        assertThat(rules).containsAll(listed);
    }

    /** Conditions that the list has as an expression over whole numbers are taken from it, guarded where words guard them. */
    @Test
    void conditionsAreThoseOfTheList() throws IOException {
        Map<String, Map<String, String>> listed = by("id", Trainer.MEGATRON_LM);
        String file = new String(
                getClass().getResourceAsStream("megatron-lm.rules").readAllBytes(),
                java.nio.charset.StandardCharsets.UTF_8).replace(" ", "");
        for (String id : Set.of("world-model", "world-expert", "heads-tp", "kv-tp", "kv-channels", "sp-tp",
                "sp-seq",
                "layers-pp", "batch-divisible", "cp-seq", "experts-ep")) {
            assertThat(file).as(id).contains(listed.get(id).get("expr").replace(" ", ""));
        }
    }

    /** An ability begins with the first release that has its option. */
    @Test
    void abilitiesBeginWithTheirOption() throws IOException {
        Map<String, Map<String, String>> options = by("flag", Trainer.MEGATRON_LM);
        int compared = 0;
        for (Rule rule : Trainer.MEGATRON_LM.file().rules()) {
            if (rule.flag().isPresent()) {
                assertThat(rule.from()).as(rule.id())
                        .hasValue(Version.of(options.get(rule.flag().get()).get("first_tag")));
                compared++;
            }
        }
        assertThat(compared).isGreaterThan(10);
    }
}

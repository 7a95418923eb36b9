package io.longhaul.monitor.log;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LiteralsTest {
    /** {@code &} for all, {@code /} for any. */
    private static String text(Need need) {
        return switch (need) {
            case Need.Text t -> t.text();
            case Need.All all -> joined(all.parts(), " & ");
            case Need.Any any -> joined(any.parts(), " / ");
        };
    }

    private static String joined(List<Need> parts, String separator) {
        return parts.stream().map(LiteralsTest::text).collect(Collectors.joining(separator, "(", ")"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '~', value = {
            "Address already in use ~ address already in use",
            "abc.*defgh ~ (abc & defgh)",
            "abcd|efgh ~ (abcd / efgh)",
            "x(abcd|efgh)y ~ (abcd / efgh)",
            "(gpu|node).{0,60}(lost|is down) ~ ((gpu / node) & (lost / is down))",
            "\\(gres\\) ~ (gres)",
            "exitcode\\s*: -9\\b ~ (exitcode & : -9)",
            "abcde? ~ abcd",
            "(?!abcdef)wxyz ~ wxyz"})
    void findsWhatALineMustHold(String regex, String holds) {
        assertThat(text(Objects.requireNonNull(Literals.of(regex)))).isEqualTo(holds);
    }

    @Test
    void saysWhenItDoesNotKnow() {
        assertThat(Literals.of("(abcd)?")).isNull();
        assertThat(Literals.of("abcd|.*")).isNull();
        assertThat(Literals.of("\\d+")).isNull();
        assertThat(Literals.of("[abc]+")).isNull();
        assertThat(Literals.of("ab")).isNull();
    }

    /** Skipping rules changes no answer: lines made of pieces of the rules themselves. */
    @Test
    void agreesWithTryingEveryRule() {
        LogRules rules = LogRules.builtIn();
        List<String> pieces = new ArrayList<>(
                List.of("79", "): ", " error ", "fail", "iteration 7/ 9 | ", "(", "nan"));
        for (LogRule rule : rules.all()) {
            pieces.addAll(List.of(rule.pattern().pattern().split("[|()\\\\*?{}\\[\\]^$.+]+")));
        }
        SplittableRandom random = new SplittableRandom(1);
        int known = 0;
        for (int i = 0; i < 3000; i++) {
            StringBuilder line = new StringBuilder();
            for (int j = random.nextInt(5); j >= 0; j--) {
                String piece = pieces.get(random.nextInt(pieces.size()));
                line.append(random.nextInt(4) == 0 ? piece.toUpperCase(java.util.Locale.ROOT) : piece)
                        .append(random.nextBoolean() ? " " : "");
            }
            String text = line.toString();
            Optional<LogRule> first = rules.all()
                    .stream()
                    .filter(r -> r.pattern().matcher(text).find())
                    .findFirst();
            assertThat(rules.match(text)).as(text).isEqualTo(first);
            known += first.isPresent() ? 1 : 0;
        }
        assertThat(known).isGreaterThan(1000);
    }
}

package io.longhaul.monitor.log;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class LiteralsTest {
    @Test
    void findsWhatALineMustHold() {
        assertThat(Literals.of("Address already in use")).isEqualTo(Set.of("address already in use"));
        assertThat(Literals.of("abc.*defgh")).isEqualTo(Set.of("defgh"));
        assertThat(Literals.of("abcd|efgh")).isEqualTo(Set.of("abcd", "efgh"));
        assertThat(Literals.of("x(abcd|efgh)y")).isEqualTo(Set.of("abcd", "efgh"));
        assertThat(Literals.of("\\(gres\\)")).isEqualTo(Set.of("(gres)"));
        assertThat(Literals.of("exitcode\\s*: -9\\b")).isEqualTo(Set.of("exitcode"));
        assertThat(Literals.of("abcde?")).isEqualTo(Set.of("abcd"));
        assertThat(Literals.of("(?!abcdef)wxyz")).isEqualTo(Set.of("wxyz"));
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

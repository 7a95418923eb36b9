package io.longhaul.monitor.log;

import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Texts of which a line must hold at least one to match a regular expression, so that most expressions need not be
 * tried. Knows the constructs that the rules use; where it is not sure it says that it does not know.
 */
final class Literals {
    private static final int SHORTEST = 3;

    private final String regex;
    private int at;

    private Literals(String regex) {
        this.regex = regex;
    }

    /** Lower-case texts of at least three characters; null if there are none. */
    static @Nullable Set<String> of(String regex) {
        Literals parser = new Literals(regex);
        Set<String> found = parser.alternation();
        return parser.at == regex.length() ? found : null;
    }

    private @Nullable Set<String> alternation() {
        Set<String> all = new HashSet<>();
        boolean known = true;
        while (true) {
            Set<String> one = sequence();
            known &= one != null;
            if (one != null) {
                all.addAll(one);
            }
            if (at == regex.length() || regex.charAt(at) != '|') {
                return known ? all : null;
            }
            at++;
        }
    }

    private @Nullable Set<String> sequence() {
        Set<String> best = null;
        StringBuilder run = new StringBuilder();
        while (at < regex.length() && regex.charAt(at) != '|' && regex.charAt(at) != ')') {
            char c = regex.charAt(at++);
            if (c == '^' || c == '$') {
                continue;
            }
            if (c == '\\' && at < regex.length() && "bB".indexOf(regex.charAt(at)) >= 0) {
                at++;
                continue;
            }
            boolean literal = c != '(' && c != '[' && c != '.';
            Set<String> group = null;
            if (c == '\\' && at < regex.length()) {
                c = regex.charAt(at++);
                literal = !Character.isLetterOrDigit(c);
            } else if (c == '[') {
                skipClass();
            } else if (c == '(') {
                group = group();
            }
            char quantifier = quantifier();
            if (literal && quantifier == ' ') {
                run.append(c);
                continue;
            }
            best = better(best, run);
            run.setLength(0);
            if (group != null && quantifier != '?' && quantifier != '*') {
                best = better(best, group);
            }
        }
        return better(best, run);
    }

    /** What is in the parentheses; nothing for a look ahead or behind, which needs not be in the line. */
    private @Nullable Set<String> group() {
        boolean look = regex.startsWith("?=", at) || regex.startsWith("?!", at) || regex.startsWith("?<", at);
        if (regex.startsWith("?:", at)) {
            at += 2;
        }
        Set<String> inner = alternation();
        if (at < regex.length()) {
            at++;
        }
        return look ? null : inner;
    }

    private void skipClass() {
        for (int first = at; at < regex.length(); at++) {
            char c = regex.charAt(at);
            if (c == '\\') {
                at++;
            } else if (c == ']' && at > first) {
                at++;
                return;
            }
        }
    }

    /** A blank for once, ? or * for perhaps not at all, + for at least once. */
    private char quantifier() {
        char found = ' ';
        while (at < regex.length() && "?*+{".indexOf(regex.charAt(at)) >= 0) {
            char c = regex.charAt(at++);
            if (c == '{') {
                int end = regex.indexOf('}', at);
                c = regex.charAt(at) == '0' || regex.charAt(at) == ',' ? '*' : '+';
                at = end < 0 ? regex.length() : end + 1;
            }
            found = found == ' ' ? c : found;
        }
        return found;
    }

    private static @Nullable Set<String> better(@Nullable Set<String> best, StringBuilder run) {
        return run.length() < SHORTEST ? best : better(best, Set.of(run.toString().toLowerCase(Locale.ROOT)));
    }

    private static @Nullable Set<String> better(@Nullable Set<String> best, Set<String> other) {
        return best == null || shortest(other) > shortest(best) ? other : best;
    }

    private static int shortest(Set<String> texts) {
        return texts.stream().mapToInt(String::length).min().orElse(0);
    }
}

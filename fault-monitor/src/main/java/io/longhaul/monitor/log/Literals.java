package io.longhaul.monitor.log;

import io.longhaul.monitor.log.Need.All;
import io.longhaul.monitor.log.Need.Any;
import io.longhaul.monitor.log.Need.Text;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Texts that a line must hold to match a regular expression, so that most expressions need not be tried. Knows the
 * constructs that the rules use; where it is not sure it says that it does not know.
 */
final class Literals {
    private static final int SHORTEST = 3;

    private final String regex;
    private int at;

    private Literals(String regex) {
        this.regex = regex;
    }

    /** Lower-case texts of at least three characters; null if nothing is known. */
    static @Nullable Need of(String regex) {
        Literals parser = new Literals(regex);
        Need found = parser.alternation();
        return parser.at == regex.length() ? found : null;
    }

    private @Nullable Need alternation() {
        List<Need> branches = new ArrayList<>();
        boolean known = true;
        while (true) {
            Need one = sequence();
            known &= one != null;
            if (one != null) {
                branches.add(one);
            }
            if (at == regex.length() || regex.charAt(at) != '|') {
                return !known ? null : branches.size() == 1 ? branches.getFirst() : new Any(branches);
            }
            at++;
        }
    }

    private @Nullable Need sequence() {
        List<Need> parts = new ArrayList<>();
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
            Need group = null;
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
            end(run, parts);
            if (group != null && quantifier != '?' && quantifier != '*') {
                parts.add(group);
            }
        }
        end(run, parts);
        return parts.isEmpty() ? null : parts.size() == 1 ? parts.getFirst() : new All(parts);
    }

    private static void end(StringBuilder run, List<Need> parts) {
        if (run.length() >= SHORTEST) {
            parts.add(new Text(run.toString().toLowerCase(Locale.ROOT)));
        }
        run.setLength(0);
    }

    /** What is in the parentheses; nothing for a look ahead or behind, which needs not be in the line. */
    private @Nullable Need group() {
        boolean look = regex.startsWith("?=", at) || regex.startsWith("?!", at) || regex.startsWith("?<", at);
        if (regex.startsWith("?:", at)) {
            at += 2;
        }
        Need inner = alternation();
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
}

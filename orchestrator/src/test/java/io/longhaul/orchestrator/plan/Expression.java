package io.longhaul.orchestrator.plan;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/** Conditions of the frameworks' rules over whole numbers: {@code -> || && == > >= < <= + - * / %} and brackets. */
final class Expression {
    private static final Pattern TOKEN = Pattern.compile("[A-Za-z_]\\w*|\\d+|->|\\|\\||&&|==|>=|<=|\\S");
    private static final Pattern NAME = Pattern.compile("[A-Za-z_]\\w*");
    /** From the loosest to the tightest; operators of a level associate to the left. */
    private static final List<List<String>> LEVELS = List.of(
            List.of("->"), List.of("||"), List.of("&&"), List.of("==", ">", ">=", "<", "<="),
            List.of("+", "-"),
            List.of("*", "/", "%"));

    private final List<String> tokens = new ArrayList<>();
    private final Map<String, Long> names;
    private int at;

    private Expression(String text, Map<String, Long> names) {
        TOKEN.matcher(text).results().map(MatchResult::group).forEach(tokens::add);
        this.names = names;
    }

    /** Whether the text is a condition, not a definition, over these names alone. */
    static boolean isCondition(String text, Set<String> names) {
        return !text.isEmpty() && !text.matches(".*(?<![=<>])=(?!=).*|.*[?;:].*")
                && NAME.matcher(text).results().map(MatchResult::group).allMatch(names::contains);
    }

    static boolean holds(String text, Map<String, Long> names) {
        Expression expression = new Expression(text, names);
        long value = expression.level(0);
        if (expression.at < expression.tokens.size()) {
            throw new IllegalArgumentException("not understood: " + text);
        }
        return value != 0;
    }

    private long level(int level) {
        if (level == LEVELS.size()) {
            return operand();
        }
        long left = level(level + 1);
        while (at < tokens.size() && LEVELS.get(level).contains(tokens.get(at))) {
            String operator = tokens.get(at++);
            left = apply(operator, left, level(level + 1));
        }
        return left;
    }

    private long operand() {
        String token = tokens.get(at++);
        if (token.equals("(")) {
            long value = level(0);
            at++;
            return value;
        }
        Long named = names.get(token);
        return named != null ? named : Long.parseLong(token);
    }

    private static long apply(String operator, long a, long b) {
        return switch (operator) {
            case "->" -> a == 0 || b != 0 ? 1 : 0;
            case "||" -> a != 0 || b != 0 ? 1 : 0;
            case "&&" -> a != 0 && b != 0 ? 1 : 0;
            case "==" -> a == b ? 1 : 0;
            case ">" -> a > b ? 1 : 0;
            case ">=" -> a >= b ? 1 : 0;
            case "<" -> a < b ? 1 : 0;
            case "<=" -> a <= b ? 1 : 0;
            case "+" -> a + b;
            case "-" -> a - b;
            case "*" -> a * b;
            case "/" -> a / b;
            case "%" -> a % b;
            default -> throw new IllegalArgumentException(operator);
        };
    }
}

package io.longhaul.planner.legal;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/**
 * A condition over {@link Fact}s in whole numbers, compiled once and evaluated without allocation. Operators from the
 * loosest: {@code ->} (if, then; to the right), {@code ||}, {@code &&}, comparisons, {@code + -}, {@code * / %},
 * {@code !}, brackets. Truth is 1, everything but 0 is true. {@code x / 0} is 0 and {@code x % 0} is x, as if zero
 * divided nothing but zero.
 */
final class Expression {
    private static final Pattern TOKEN = Pattern
            .compile("[A-Za-z_]\\w*|\\d+|->|\\|\\||&&|==|!=|>=|<=|[-+*/%<>!()]|\\S");
    private static final List<List<String>> LEVELS = List.of(
            List.of("->"), List.of("||"), List.of("&&"), List.of("==", "!=", ">", ">=", "<", "<="),
            List.of("+", "-"),
            List.of("*", "/", "%"));

    /** A part of the condition. */
    private interface Node {
        long of(long[] facts);
    }

    private final Node root;
    private final Set<Fact> facts;

    private Expression(Node root, Set<Fact> facts) {
        this.root = root;
        this.facts = facts;
    }

    /** @throws IllegalArgumentException if the text is no condition, or names something unknown */
    static Expression compile(String text) {
        Parser parser = new Parser(text);
        Node root = parser.level(0);
        if (parser.at < parser.tokens.size()) {
            throw new IllegalArgumentException("not understood after " + parser.at + " words: " + text);
        }
        return new Expression(root, parser.facts);
    }

    boolean holds(long[] values) {
        return root.of(values) != 0;
    }

    /** Facts that the condition reads. */
    Set<Fact> facts() {
        return facts;
    }

    private static final class Parser {
        private final List<String> tokens;
        private final String text;
        private final Set<Fact> facts = EnumSet.noneOf(Fact.class);
        private int at;

        Parser(String text) {
            this.text = text;
            this.tokens = new ArrayList<>(TOKEN.matcher(text).results().map(MatchResult::group).toList());
        }

        Node level(int level) {
            if (level == LEVELS.size()) {
                return operand();
            }
            Node left = level(level + 1);
            while (at < tokens.size() && LEVELS.get(level).contains(tokens.get(at))) {
                String operator = tokens.get(at++);
                left = join(operator, left, level(operator.equals("->") ? level : level + 1));
            }
            return left;
        }

        private Node operand() {
            if (at == tokens.size()) {
                throw new IllegalArgumentException("ends too early: " + text);
            }
            String token = tokens.get(at++);
            if (token.equals("!")) {
                Node inner = operand();
                return facts -> inner.of(facts) == 0 ? 1 : 0;
            }
            if (token.equals("(")) {
                Node inner = level(0);
                if (at == tokens.size() || !tokens.get(at++).equals(")")) {
                    throw new IllegalArgumentException("bracket not closed: " + text);
                }
                return inner;
            }
            if (Character.isDigit(token.charAt(0))) {
                long number = Long.parseLong(token);
                return facts -> number;
            }
            Fact fact = Fact.named(token);
            if (fact != null) {
                facts.add(fact);
                int index = fact.ordinal();
                return values -> values[index];
            }
            long constant = Names.constant(token);
            return values -> constant;
        }

        private static Node join(String operator, Node a, Node b) {
            return switch (operator) {
                case "->" -> f -> a.of(f) == 0 || b.of(f) != 0 ? 1 : 0;
                case "||" -> f -> a.of(f) != 0 || b.of(f) != 0 ? 1 : 0;
                case "&&" -> f -> a.of(f) != 0 && b.of(f) != 0 ? 1 : 0;
                case "==" -> f -> a.of(f) == b.of(f) ? 1 : 0;
                case "!=" -> f -> a.of(f) != b.of(f) ? 1 : 0;
                case ">" -> f -> a.of(f) > b.of(f) ? 1 : 0;
                case ">=" -> f -> a.of(f) >= b.of(f) ? 1 : 0;
                case "<" -> f -> a.of(f) < b.of(f) ? 1 : 0;
                case "<=" -> f -> a.of(f) <= b.of(f) ? 1 : 0;
                case "+" -> f -> a.of(f) + b.of(f);
                case "-" -> f -> a.of(f) - b.of(f);
                case "*" -> f -> a.of(f) * b.of(f);
                case "/" -> f -> quotient(a.of(f), b.of(f));
                case "%" -> f -> rest(a.of(f), b.of(f));
                default -> throw new IllegalArgumentException(operator);
            };
        }

        private static long quotient(long a, long b) {
            return b == 0 ? 0 : a / b;
        }

        private static long rest(long a, long b) {
            return b == 0 ? a : a % b;
        }
    }
}

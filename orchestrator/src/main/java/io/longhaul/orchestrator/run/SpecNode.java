package io.longhaul.orchestrator.run;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.LongFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.MissingNode;

/**
 * An object of a RunSpec document while it is read: hands out checked fields, collects what is wrong, and at the
 * end refuses what nobody asked for. After a problem a harmless value is handed out, so that reading goes on.
 */
final class SpecNode {
    private static final Pattern DURATION = Pattern.compile("(\\d{1,9})(ms|s|m|h)");

    private final JsonNode node;
    private final String pointer;
    private final List<FieldProblem> problems;
    private final Set<String> known = new LinkedHashSet<>();

    SpecNode(JsonNode node, String pointer, List<FieldProblem> problems) {
        this.node = node;
        this.pointer = pointer;
        this.problems = problems;
        if (!node.isObject() && !node.isMissingNode()) {
            problem("", shown(node), "an object with fields", "");
        }
    }

    boolean present() {
        return node.isObject();
    }

    private JsonNode field(String name) {
        known.add(name);
        JsonNode value = node.path(name);
        return value.isNull() ? MissingNode.getInstance() : value;
    }

    boolean has(String name) {
        return !field(name).isMissingNode();
    }

    void problem(String field, String value, String allowed, String hint) {
        problems.add(
                new FieldProblem(field.isEmpty() ? pointer : pointer + "/" + field, value, allowed, hint));
    }

    /** A problem of a field that has been read. */
    void problem(String field, String allowed, String hint) {
        problem(field, shown(field(field)), allowed, hint);
    }

    String shown(String field) {
        return shown(field(field));
    }

    private static String shown(JsonNode value) {
        String text = value.isMissingNode() ? "" : value.isValueNode() ? value.asString() : value.toString();
        return text.length() > 80 ? text.substring(0, 77) + "..." : text;
    }

    SpecNode object(String name) {
        JsonNode value = field(name);
        return new SpecNode(value, pointer + "/" + name, problems);
    }

    SpecNode requiredObject(String name) {
        SpecNode inner = object(name);
        if (inner.node.isMissingNode()) {
            problem(name, "", "an object with fields", "add it");
        }
        return inner;
    }

    /** An integer in {@code [low, high]}; a missing one is a problem. */
    long integer(String name, long low, long high) {
        if (!has(name)) {
            problem(name, "", "a whole number from " + low + " to " + high, "add it");
            return low;
        }
        return integer(name, low, high, low);
    }

    /** An integer in {@code [low, high]}, {@code otherwise} if it is missing. */
    long integer(String name, long low, long high, long otherwise) {
        JsonNode value = field(name);
        if (value.isMissingNode()) {
            return otherwise;
        }
        if (!value.isIntegralNumber() || !value.canConvertToLong() || value.asLong() < low
                || value.asLong() > high) {
            problem(name, shown(value), "a whole number from " + low + " to " + high, unquoted(value));
            return low;
        }
        return value.asLong();
    }

    double number(String name, double low, double high, double otherwise) {
        JsonNode value = field(name);
        String allowed = "a number from " + plain(low) + " to " + plain(high);
        if (value.isMissingNode()) {
            if (Double.isNaN(otherwise)) {
                problem(name, "", allowed, "add it");
                return low;
            }
            return otherwise;
        }
        if (!value.isNumber() || !(value.asDouble() >= low && value.asDouble() <= high)) {
            problem(name, shown(value), allowed, unquoted(value));
            return low;
        }
        return value.asDouble();
    }

    private static String unquoted(JsonNode value) {
        return value.isString() ? "write a number, without quotes" : "";
    }

    private static String plain(double value) {
        return value == Math.rint(value) && Math.abs(value) < 1e15
                ? Long.toString((long) value)
                : Double.toString(value);
    }

    boolean flag(String name, boolean otherwise) {
        JsonNode value = field(name);
        if (value.isMissingNode()) {
            return otherwise;
        }
        if (!value.isBoolean()) {
            problem(name, shown(value), "true or false", "");
            return otherwise;
        }
        return value.asBoolean();
    }

    /** A text that matches; a missing one is a problem. */
    String text(String name, Pattern allowed, String description) {
        JsonNode value = field(name);
        if (!value.isString() || !allowed.matcher(value.asString()).matches()) {
            problem(name, shown(value), description, value.isMissingNode() ? "add it" : "");
            return "";
        }
        return value.asString();
    }

    Optional<String> optionalText(String name) {
        JsonNode value = field(name);
        if (value.isMissingNode()) {
            return Optional.empty();
        }
        if (!value.isString() || value.asString().isBlank() || value.asString().indexOf('\0') >= 0) {
            problem(name, shown(value), "a text that is not empty, without zero characters", "");
            return Optional.empty();
        }
        return Optional.of(value.asString());
    }

    <E extends Enum<E>> E choice(String name, Class<E> type, E otherwise) {
        JsonNode value = field(name);
        if (value.isMissingNode()) {
            return otherwise;
        }
        List<String> names = new ArrayList<>();
        for (E constant : type.getEnumConstants()) {
            String written = Responses.lower(constant.name());
            if (value.isString() && value.asString().equals(written)) {
                return constant;
            }
            names.add(written);
        }
        problem(name, shown(value), "one of " + String.join(", ", names), near(shown(value), names));
        return otherwise;
    }

    /** One constant or a list of different ones, {@code otherwise} alone if it is missing. */
    <E extends Enum<E>> List<E> choices(String name, Class<E> type, E otherwise) {
        JsonNode value = field(name);
        if (!value.isArray()) {
            return List.of(choice(name, type, otherwise));
        }
        List<String> names = Arrays.stream(type.getEnumConstants())
                .map(c -> Responses.lower(c.name()))
                .toList();
        List<E> chosen = new ArrayList<>();
        for (int i = 0; i < value.size(); i++) {
            JsonNode one = value.get(i);
            int index = one.isString() ? names.indexOf(one.asString()) : -1;
            if (index < 0 || chosen.contains(type.getEnumConstants()[index])) {
                problem(name + "/" + i, shown(one), "one of " + String.join(", ", names) + ", once",
                        near(shown(one), names));
            } else {
                chosen.add(type.getEnumConstants()[index]);
            }
        }
        if (value.isEmpty()) {
            problem(name, "[]", "one at least of " + String.join(", ", names), "");
        }
        return chosen.isEmpty() ? List.of(otherwise) : chosen;
    }

    Duration duration(String name, Duration otherwise) {
        JsonNode value = field(name);
        if (value.isMissingNode()) {
            return otherwise;
        }
        Matcher parts = DURATION.matcher(shown(value));
        if (!value.isString() || !parts.matches() || Long.parseLong(parts.group(1)) == 0) {
            problem(name, shown(value), "a positive time such as 500ms, 60s, 10m or 2h", "");
            return otherwise;
        }
        LongFunction<Duration> unit = switch (parts.group(2)) {
            case "ms" -> Duration::ofMillis;
            case "s" -> Duration::ofSeconds;
            case "m" -> Duration::ofMinutes;
            default -> Duration::ofHours;
        };
        return unit.apply(Long.parseLong(parts.group(1)));
    }

    /** The object's fields as texts; numbers are as written. Each name and value has to match. */
    Map<String, String> texts(String name, Pattern names, Pattern values, String allowed) {
        SpecNode inner = object(name);
        Map<String, String> found = new LinkedHashMap<>();
        if (!inner.present()) {
            return found;
        }
        for (String key : inner.node.propertyNames()) {
            JsonNode value = inner.field(key);
            if (!names.matcher(key).matches() || !(value.isString() || value.isNumber())
                    || !values.matcher(value.asString()).matches()) {
                inner.problem(key.replace("/", "~1"), shown(value), allowed, "");
            } else {
                found.put(key, value.asString());
            }
        }
        return found;
    }

    /** The elements of a list, none if it is missing. */
    List<SpecNode> list(String name) {
        JsonNode value = field(name);
        List<SpecNode> elements = new ArrayList<>();
        if (!value.isArray()) {
            if (!value.isMissingNode()) {
                problem(name, shown(value), "a list", "");
            }
            return elements;
        }
        for (int i = 0; i < value.size(); i++) {
            elements.add(new SpecNode(value.get(i), pointer + "/" + name + "/" + i, problems));
        }
        return elements;
    }

    /** A text that matches, {@code otherwise} if it is missing. */
    String text(String name, Pattern allowed, String description, String otherwise) {
        return has(name) ? text(name, allowed, description) : otherwise;
    }

    /** An integer in {@code [low, high]} if there is one. */
    OptionalInt optionalInteger(String name, int low, int high) {
        return has(name) ? OptionalInt.of((int) integer(name, low, high)) : OptionalInt.empty();
    }

    /** A number in {@code [low, high]} if there is one. */
    OptionalDouble optionalNumber(String name, double low, double high) {
        return has(name) ? OptionalDouble.of(number(name, low, high, low)) : OptionalDouble.empty();
    }

    /** Refuses fields that were never asked for. */
    void nothingElse() {
        if (!node.isObject()) {
            return;
        }
        for (String name : node.propertyNames()) {
            if (!known.contains(name)) {
                problems.add(
                        new FieldProblem(pointer + "/" + name, "", "one of " + String.join(", ", known),
                                near(name, known)));
            }
        }
    }

    private static String near(String word, Iterable<String> words) {
        for (String candidate : words) {
            if (distance(word.toLowerCase(Locale.ROOT), candidate.toLowerCase(Locale.ROOT)) <= 2) {
                return "did you mean " + candidate + "?";
            }
        }
        return "";
    }

    /** Edits between two words (Levenshtein). */
    private static int distance(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int above = row[j];
                int change = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                row[j] = Math.min(change, 1 + Math.min(row[j], row[j - 1]));
                diagonal = above;
            }
        }
        return row[b.length()];
    }
}

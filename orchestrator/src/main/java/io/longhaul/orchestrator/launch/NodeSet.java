package io.longhaul.orchestrator.launch;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Collection;
import java.util.Collections;
import java.util.Iterator;
import java.util.NavigableSet;
import java.util.TreeSet;
import java.util.stream.IntStream;

/**
 * Nodes of an attempt by their numbers. As text they are ranges such as {@code 0-3,7}, short also for thousands.
 *
 * @param numbers ascending, 0 and above
 */
public record NodeSet(NavigableSet<Integer> numbers) implements Iterable<Integer> {
    public static final NodeSet NONE = new NodeSet(new TreeSet<>());

    public NodeSet {
        numbers = Collections.unmodifiableNavigableSet(new TreeSet<>(numbers));
    }

    public static NodeSet of(Collection<Integer> numbers) {
        return new NodeSet(new TreeSet<>(numbers));
    }

    /** The first nodes: {@code 0} to {@code count - 1}. */
    public static NodeSet first(int count) {
        return of(IntStream.range(0, count).boxed().toList());
    }

    /** @throws IllegalArgumentException if the text is no such list */
    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    public static NodeSet parse(String text) {
        TreeSet<Integer> numbers = new TreeSet<>();
        for (String part : text.isEmpty() ? new String[0] : text.split(",")) {
            int dash = part.indexOf('-');
            int first = Integer.parseInt(dash < 0 ? part : part.substring(0, dash));
            IntStream.rangeClosed(first, Integer.parseInt(part.substring(dash + 1))).forEach(numbers::add);
        }
        return new NodeSet(numbers);
    }

    public boolean contains(int node) {
        return numbers.contains(node);
    }

    public boolean isEmpty() {
        return numbers.isEmpty();
    }

    public int size() {
        return numbers.size();
    }

    public NodeSet without(NodeSet others) {
        TreeSet<Integer> rest = new TreeSet<>(numbers);
        rest.removeAll(others.numbers);
        return new NodeSet(rest);
    }

    public NodeSet and(NodeSet others) {
        TreeSet<Integer> both = new TreeSet<>(numbers);
        both.retainAll(others.numbers);
        return new NodeSet(both);
    }

    @Override
    public Iterator<Integer> iterator() {
        return numbers.iterator();
    }

    @Override
    @JsonValue
    public String toString() {
        StringBuilder text = new StringBuilder();
        for (int first : numbers) {
            if (numbers.contains(first - 1)) {
                continue;
            }
            int last = first;
            while (numbers.contains(last + 1)) {
                last++;
            }
            text.append(text.isEmpty() ? "" : ",").append(first).append(last > first ? "-" + last : "");
        }
        return text.toString();
    }
}

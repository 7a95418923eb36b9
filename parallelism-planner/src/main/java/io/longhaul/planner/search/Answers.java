package io.longhaul.planner.search;

import io.longhaul.planner.legal.Fact;
import io.longhaul.planner.legal.Facts;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/**
 * What the rules say of some choices, remembered by the few facts that they depend on, so that the answer is looked up for
 * nearly all layouts.
 *
 * @param <T> answer
 */
final class Answers<T> {
    private final Fact[] read;
    private final Map<Key, T> known = new ConcurrentHashMap<>();

    private record Key(long[] values, int hash) {
        static Key of(long[] values) {
            return new Key(values, Arrays.hashCode(values));
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Key key && hash == key.hash && Arrays.equals(values, key.values);
        }

        @Override
        public int hashCode() {
            return hash;
        }
    }

    /** @param read facts that the answer depends on */
    Answers(Set<Fact> read) {
        this.read = read.toArray(Fact[]::new);
    }

    T of(Facts facts, Supplier<T> ask) {
        long[] values = new long[read.length];
        for (int i = 0; i < read.length; i++) {
            values[i] = facts.get(read[i]);
        }
        Key key = Key.of(values);
        T answer = known.get(key);
        if (answer == null) {
            answer = ask.get();
            known.put(key, answer);
        }
        return answer;
    }
}

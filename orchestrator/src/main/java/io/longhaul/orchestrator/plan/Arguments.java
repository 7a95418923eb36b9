package io.longhaul.orchestrator.plan;

import io.longhaul.planner.layout.Recompute;
import java.util.ArrayList;
import java.util.List;

/** Words of a command line, in the order in which they are added. */
final class Arguments {
    private final List<String> list = new ArrayList<>();

    Arguments add(String name, long value) {
        return add(name, Long.toString(value));
    }

    /** Whole numbers without a fraction, others so that they read back as the same number. */
    Arguments add(String name, double value) {
        return add(name, value == Math.rint(value) && Math.abs(value) < 1e9
                ? Long.toString((long) value)
                : Double.toString(value));
    }

    Arguments add(String name, String... values) {
        list.add(name);
        list.addAll(List.of(values));
        return this;
    }

    Arguments flag(String... names) {
        list.addAll(List.of(names));
        return this;
    }

    Arguments flagIf(boolean condition, String name) {
        return condition ? flag(name) : this;
    }

    /** Recomputation, in the words that both trainers share; {@code chunks} share a stage's layers. */
    Arguments recompute(Recompute recompute, int chunks) {
        return switch (recompute.kind()) {
            case NONE -> this;
            case SELECTIVE -> add("--recompute-granularity", "selective");
            case FULL -> {
                boolean all = recompute.layers() == Integer.MAX_VALUE;
                yield add("--recompute-granularity", "full")
                        .add("--recompute-method", all ? "uniform" : "block")
                        .add("--recompute-num-layers", all ? 1 : recompute.layers() / chunks);
            }
        };
    }

    List<String> list() {
        return List.copyOf(list);
    }
}

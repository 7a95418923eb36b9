package io.longhaul.planner.legal;

import io.longhaul.planner.layout.ContextKind;
import io.longhaul.planner.layout.OptimizerKind;
import io.longhaul.planner.layout.Precision;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.layout.Schedule;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** Names of a layout's choices as rules write them, for instance {@code MXFP8}. */
final class Names {
    /** What the launch text leaves as it is: weights whole in a tensor group, no embedding or loss counted as a layer. */
    private static final Map<String, Long> CONSTANTS = new HashMap<>(
            Map.of("gtp", 1L, "egtp", 1L, "embCount", 0L, "lossCount", 0L, "overlapP2p", 1L));

    static {
        for (Fact fact : Fact.values()) {
            choices(fact).ifPresent(all -> {
                for (Enum<?> choice : all) {
                    // NONE is only a kind of recomputation, so a name means one number.
                    CONSTANTS.put(choice.name(), (long) choice.ordinal());
                }
            });
        }
    }

    private Names() {}

    /** The choices that a fact's number counts, if it counts choices. */
    static Optional<Enum<?>[]> choices(Fact fact) {
        return Optional.ofNullable(switch (fact) {
            case SCHEDULE -> Schedule.values();
            case CONTEXT_KIND -> ContextKind.values();
            case RECOMPUTE -> Recompute.Kind.values();
            case PRECISION -> Precision.values();
            case OPTIMIZER -> OptimizerKind.values();
            default -> null;
        });
    }

    /** @throws IllegalArgumentException for a name of nothing */
    static long constant(String name) {
        Long value = CONSTANTS.get(name);
        if (value == null) {
            throw new IllegalArgumentException("no fact and no choice is called " + name);
        }
        return value;
    }
}

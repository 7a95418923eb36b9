package io.longhaul.monitor.log;

import java.util.List;
import java.util.Set;

/** Which texts a line must hold, lower case. */
sealed interface Need {
    /** @param present texts that the line holds */
    boolean met(Set<String> present);

    /** Every text that is spoken of. */
    List<String> texts();

    /** This text. */
    record Text(String text) implements Need {
        @Override
        public boolean met(Set<String> present) {
            return present.contains(text);
        }

        @Override
        public List<String> texts() {
            return List.of(text);
        }
    }

    /** All of these. */
    record All(List<Need> parts) implements Need {
        public All {
            parts = List.copyOf(parts);
        }

        @Override
        public boolean met(Set<String> present) {
            for (Need part : parts) {
                if (!part.met(present)) {
                    return false;
                }
            }
            return true;
        }

        @Override
        public List<String> texts() {
            return parts.stream().flatMap(part -> part.texts().stream()).toList();
        }
    }

    /** At least one of these. */
    record Any(List<Need> parts) implements Need {
        public Any {
            parts = List.copyOf(parts);
        }

        @Override
        public boolean met(Set<String> present) {
            for (Need part : parts) {
                if (part.met(present)) {
                    return true;
                }
            }
            return false;
        }

        @Override
        public List<String> texts() {
            return parts.stream().flatMap(part -> part.texts().stream()).toList();
        }
    }
}

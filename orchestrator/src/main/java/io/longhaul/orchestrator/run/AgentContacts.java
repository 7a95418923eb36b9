package io.longhaul.orchestrator.run;

import io.longhaul.orchestrator.launch.AttemptKey;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/** When agents were in touch, and up to when they have told all they know. */
final class AgentContacts {
    private final Instant listeningSince;
    private final Map<AttemptKey, Map<Integer, Contact>> contacts = new ConcurrentHashMap<>();

    /**
     * @param at when the agent was last in touch, by this service's clock
     * @param toldUpTo everything that it had to say up to then, by its own clock, is stored; empty if it never said so
     */
    private record Contact(Instant at, Optional<Instant> toldUpTo) {
        Contact merge(Contact other) {
            Optional<Instant> newest = toldUpTo.isEmpty()
                    || other.toldUpTo.isPresent() && other.toldUpTo.get().isAfter(toldUpTo.get())
                            ? other.toldUpTo
                            : toldUpTo;
            return new Contact(at.isAfter(other.at) ? at : other.at, newest);
        }
    }

    /** @param listeningSince before then nobody could have been heard */
    AgentContacts(Instant listeningSince) {
        this.listeningSince = listeningSince;
    }

    void heard(AttemptKey attempt, int node, Instant now, Optional<Instant> toldUpTo) {
        contacts.computeIfAbsent(attempt, key -> new ConcurrentHashMap<>())
                .merge(node, new Contact(now, toldUpTo), Contact::merge);
    }

    void forget(AttemptKey attempt) {
        contacts.remove(attempt);
    }

    /** What is known of an attempt's agents now; what comes later is not in it. */
    Heard of(AttemptKey attempt) {
        return new Heard(Map.copyOf(contacts.getOrDefault(attempt, Map.of())));
    }

    /** A moment's knowledge of one attempt's agents. */
    final class Heard {
        private final Map<Integer, Contact> nodes;

        private Heard(Map<Integer, Contact> nodes) {
            this.nodes = nodes;
        }

        /** A trainer's silence means something only up to where every agent that is left has told all it knows. */
        Optional<Instant> toldUpTo(Attempt attempt) {
            Optional<Instant> earliest = Optional.empty();
            for (int node : attempt.nodesNotExited()) {
                Contact contact = nodes.get(node);
                if (contact == null || contact.toldUpTo().isEmpty()) {
                    return Optional.empty();
                }
                if (earliest.isEmpty() || contact.toldUpTo().get().isBefore(earliest.get())) {
                    earliest = contact.toldUpTo();
                }
            }
            return earliest;
        }

        /** An attempt that has started was heard then, though perhaps after this moment's knowledge was taken. */
        private Instant since(Attempt attempt) {
            return attempt.startedAt().filter(at -> at.isAfter(listeningSince)).orElse(listeningSince);
        }

        /** Who has been silent for longer than the limit, and who is in touch. */
        List<RunInput> silence(Attempt attempt, Duration limit, Instant now) {
            List<RunInput> inputs = new ArrayList<>();
            for (int node : attempt.nodesNotExited()) {
                Contact contact = nodes.get(node);
                Instant last = contact == null ? since(attempt) : contact.at();
                if (Duration.between(last, now).compareTo(limit) > 0) {
                    inputs.add(new RunInput.Silent(attempt.number(), node, last));
                } else if (contact != null) {
                    inputs.add(new RunInput.Heard(attempt.number(), node));
                }
            }
            return inputs;
        }
    }
}

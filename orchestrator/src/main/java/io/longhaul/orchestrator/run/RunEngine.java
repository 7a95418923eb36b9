package io.longhaul.orchestrator.run;

import io.longhaul.orchestrator.adapt.AdaptOutcome;
import io.longhaul.orchestrator.adapt.AdaptPort;
import io.longhaul.orchestrator.adapt.AdaptRequest;
import io.longhaul.orchestrator.attempt.AttemptTrack;
import io.longhaul.orchestrator.attempt.AttemptTrack.StepPoint;
import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.launch.BlockedException;
import io.longhaul.orchestrator.launch.LaunchException;
import io.longhaul.orchestrator.launch.NodeSet;
import io.longhaul.orchestrator.launch.WorkloadBackend;
import io.longhaul.orchestrator.launch.WorkloadObservation;
import io.longhaul.orchestrator.launch.WorkloadObservation.Presence;
import io.longhaul.orchestrator.plan.NoPlanException;
import io.longhaul.orchestrator.plan.PlanPort;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Drives runs: reads what is new, lets {@link RunDecider} decide, stores the decision, then makes the world follow
 * the stored state. The world is only ever changed by repeatable calls that the state asks for, so a crash between
 * any two lines is healed by the next step. Time is an argument.
 */
public final class RunEngine {
    private static final Logger LOG = LoggerFactory.getLogger(RunEngine.class);
    private static final int BATCH = 2000;
    private static final int EFFECTS_PER_STEP = 8;

    private final RunStore store;
    private final Function<RunSpec.Backend, WorkloadBackend> backends;
    private final PlanPort plans;
    private final AdaptPort adapt;
    private final RunDecider decider;
    private final long epoch;
    private final Map<UUID, LiveRun> runs = new ConcurrentHashMap<>();
    private final AgentContacts contacts;
    private final Instant listeningSince;

    /**
     * @param epoch from {@link RunStore#takeOver}
     * @param listeningSince from when on agents could reach this controller
     */
    public RunEngine(
            RunStore store,
            Function<RunSpec.Backend, WorkloadBackend> backends,
            PlanPort plans,
            AdaptPort adapt,
            LaunchFactory launches,
            long epoch,
            Instant listeningSince) {
        this.store = store;
        this.backends = backends;
        this.plans = plans;
        this.adapt = adapt;
        this.decider = new RunDecider(launches);
        this.epoch = epoch;
        this.listeningSince = listeningSince;
        this.contacts = new AgentContacts(listeningSince);
    }

    /** @return the run, an earlier one if the idempotency key was used before */
    public UUID create(RunSpec spec, UUID id, Optional<String> idempotencyKey, Instant now) {
        return store.create(id, new RunEvent.Created(now, spec), idempotencyKey, epoch);
    }

    /** A run in memory, loaded from the store at the first call; empty if there is none. */
    public Optional<LiveRun> run(UUID id) {
        LiveRun known = runs.get(id);
        return known != null
                ? Optional.of(known)
                : Optional.ofNullable(runs.computeIfAbsent(id, key -> load(key).orElse(null)));
    }

    private Optional<LiveRun> load(UUID id) {
        return store.load(id).map(stored -> {
            LiveRun run = new LiveRun(RunState.of(id, stored.events()), stored.events().size());
            List<RunStore.Received> batch;
            do {
                batch = store.records(id, run.cursor(), BATCH);
                batch.stream().filter(r -> r.id() <= stored.cursor()).forEach(run::replay);
            } while (batch.size() == BATCH && batch.getLast().id() < stored.cursor());
            run.advance(run.state(), 0, stored.cursor());
            return run;
        });
    }

    /**
     * Notes that an agent was in touch.
     *
     * @param until everything that it had to say up to then, by its own clock, is in the store
     */
    public void heard(AttemptKey attempt, int node, Instant now, Optional<Instant> until) {
        contacts.heard(attempt, node, now, until);
    }

    /**
     * Takes a run as far as it goes now.
     *
     * @return whether anything changed
     * @throws RunStore.FencedException if this controller was replaced; the run is forgotten and read anew next time
     */
    public boolean step(UUID id, Instant now) {
        LiveRun run = run(id).orElseThrow(() -> new IllegalArgumentException("no run " + id));
        try {
            boolean changed = listen(run, now);
            for (int i = 0; i < EFFECTS_PER_STEP; i++) {
                Optional<RunInput> result = effect(run, now);
                if (result.isEmpty()) {
                    break;
                }
                if (!decide(run, List.of(result.get()), now)) {
                    break;
                }
                changed = true;
                collectGarbage(run);
            }
            return changed;
        } catch (RuntimeException e) {
            // Memory may be ahead of the store: the store is right.
            runs.remove(id);
            throw e;
        }
    }

    private boolean listen(LiveRun run, Instant now) {
        if (run.state().phase().ended()) {
            return false;
        }
        // Presence and contact first: whoever is gone, or has told all up to some time, had sent what is read afterwards.
        boolean all = backend(run).seesAll();
        List<WorkloadObservation> presence = observed(run);
        Optional<AgentContacts.Heard> heard = run.state()
                .lastAttempt()
                .map(attempt -> contacts.of(attempt.launch().key()));
        boolean changed = readRecords(run, now);
        List<RunInput> inputs = new ArrayList<>();
        inputs.add(new RunInput.Tick(listeningSince));
        // Records start no attempt, so the last one is still the one that was listened to.
        run.state().lastAttempt().filter(Attempt::live).ifPresent(attempt -> {
            heard.flatMap(h -> h.toldUpTo(attempt)).ifPresent(until -> {
                synchronized (run) {
                    inputs.addAll(run.tick(attempt.number(), until));
                }
            });
            List<RunInput> silence = heard
                    .map(h -> h.silence(attempt, run.state().spec().policies().stallTimeout(), now))
                    .orElse(List.of());
            inputs.addAll(silence);
            if (attempt.createdAt().isPresent()) {
                List<WorkloadObservation> seen = of(attempt, presence);
                held(attempt, seen).ifPresent(inputs::add);
                synchronized (run) {
                    seen.forEach(p -> p.troubles()
                            .forEach(t -> inputs.addAll(run.observed(attempt.number(), p.node(), now, t))));
                }
                if (attempt.allRegistered() && run.state().machines().isEmpty()) {
                    SortedMap<Integer, String> machines = machines(run, attempt);
                    if (!machines.isEmpty()) {
                        inputs.add(new RunInput.Placed(attempt.number(), machines));
                    }
                }
                if (attempt.stage() == Attempt.Stage.REGISTERING && attempt.allRegistered()) {
                    inputs.add(new RunInput.Ready(attempt.number(), places(attempt, seen)));
                }
                if (all && seen.isEmpty()) {
                    attempt.nodesNotExited()
                            .forEach(node -> inputs.add(new RunInput.Gone(attempt.number(), node,
                                    "somebody else removed the attempt")));
                }
                seen.stream()
                        .filter(p -> p.presence() == Presence.GONE
                                || p.presence() == Presence.LOST && silent(silence, p.node()))
                        .forEach(p -> inputs.add(new RunInput.Gone(attempt.number(), p.node(), p.detail(),
                                p.presence() == Presence.LOST)));
            }
        });
        return decide(run, inputs, now) || changed;
    }

    /** By node; empty unless every node's place is known. */
    private static List<List<String>> places(Attempt attempt, List<WorkloadObservation> seen) {
        List<List<String>> places = seen.stream()
                .sorted(Comparator.comparingInt(WorkloadObservation::node))
                .map(WorkloadObservation::place)
                .filter(place -> !place.isEmpty())
                .toList();
        return places.size() == attempt.launch().nodes() ? places : List.of();
    }

    /** What is in the way of the first node that waits for something, while agents are awaited. */
    private static Optional<RunInput> held(Attempt attempt, List<WorkloadObservation> seen) {
        return attempt.stage() != Attempt.Stage.REGISTERING || seen.isEmpty()
                ? Optional.empty()
                : Optional.of(new RunInput.Held(attempt.number(), seen.stream()
                        .filter(p -> p.presence() == Presence.PENDING && !p.detail().isEmpty())
                        .map(WorkloadObservation::detail)
                        .findFirst()
                        .orElse("")));
    }

    /** What was seen of the nodes of an attempt, wherever their agents come from. */
    private static List<WorkloadObservation> of(Attempt attempt, List<WorkloadObservation> presence) {
        Map<AttemptKey, NodeSet> agents = attempt.launch().agents();
        return presence.stream()
                .filter(p -> agents.getOrDefault(p.key(), NodeSet.NONE).contains(p.node()))
                .toList();
    }

    private SortedMap<Integer, String> machines(LiveRun run, Attempt attempt) {
        SortedMap<Integer, String> machines = new TreeMap<>();
        attempt.launch()
                .agents()
                .forEach((made, nodes) -> backend(run).machines(made).forEach((node, machine) -> {
                    if (nodes.contains(node)) {
                        machines.put(node, machine);
                    }
                }));
        return machines;
    }

    private static boolean silent(List<RunInput> silence, int node) {
        return silence.stream().anyMatch(i -> i instanceof RunInput.Silent s && s.node() == node);
    }

    private List<WorkloadObservation> observed(LiveRun run) {
        return backend(run).observe(run.state().id());
    }

    private WorkloadBackend backend(LiveRun run) {
        return backends.apply(run.state().spec().backend());
    }

    private boolean readRecords(LiveRun run, Instant now) {
        boolean changed = false;
        List<RunStore.Received> batch;
        do {
            batch = store.records(run.state().id(), run.cursor(), BATCH);
            if (!batch.isEmpty()) {
                changed = true;
                synchronized (run) {
                    List<RunInput> inputs = new ArrayList<>();
                    for (RunStore.Received received : batch) {
                        inputs.addAll(run.accept(received));
                    }
                    decide(run, inputs, batch.getLast().id(), now);
                }
            }
        } while (batch.size() == BATCH);
        return changed;
    }

    private boolean decide(LiveRun run, List<RunInput> inputs, Instant now) {
        return decide(run, inputs, run.cursor(), now);
    }

    /** @param cursor id of the last record that the inputs take into account */
    private boolean decide(LiveRun run, List<RunInput> inputs, long cursor, Instant now) {
        synchronized (run) {
            List<RunEvent> events = new ArrayList<>();
            List<RunDecider.Command> commands = new ArrayList<>();
            RunState state = run.state();
            for (RunInput input : inputs) {
                RunDecider.Decision decision = decider.decide(state, input, now, epoch);
                state = decision.state();
                events.addAll(decision.events());
                commands.addAll(decision.commands());
            }
            if (events.isEmpty() && cursor == run.cursor()) {
                return false;
            }
            store.commit(run.state().id(), epoch, run.sequence(), events, cursor, commands);
            run.advance(state, events.size(), cursor);
            return true;
        }
    }

    /** What the state asks of the world, done, and what came of it. */
    private Optional<RunInput> effect(LiveRun run, Instant now) {
        RunState state = run.state();
        if (state.phase().ended()) {
            collectGarbage(run);
            return Optional.empty();
        }
        if (state.plan().isEmpty()) {
            return Optional.of(plan(state));
        }
        if (state.needsAdvice()) {
            return Optional.of(advise(run));
        }
        Optional<RecipeChange> unscored = state.awaitsScore();
        if (unscored.isPresent()) {
            return Optional.of(score(run, unscored.get()));
        }
        return state.lastAttempt().flatMap(attempt -> switch (attempt.stage()) {
            case CREATING -> Optional.of(create(run, attempt));
            case ENDING -> attempt.allExited() || !now.isBefore(lastMoment(attempt, now))
                    ? Optional.of(fence(run, attempt, now))
                    : Optional.empty();
            case REGISTERING, STARTING, TRAINING, ENDED -> Optional.empty();
        });
    }

    /** An ending attempt's deadline; agents that could not reach an absent controller have time to reach this one. */
    private Instant lastMoment(Attempt attempt, Instant now) {
        Instant deadline = attempt.deadline().orElse(now);
        Instant reached = listeningSince.plus(RunDecider.STOP_GRACE);
        return deadline.isAfter(reached) ? deadline : reached;
    }

    private RunInput plan(RunState state) {
        try {
            return new RunInput.PlanReady(plans.plan(state.spec()));
        } catch (NoPlanException e) {
            return new RunInput.NoPlan(String.valueOf(e.getMessage()));
        } catch (RuntimeException e) {
            // Planning is a function of the spec: asked again, it would fail again.
            LOG.error("planning of run {} broke", state.id(), e);
            return new RunInput.NoPlan("planning broke, please report it: " + e);
        }
    }

    private RunInput score(LiveRun run, RecipeChange change) {
        try {
            return new RunInput.Scored(
                    adapt.score(run.state().id(), change, run.state().totalSteps(),
                            run.curve(Long.MAX_VALUE)));
        } catch (IllegalArgumentException e) {
            return new RunInput.NotScored(change.id(), String.valueOf(e.getMessage()));
        }
    }

    private RunInput create(LiveRun run, Attempt attempt) {
        try {
            backend(run).create(attempt.launch());
            // Agents that were kept were in touch for the last attempt until now.
            if (attempt.number() > 1) {
                contacts.forget(new AttemptKey(run.state().id(), attempt.number() - 1));
            }
            return new RunInput.Created(attempt.number());
        } catch (BlockedException e) {
            return new RunInput.Held(attempt.number(), String.valueOf(e.getMessage()));
        } catch (LaunchException e) {
            return new RunInput.CreateFailed(attempt.number(), String.valueOf(e.getMessage()));
        }
    }

    private RunInput fence(LiveRun run, Attempt attempt, Instant now) {
        NodeSet kept;
        try {
            kept = end(run, attempt, now);
        } catch (BlockedException e) {
            return new RunInput.Held(attempt.number(), String.valueOf(e.getMessage()));
        }
        // The dead say nothing more: what they said is all in the store now.
        readRecords(run, now);
        Optional<StepPoint> last = run.track(attempt.number()).flatMap(AttemptTrack::lastStep);
        return new RunInput.Fenced(
                attempt.number(), last.map(StepPoint::step).orElse(attempt.launch().resumeStep()),
                last.map(StepPoint::at), kept);
    }

    /** Ends all agents that are not to go on with the next attempt; those that are. */
    private NodeSet end(LiveRun run, Attempt attempt, Instant now) {
        WorkloadBackend backend = backend(run);
        NodeSet running = NodeSet.of(of(attempt, observed(run)).stream()
                .filter(seen -> seen.presence() == Presence.RUNNING)
                .map(WorkloadObservation::node)
                .toList());
        NodeSet kept = backend.keepsAgents()
                ? decider.kept(run.state(), attempt, running, now)
                : NodeSet.NONE;
        attempt.launch().agents().forEach((made, nodes) -> {
            if (kept.isEmpty()) {
                backend.fence(made);
            } else if (!nodes.without(kept).isEmpty()) {
                backend.endNodes(made, nodes.without(kept));
            }
        });
        return kept;
    }

    private RunInput advise(LiveRun run) {
        RunState state = run.state();
        int next = state.attempts().size() + 1;
        long resume = state.resumeStep();
        AdaptRequest request = new AdaptRequest(state.id(), next, resume, state.totalSteps(),
                state.recipeNext(),
                Optional.of(state.spec().model().shape().layerParameters()), run.curve(resume),
                run.validation(resume), state.spec().training().seed());
        try {
            return new RunInput.Advised(next, adapt.adapt(request));
        } catch (RuntimeException e) {
            // Workers stand still meanwhile: training on as before beats waiting for advice.
            LOG.error("advice for attempt {} of run {} broke", next, state.id(), e);
            return new RunInput.Advised(next,
                    new AdaptOutcome(Optional.empty(), "no advice, it broke: " + e));
        }
    }

    /** Removes what ended attempts left in the world, also those that ended in an earlier life of the service. */
    private void collectGarbage(LiveRun run) {
        observed(run).stream()
                .map(WorkloadObservation::key)
                .distinct()
                .filter(key -> key.attempt() <= run.state().attempts().size()
                        && !run.state().agentsOf().contains(key.attempt()))
                .forEach(key -> {
                    try {
                        backend(run).fence(key);
                        backend(run).delete(key);
                        contacts.forget(key);
                    } catch (BlockedException e) {
                        if (run.state().phase().ended()) {
                            throw e; // Nobody looks after an ended run again: this step has to be repeated.
                        }
                        LOG.info("attempt {} of run {} is removed later: {}", key.attempt(), key.run(),
                                e.getMessage());
                    }
                });
    }

    /** A person wants the run to end. */
    public void stop(UUID id, Instant now) {
        act(id, run -> new RunInput.StopAsked(), now);
    }

    /**
     * A person's answer to a proposed change of recipe.
     *
     * @throws IllegalArgumentException if there is no such change
     * @throws IllegalStateException if it was answered before
     */
    public void answer(UUID id, String change, boolean approved, Instant now) {
        act(id, run -> new RunInput.ChangeAnswered(change, approved), now);
    }

    /**
     * A person's answer to what a run waits for.
     *
     * @throws IllegalStateException if it waits for nobody
     */
    public void answer(UUID id, boolean approved, Instant now) {
        act(id, run -> run.answered(approved), now);
    }

    private void act(UUID id, Function<LiveRun, RunInput> input, Instant now) {
        LiveRun run = run(id).orElseThrow(() -> new IllegalArgumentException("no run " + id));
        try {
            decide(run, List.of(input.apply(run)), now);
        } catch (RunStore.FencedException e) {
            runs.remove(id);
            throw e;
        }
    }
}

package io.longhaul.orchestrator.run;

import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.launch.NodeSet;
import io.longhaul.orchestrator.plan.PlannedRun;
import io.longhaul.orchestrator.telemetry.AgentRecord.CheckpointState;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a run: the fold of its events. {@link #apply} returns a new state, a state never changes.
 */
public final class RunState {
    private final UUID id;
    private final RunSpec spec;
    private final Instant createdAt;
    private RunPhase phase = RunPhase.PLANNING;
    private @Nullable PlannedRun plan;
    private Recipe recipe;
    private boolean stopRequested;
    private @Nullable WaitingFor waitingFor;
    private String reason = "";
    private String heldBy = "";
    private @Nullable Instant heldAt;
    private @Nullable Instant endedAt;
    private int advisedBefore;
    private Map<Integer, String> machines = Map.of();
    private List<StepRange> skipped = List.of();
    private List<Attempt> attempts = List.of();
    private NodeSet kept = NodeSet.NONE;
    private Map<String, Incident> incidents = Map.of();
    private Map<String, RecipeChange> changes = Map.of();
    private List<String> notScored = List.of();
    private Map<CheckpointKey, CheckpointEntry> checkpoints = Map.of();

    /** What a person is asked for. */
    public record WaitingFor(String code, String message, String action) {}

    private record CheckpointKey(int attempt, long step) {}

    private RunState(UUID id, RunEvent.Created created) {
        this.id = id;
        this.spec = created.spec();
        this.createdAt = created.at();
        this.recipe = created.spec().training().recipe();
    }

    private RunState(RunState other) {
        this.id = other.id;
        this.spec = other.spec;
        this.createdAt = other.createdAt;
        this.phase = other.phase;
        this.plan = other.plan;
        this.recipe = other.recipe;
        this.stopRequested = other.stopRequested;
        this.waitingFor = other.waitingFor;
        this.reason = other.reason;
        this.heldBy = other.heldBy;
        this.heldAt = other.heldAt;
        this.endedAt = other.endedAt;
        this.advisedBefore = other.advisedBefore;
        this.machines = other.machines;
        this.skipped = other.skipped;
        this.attempts = other.attempts;
        this.kept = other.kept;
        this.incidents = other.incidents;
        this.changes = other.changes;
        this.notScored = other.notScored;
        this.checkpoints = other.checkpoints;
    }

    public static RunState of(UUID id, RunEvent.Created created) {
        return new RunState(id, created);
    }

    /** The fold of a run's events. */
    public static RunState of(UUID id, List<RunEvent> events) {
        if (events.isEmpty() || !(events.getFirst() instanceof RunEvent.Created created)) {
            throw new IllegalArgumentException("the first event of run " + id + " must be Created");
        }
        RunState state = of(id, created);
        for (RunEvent event : events.subList(1, events.size())) {
            state = state.apply(event);
        }
        return state;
    }

    /** The state after one more event. */
    public RunState apply(RunEvent event) {
        RunState next = new RunState(this);
        next.fold(event);
        return next;
    }

    private void fold(RunEvent event) {
        switch (event) {
            case RunEvent.Created again ->
                throw new IllegalArgumentException("created twice at " + again.at());
            case RunEvent.Planned e -> {
                plan = e.plan();
                phase = RunPhase.LAUNCHING;
            }
            case RunEvent.AttemptDecided e -> {
                attempts = plus(attempts, Attempt.decided(e.launch(), e.recipe(), e.skipped(), e.at()));
                recipe = e.recipe();
                skipped = e.skipped();
                kept = NodeSet.NONE;
                phase = RunPhase.LAUNCHING;
                waitingFor = null;
                reason = "";
                heldBy = "";
                machines = Map.of();
            }
            case RunEvent.NodesPlaced e -> machines = Map.copyOf(e.machines());
            case RunEvent.MachineBlamed e -> {
            }
            case RunEvent.AttemptHeld e -> {
                heldBy = e.cause();
                heldAt = e.at();
                reason = e.cause();
            }
            case RunEvent.AttemptCreated e -> replace(attempt(e.attempt()).created(e.at()));
            case RunEvent.NodeRegistered e -> replace(
                    attempt(e.attempt()).registered(e.node(), new Attempt.Node(e.host(), e.freePort())));
            case RunEvent.AttemptStarted e -> replace(attempt(e.attempt()).started(e.at()));
            case RunEvent.FirstStep e -> firstStep(e);
            case RunEvent.CheckpointChanged e -> {
                Map<CheckpointKey, CheckpointEntry> more = new LinkedHashMap<>(checkpoints);
                more.put(new CheckpointKey(e.checkpoint().attempt(), e.checkpoint().step()), e.checkpoint());
                checkpoints = more;
            }
            case RunEvent.IncidentOpened e -> put(e.incident());
            case RunEvent.IncidentChanged e -> put(e.incident());
            case RunEvent.IncidentClosed e -> put(incident(e.incident()).closed(e.at(), e.status()));
            case RunEvent.AttemptEnding e -> {
                replace(attempt(e.attempt()).ending(e.at(), e.grace(), e.cause()));
                phase = RunPhase.DRAINING;
                reason = e.cause();
            }
            case RunEvent.NodeExited e -> replace(attempt(e.attempt()).exited(e.node(), e.reason()));
            case RunEvent.AttemptEnded e -> {
                heldBy = "";
                kept = e.kept();
                replace(attempt(e.attempt()).ended(e.at(), e.outcome(), e.lastStep(), e.lastStepAt()));
                open().stream()
                        .filter(i -> i.rollbackStep().isEmpty())
                        .forEach(i -> put(i.closed(e.at(), Incident.Status.OBSERVED)));
                phase = RunPhase.RECOVERING;
            }
            case RunEvent.AdviceAbstained e -> advisedBefore = e.attempt();
            case RunEvent.ChangeProposed e -> {
                put(e.change());
                advisedBefore = e.change().beforeAttempt();
                phase = RunPhase.ADAPTING;
            }
            case RunEvent.ChangeDecided e -> put(change(e.change()).with(e.status()));
            case RunEvent.ChangeScored e -> put(e.change());
            case RunEvent.ChangeNotScored e -> notScored = plus(notScored, e.change());
            case RunEvent.StopRequested e -> stopRequested = true;
            case RunEvent.Waiting e -> {
                waitingFor = new WaitingFor(e.code(), e.message(), e.action());
                phase = RunPhase.WAITING;
                // Nobody's machines stand idle for as long as a person takes to answer.
                kept = NodeSet.NONE;
                reason = e.message();
            }
            case RunEvent.WaitAnswered e -> e.incident()
                    .filter(id -> e.approved())
                    .ifPresent(id -> put(incident(id).carriedOut()));
            case RunEvent.Completed e -> end(e.at(), RunPhase.COMPLETED, "all steps done");
            case RunEvent.Failed e -> end(e.at(), RunPhase.FAILED, e.reason());
            case RunEvent.Stopped e -> end(e.at(), RunPhase.STOPPED, "stopped on request");
        }
    }

    private void firstStep(RunEvent.FirstStep e) {
        Attempt now = attempt(e.attempt()).firstStep(e.at());
        replace(now);
        if (now.stage() == Attempt.Stage.TRAINING) {
            phase = RunPhase.TRAINING;
            reason = "";
        }
        long resume = now.launch().resumeStep();
        for (Incident open : incidents.values()
                .stream()
                .filter(i -> i.status() == Incident.Status.OPEN && i.rollbackStep().isPresent())
                .filter(i -> i.attempt() < e.attempt())
                .toList()) {
            long thrownAway = Math.max(0, attempt(open.attempt()).lastStep() - resume);
            long skippedNow = countSkipped(now.skipped(), resume, resume + thrownAway);
            put(
                    open.resumed(
                            resume,
                            (thrownAway - skippedNow) * tokensPerStep(),
                            thrownAway * tokensPerStep(),
                            Duration.between(open.openedAt(), e.at()).toMillis() / 1e3)
                            .closed(e.at(), Incident.Status.RECOVERED));
        }
    }

    /** Steps in {@code (after, upTo]} that are skipped. */
    static long countSkipped(List<StepRange> ranges, long after, long upTo) {
        return ranges.stream()
                .mapToLong(r -> Math.max(0, Math.min(r.last(), upTo) - Math.max(r.first(), after + 1) + 1))
                .sum();
    }

    private void end(Instant at, RunPhase how, String why) {
        phase = how;
        kept = NodeSet.NONE;
        reason = why;
        endedAt = at;
        waitingFor = null;
        for (Incident open : incidents.values()
                .stream()
                .filter(i -> i.status() == Incident.Status.OPEN)
                .toList()) {
            put(open.closed(at,
                    how == RunPhase.COMPLETED ? Incident.Status.OBSERVED : Incident.Status.UNRESOLVED));
        }
    }

    /** The incident that a person's answer is about: of the last attempt, which is all that a run can wait after. */
    Optional<Incident> askedAbout() {
        return incidents.values()
                .stream()
                .filter(i -> i.asks() && i.attempt() == attempts.size())
                .reduce((first, last) -> last);
    }

    private List<Incident> open() {
        return incidents.values().stream().filter(Incident::open).toList();
    }

    private static <T> List<T> plus(List<T> list, T more) {
        List<T> copy = new ArrayList<>(list);
        copy.add(more);
        return copy;
    }

    private void replace(Attempt attempt) {
        List<Attempt> copy = new ArrayList<>(attempts);
        copy.set(attempt.number() - 1, attempt);
        attempts = copy;
    }

    private void put(Incident incident) {
        Map<String, Incident> more = new LinkedHashMap<>(incidents);
        more.put(incident.id(), incident);
        incidents = more;
    }

    private void put(RecipeChange change) {
        Map<String, RecipeChange> more = new LinkedHashMap<>(changes);
        more.put(change.id(), change);
        changes = more;
    }

    public UUID id() {
        return id;
    }

    public RunSpec spec() {
        return spec;
    }

    public Instant createdAt() {
        return createdAt;
    }

    public RunPhase phase() {
        return phase;
    }

    /** Why the run is in its phase, for people; may be empty. */
    public String reason() {
        return reason;
    }

    /** What outside is in the way of the newest attempt, with its remedy; empty if nothing is. */
    public String heldBy() {
        return heldBy;
    }

    /** Names of the machines that the newest attempt's nodes run on, by node; empty if they have none. */
    Map<Integer, String> machines() {
        return machines;
    }

    /** Nodes of the last attempt whose agents wait for the next one; empty while an attempt is live. */
    NodeSet kept() {
        return kept;
    }

    /** The attempts that agents were made for which live now, or wait. */
    Set<Integer> agentsOf() {
        return lastAttempt().filter(last -> last.live() || !kept.isEmpty())
                .map(last -> last.launch()
                        .agents()
                        .keySet()
                        .stream()
                        .map(AttemptKey::attempt)
                        .collect(Collectors.toSet()))
                .orElse(Set.of());
    }

    /** When an attempt was last held up or let go. */
    Optional<Instant> heldAt() {
        return Optional.ofNullable(heldAt);
    }

    public Optional<WaitingFor> waitingFor() {
        return Optional.ofNullable(waitingFor);
    }

    public Optional<Instant> endedAt() {
        return Optional.ofNullable(endedAt);
    }

    public Optional<PlannedRun> plan() {
        return Optional.ofNullable(plan);
    }

    public Recipe recipe() {
        return recipe;
    }

    /** The recipe of the next attempt, unless it is changed: the present one, slower where an open incident asks for it. */
    Recipe recipeNext() {
        double factor = open().stream()
                .filter(i -> i.rollbackStep().isPresent())
                .mapToDouble(i -> i.decision().learningRateFactor())
                .min()
                .orElse(1);
        return recipe.slowed(factor);
    }

    public boolean stopRequested() {
        return stopRequested;
    }

    /** Steps that no later attempt trains on. */
    public List<StepRange> skipped() {
        return List.copyOf(skipped);
    }

    public List<Attempt> attempts() {
        return List.copyOf(attempts);
    }

    /** @param number counted from 1 */
    public Attempt attempt(int number) {
        return attempts.get(number - 1);
    }

    public Optional<Attempt> lastAttempt() {
        return attempts.isEmpty() ? Optional.empty() : Optional.of(attempts.getLast());
    }

    public List<Incident> incidents() {
        return List.copyOf(incidents.values());
    }

    Incident incident(String name) {
        Incident found = incidents.get(name);
        if (found == null) {
            throw new IllegalArgumentException("run " + id + " has no incident " + name);
        }
        return found;
    }

    public List<RecipeChange> changes() {
        return List.copyOf(changes.values());
    }

    /** @throws IllegalArgumentException if there is none of this name */
    public RecipeChange change(String name) {
        RecipeChange found = changes.get(name);
        if (found == null) {
            throw new IllegalArgumentException("run " + id + " has no recipe change " + name);
        }
        return found;
    }

    public List<CheckpointEntry> checkpoints() {
        return List.copyOf(checkpoints.values());
    }

    /** Whether the next attempt waits for advice on its recipe. */
    boolean needsAdvice() {
        return phase == RunPhase.RECOVERING
                && !attempts.isEmpty()
                && attempts.getLast().outcome().equals(Attempt.FAILED)
                && advisedBefore <= attempts.size();
    }

    /** Whether all steps are done and an applied change of recipe waits for its score. */
    Optional<RecipeChange> awaitsScore() {
        return attempts.isEmpty() || !attempts.getLast().outcome().equals(Attempt.COMPLETED)
                ? Optional.empty()
                : changes.values()
                        .stream()
                        .filter(c -> c.status() == RecipeChange.Status.APPLIED)
                        .filter(c -> !notScored.contains(c.id()))
                        .findFirst();
    }

    public long totalSteps() {
        return spec.training().steps(spec.model().sequenceLength());
    }

    public long tokensPerStep() {
        return (long) recipe.globalBatch() * spec.model().sequenceLength();
    }

    /**
     * Newest verified checkpoint at or before a step of the history that is kept, without those that attempts failed on
     * alike while there are others; empty to start anew.
     */
    public Optional<CheckpointEntry> verifiedAtOrBefore(long step) {
        List<CheckpointEntry> newestFirst = verified().filter(c -> c.step() <= step)
                .sorted(Comparator.comparingLong(CheckpointEntry::step)
                        .thenComparing(CheckpointEntry::attempt)
                        .reversed())
                .toList();
        return newestFirst.stream()
                .filter(c -> !failedAlike(c))
                .findFirst()
                .or(() -> newestFirst.stream().findFirst());
    }

    /**
     * Whether two attempts from a checkpoint on the same data ended at the same step without a fault of a node: its
     * checksums may be right, but what it holds is not.
     */
    private boolean failedAlike(CheckpointEntry checkpoint) {
        Set<Object> ends = new HashSet<>();
        return attempts.stream()
                .filter(a -> a.number() > checkpoint.attempt()
                        && a.launch().resumeStep() == checkpoint.step())
                .filter(a -> a.outcome().equals(Attempt.FAILED) && !a.exitedNodes().containsValue("gone"))
                .anyMatch(a -> !ends.add(List.of(a.lastStep(), a.skipped())));
    }

    /** Steps of the verified checkpoints of the history that is kept. */
    List<Long> verifiedSteps() {
        return verified().map(CheckpointEntry::step).toList();
    }

    private Stream<CheckpointEntry> verified() {
        return checkpoints.values()
                .stream()
                .filter(c -> c.state() == CheckpointState.VERIFIED && kept(c));
    }

    /** Data that the next attempt skips: what earlier ones skipped and what open incidents blame. */
    List<StepRange> skippedNext() {
        List<StepRange> ranges = new ArrayList<>(skipped);
        ranges.addAll(newlyBlamed());
        return StepRange.merged(ranges);
    }

    /** Data that open incidents blame. */
    List<StepRange> newlyBlamed() {
        return open().stream().flatMap(i -> i.skipped().stream()).toList();
    }

    /** Where the next attempt resumes: at the newest verified checkpoint before any newly blamed data; 0 for none. */
    long resumeStep() {
        long atMost = newlyBlamed().stream()
                .mapToLong(range -> range.first() - 1)
                .min()
                .orElse(Long.MAX_VALUE);
        return verifiedAtOrBefore(atMost).map(CheckpointEntry::step).orElse(0L);
    }

    /** A checkpoint is of the kept history if no later attempt resumed from before it. */
    private boolean kept(CheckpointEntry checkpoint) {
        return attempts.stream()
                .filter(a -> a.number() > checkpoint.attempt())
                .allMatch(a -> a.launch().resumeStep() >= checkpoint.step());
    }
}

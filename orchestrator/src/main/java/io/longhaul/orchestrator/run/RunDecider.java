package io.longhaul.orchestrator.run;

import io.longhaul.monitor.Finding;
import io.longhaul.monitor.response.Action;
import io.longhaul.monitor.response.Trouble;
import io.longhaul.orchestrator.launch.AgentCommand;
import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.launch.AttemptLaunch;
import io.longhaul.orchestrator.launch.NodeSet;
import io.longhaul.orchestrator.plan.PlanPort.RankProcess;
import io.longhaul.orchestrator.plan.PlannedRun;
import io.longhaul.orchestrator.run.Attempt.Stage;
import io.longhaul.orchestrator.telemetry.AgentRecord;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The run's life: what an input means for a run. Pure: the same arguments give the same decision, and an input
 * that is repeated or comes too late gives none.
 */
public final class RunDecider {
    /** Time for ranks to write a checkpoint when the run is stopped. */
    static final Duration DRAIN_GRACE = Duration.ofSeconds(60);
    /** Time for agents to kill their ranks and say what they still know. */
    static final Duration STOP_GRACE = Duration.ofSeconds(10);
    /** The reason why a node has no rank left if its agent did not tell. */
    static final String GONE = "gone";
    /** More than this part of the nodes is not replaced one by one. */
    private static final int REPLACED_AT_MOST = 4;
    /** Sliding window in which restarts are counted. */
    private static final Duration RESTARTS_WITHIN = Duration.ofDays(1);

    private final LaunchFactory launches;

    public RunDecider(LaunchFactory launches) {
        this.launches = launches;
    }

    /** @param attempt attempt whose agents the command is for */
    public record Command(int attempt, int node, AgentCommand command) {}

    /** @param state the run after the events */
    public record Decision(RunState state, List<RunEvent> events, List<Command> commands) {}

    /** @param epoch fencing number of the controller that decides */
    public Decision decide(RunState state, RunInput input, Instant now, long epoch) {
        Draft draft = new Draft(state, now, epoch);
        if (!state.phase().ended() || input instanceof RunInput.ChangeAnswered
                || input instanceof RunInput.WaitAnswered) {
            draft.react(input);
        }
        return new Decision(draft.state, List.copyOf(draft.events), List.copyOf(draft.commands));
    }

    /**
     * The cheapest step of the restart ladder that can help, for an attempt that is over: nodes whose agents go on with the
     * next attempt, while only the others are made anew (R1 if there are none, R2 if there are few); no node if all are to
     * be made anew (R3).
     *
     * @param running nodes whose agents the backend sees running
     */
    NodeSet kept(RunState state, Attempt attempt, NodeSet running, Instant now) {
        if (state.spec().policies().restart() == RunSpec.Policies.Restart.ANEW || state.stopRequested()
                || attempt.completed()) {
            return NodeSet.NONE;
        }
        // What was kept made no step with its last ranks: the agents, or what is around them, may be what is wrong.
        if (!attempt.launch().kept().isEmpty() && attempt.firstStepAt().isEmpty()) {
            return NodeSet.NONE;
        }
        Set<String> avoided = Set.copyOf(launches.avoid(now, List.of()));
        NodeSet fit = NodeSet.of(running.numbers()
                .stream()
                .filter(attempt.toldExits()::contains)
                .filter(node -> !avoided.contains(state.machines().getOrDefault(node, "")))
                .toList());
        int missing = attempt.launch().nodes() - fit.size();
        return missing > Math.max(1, attempt.launch().nodes() / REPLACED_AT_MOST) ? NodeSet.NONE : fit;
    }

    private final class Draft {
        private RunState state;
        private final Instant now;
        private final long epoch;
        private final List<RunEvent> events = new ArrayList<>();
        private final List<Command> commands = new ArrayList<>();

        Draft(RunState state, Instant now, long epoch) {
            this.state = state;
            this.now = now;
            this.epoch = epoch;
        }

        private void emit(RunEvent event) {
            state = state.apply(event);
            events.add(event);
        }

        private Optional<Attempt> live(int number) {
            return state.lastAttempt().filter(a -> a.number() == number && a.live());
        }

        private void react(RunInput input) {
            switch (input) {
                case RunInput.PlanReady i -> {
                    if (state.plan().isEmpty()) {
                        emit(new RunEvent.Planned(now, i.plan()));
                        next();
                    }
                }
                case RunInput.NoPlan i -> {
                    if (state.plan().isEmpty()) {
                        emit(new RunEvent.Failed(now, i.reason()));
                    }
                }
                case RunInput.Created i -> live(i.attempt()).filter(a -> a.stage() == Stage.CREATING)
                        .ifPresent(a -> emit(new RunEvent.AttemptCreated(now, i.attempt())));
                case RunInput.Held i -> live(i.attempt()).filter(a -> !state.heldBy().equals(i.cause()))
                        .ifPresent(a -> emit(new RunEvent.AttemptHeld(now, i.attempt(), i.cause())));
                case RunInput.CreateFailed i -> live(i.attempt()).filter(a -> a.stage() == Stage.CREATING)
                        .ifPresent(a -> fail(a, Finding.Kind.EXITED, i.reason(), Duration.ZERO));
                case RunInput.Told i -> live(i.attempt()).ifPresent(a -> told(a, i.node(), i.message()));
                case RunInput.Placed i -> live(i.attempt()).filter(a -> state.machines().isEmpty())
                        .ifPresent(a -> emit(new RunEvent.NodesPlaced(now, i.attempt(), i.machines())));
                case RunInput.Ready i -> live(i.attempt())
                        .filter(a -> a.stage() == Stage.REGISTERING && a.allRegistered())
                        .ifPresent(a -> start(a, i.places()));
                case RunInput.Stepped i -> live(i.attempt())
                        .filter(a -> a.startedAt().isPresent() && a.firstStepAt().isEmpty())
                        .ifPresent(a -> emit(new RunEvent.FirstStep(now, i.attempt(), i.step())));
                case RunInput.Found i -> live(i.attempt()).ifPresent(a -> found(a, i));
                case RunInput.Gone i -> live(i.attempt()).filter(a -> !a.exitedNodes().containsKey(i.node()))
                        .ifPresent(a -> {
                            if (a.stage() != Stage.ENDING) {
                                fail(a, Finding.Kind.EXITED, "node " + i.node() + " is gone: " + i.detail(),
                                        STOP_GRACE);
                            }
                            emit(new RunEvent.NodeExited(now, i.attempt(), i.node(), GONE));
                            if (i.lost()) {
                                blame(a, OptionalInt.of(i.node()), MachineBlame.WHOLE, i.detail());
                            }
                        });
                case RunInput.Fenced i -> live(i.attempt()).ifPresent(a -> fenced(a, i));
                case RunInput.Advised i -> advised(i);
                case RunInput.Scored i -> scored(i.change().id(), new RunEvent.ChangeScored(now, i.change()));
                case RunInput.NotScored i ->
                    scored(i.change(), new RunEvent.ChangeNotScored(now, i.change(), i.reason()));
                case RunInput.StopAsked i -> stop();
                case RunInput.WaitAnswered i -> answered(i);
                case RunInput.ChangeAnswered i -> answered(i);
                case RunInput.Silent i -> live(i.attempt()).filter(a -> a.startedAt().isPresent())
                        .filter(a -> unreachable(a.number(), i.node()).isEmpty())
                        .ifPresent(a -> emit(new RunEvent.IncidentOpened(now, silent(a, i))));
                case RunInput.Heard i -> unreachable(i.attempt(), i.node())
                        .ifPresent(incident -> emit(new RunEvent.IncidentClosed(now, incident.id(),
                                Incident.Status.RECOVERED)));
                case RunInput.Tick i -> state.lastAttempt()
                        .filter(a -> a.stage() == Stage.REGISTERING || a.stage() == Stage.CREATING)
                        .filter(a -> state.heldBy().isEmpty())
                        .filter(a -> tooLong(a.createdAt().orElse(a.decidedAt()), i.listeningSince()))
                        .ifPresent(
                                a -> fail(
                                        a,
                                        Finding.Kind.STALLED,
                                        "only " + a.nodes().size() + " of " + a.launch().nodes()
                                                + " agents registered within "
                                                + state.spec().policies().startTimeout().toSeconds() + " s",
                                        STOP_GRACE));
            }
        }

        private boolean tooLong(Instant since, Instant listeningSince) {
            Instant from = Stream.of(since, listeningSince, state.heldAt().orElse(since))
                    .max(Comparator.naturalOrder())
                    .orElse(since);
            return Duration.between(from, now).compareTo(state.spec().policies().startTimeout()) > 0;
        }

        private Optional<Incident> unreachable(int attempt, int node) {
            return open(Finding.Kind.UNREACHABLE)
                    .filter(i -> i.attempt() == attempt
                            && Integer.toString(node).equals(i.evidence().get(Responses.NODE)))
                    .findFirst();
        }

        private Stream<Incident> open(Finding.Kind kind) {
            return state.incidents()
                    .stream()
                    .filter(i -> i.kind() == kind && i.status() == Incident.Status.OPEN);
        }

        private Incident silent(Attempt attempt, RunInput.Silent input) {
            return incident(attempt, Finding.Kind.UNREACHABLE,
                    "nothing was heard from the agent of node " + input.node() + " since "
                            + input.lastHeard(),
                    Map.of(Responses.NODE, Integer.toString(input.node())));
        }

        /** What the run itself noticed, without a detector. */
        private Incident incident(Attempt attempt, Finding.Kind kind, String summary,
                Map<String, String> evidence) {
            Finding finding = new Finding(kind, now, OptionalLong.empty(), OptionalInt.empty(), summary,
                    evidence);
            return Responses.respond(state,
                    new RunInput.Found(attempt.number(), finding, List.of(), Optional.empty(),
                            attempt.lastStep(),
                            OptionalDouble.empty()),
                    now);
        }

        private void told(Attempt attempt, int node, AgentRecord message) {
            switch (message) {
                case AgentRecord.Registered m -> {
                    if (!attempt.nodes().containsKey(node)) {
                        emit(new RunEvent.NodeRegistered(now, attempt.number(), node, m.host(),
                                m.freePort()));
                    }
                }
                case AgentRecord.Checkpoint m -> {
                    CheckpointEntry entry = new CheckpointEntry(attempt.number(), m.step(), m.state(),
                            m.path(), m.at(), m.consumedSamples(), m.seconds(), m.problem());
                    if (!state.checkpoints().contains(entry)) {
                        emit(new RunEvent.CheckpointChanged(now, entry));
                    }
                }
                case AgentRecord.AllExited m -> {
                    if (!attempt.exitedNodes().containsKey(node)) {
                        emit(new RunEvent.NodeExited(now, attempt.number(), node, m.reason()));
                        exited(state.attempt(attempt.number()), m.reason());
                    }
                }
                case AgentRecord.RankStarted m -> {
                }
                case AgentRecord.RankExited m -> {
                }
                case AgentRecord.LogLine m -> {
                }
                case AgentRecord.RankStep m -> {
                }
                case AgentRecord.GpuHealth m -> {
                }
                case AgentRecord.Metrics m -> {
                }
                case AgentRecord.Collectives m -> {
                }
                case AgentRecord.Preflight m -> {
                }
                case AgentRecord.DataShard m -> {
                }
            }
        }

        private void start(Attempt attempt, List<List<String>> places) {
            int number = attempt.number();
            emit(new RunEvent.AttemptStarted(now, number));
            AttemptLaunch launch = attempt.launch();
            int stages = state.plan().map(plan -> plan.layout().pipeline()).orElse(1);
            List<Integer> ranks = RankOrder.of(places, launch.nodes(), stages);
            Attempt.Node master = Objects.requireNonNull(attempt.nodes().get(ranks.indexOf(0)));
            for (int node = 0; node < launch.nodes(); node++) {
                send(
                        attempt,
                        node,
                        new AgentCommand.Start(
                                commandId("start", number, node), epoch, launch.command(),
                                launch.environment(),
                                launch.nodes(), ranks.get(node), launch.ranksPerNode(),
                                launch.nodes() == 1 ? "127.0.0.1" : master.host(), master.freePort(),
                                launch.resumeStep()));
            }
        }

        private void exited(Attempt attempt, String reason) {
            if (attempt.stage() == Stage.ENDING) {
                return;
            }
            if (!reason.equals("completed")) {
                fail(attempt, Finding.Kind.EXITED, "the agent's ranks ended: " + reason, STOP_GRACE);
            } else if (attempt.completed()) {
                emit(new RunEvent.AttemptEnding(now, attempt.number(), "all steps done", Duration.ZERO));
            }
        }

        private void found(Attempt attempt, RunInput.Found input) {
            Finding finding = input.finding();
            switch (finding.kind()) {
                case RECOVERED ->
                    recovered(open(Finding.Kind.SLOW_RANK).filter(i -> i.rank().equals(finding.rank())));
                case SPIKE_OVER ->
                    recovered(open(Finding.Kind.SPIKE).filter(i -> i.rollbackStep().isEmpty()));
                default -> {
                    if (finding.alarm() && attempt.stage() != Stage.ENDING) {
                        alarm(attempt, input);
                    }
                }
            }
        }

        private void recovered(Stream<Incident> incidents) {
            incidents.toList()
                    .forEach(i -> emit(new RunEvent.IncidentClosed(now, i.id(), Incident.Status.RECOVERED)));
        }

        /** A finding of a known trouble is decided on again only if it makes it graver, or another one. */
        private void alarm(Attempt attempt, RunInput.Found input) {
            Finding finding = input.finding();
            Optional<Incident> known = state.incidents()
                    .stream()
                    .filter(i -> i.open() && i.attempt() == attempt.number())
                    .filter(i -> i.kind() == finding.kind() && i.rank().equals(finding.rank())
                            && Objects.equals(i.evidence().get(Responses.NODE),
                                    finding.evidence().get(Responses.NODE))
                            || Trouble.same(i.decision().basis().finding(), finding))
                    .findFirst();
            if (known.isPresent() && known.get().kind() == finding.kind()
                    && known.get().grade().compareTo(finding.grade()) >= 0
                    && MachineBlame.weight(known.get()) >= MachineBlame.weight(finding)) {
                return;
            }
            Incident decided = Responses.respond(state, input, now);
            Incident incident = known.map(i -> i.became(decided)).orElse(decided);
            emit(known.isPresent()
                    ? new RunEvent.IncidentChanged(now, incident)
                    : new RunEvent.IncidentOpened(now, incident));
            double blamed = known.map(MachineBlame::weight).orElse(0.0);
            blame(attempt, input.node(), MachineBlame.weight(incident) - blamed, incident.summary());
            if (incident.rollbackStep().isPresent()) {
                end(attempt, incident.summary(), STOP_GRACE);
            }
        }

        private void blame(Attempt attempt, OptionalInt node, double weight, String reason) {
            if (node.isPresent() && weight > 0 && state.machines().containsKey(node.getAsInt())) {
                emit(new RunEvent.MachineBlamed(now, attempt.number(),
                        state.machines().get(node.getAsInt()), weight, reason));
            }
        }

        private void fail(Attempt attempt, Finding.Kind kind, String summary, Duration grace) {
            boolean known = open(kind).anyMatch(i -> i.attempt() == attempt.number());
            if (!known) {
                emit(new RunEvent.IncidentOpened(now, incident(attempt, kind, summary, Map.of())));
            }
            end(attempt, summary, grace);
        }

        private void end(Attempt attempt, String cause, Duration grace) {
            emit(new RunEvent.AttemptEnding(now, attempt.number(), cause, grace));
            for (int node : attempt.nodesNotExited()) {
                send(attempt, node, new AgentCommand.Stop(commandId("stop", attempt.number(), node), epoch));
            }
        }

        private void send(Attempt attempt, int node, AgentCommand command) {
            commands.add(new Command(attempt.number(), node, command));
        }

        private void fenced(Attempt attempt, RunInput.Fenced input) {
            if (attempt.stage() != Stage.ENDING) {
                return;
            }
            // Steps that were done on data found bad meanwhile are to be done again.
            Optional<Incident> asking = asking();
            boolean completed = attempt.completed() && state.newlyBlamed().isEmpty();
            String outcome = completed
                    ? Attempt.COMPLETED
                    : state.stopRequested() ? Attempt.STOPPED : Attempt.FAILED;
            boolean goesOn = !completed && !state.stopRequested() && !tooManyRestarts() && asking.isEmpty();
            emit(
                    new RunEvent.AttemptEnded(
                            now, attempt.number(), outcome, input.lastStep(), input.lastStepAt(),
                            goesOn ? input.kept() : NodeSet.NONE));
            if (completed) {
                finishIfComplete();
            } else if (state.stopRequested()) {
                emit(new RunEvent.Stopped(now));
            } else if (tooManyRestarts()) {
                emit(
                        new RunEvent.Waiting(
                                now,
                                "too-many-restarts",
                                "the run was restarted " + restarts()
                                        + " times within a day, as often as allowed;"
                                        + " the last cause was: " + attempt.cause(),
                                "look at the incidents; approve for one attempt more, or reject to end the run"));
            } else if (asking.isPresent()) {
                ask(asking.get());
            } else if (state.spec().policies().adapt() == RunSpec.Policies.Adapt.OFF) {
                next();
            }
        }

        /** Agents that wait for the next attempt, by the attempt that they were made for. */
        private SortedMap<Integer, NodeSet> keptAgents() {
            SortedMap<Integer, NodeSet> kept = new TreeMap<>();
            if (!state.kept().isEmpty()) {
                state.lastAttempt().orElseThrow().launch().agents().forEach((made, nodes) -> {
                    NodeSet those = nodes.and(state.kept());
                    if (!those.isEmpty()) {
                        kept.put(made.attempt(), those);
                    }
                });
            }
            return kept;
        }

        /** What this decision blames machines for: the memory of nodes does not know it yet. */
        private List<RunEvent.MachineBlamed> blamed() {
            return events.stream()
                    .filter(RunEvent.MachineBlamed.class::isInstance)
                    .map(RunEvent.MachineBlamed.class::cast)
                    .toList();
        }

        private Map<String, String> environment(RankProcess process) {
            Map<String, String> environment = new TreeMap<>(process.environment());
            state.spec()
                    .policies()
                    .preflight()
                    .seconds()
                    .ifPresent(seconds -> environment.put("LONGHAUL_PREFLIGHT_SECONDS",
                            Integer.toString(seconds)));
            return environment;
        }

        private boolean tooManyRestarts() {
            return restarts() >= state.spec().policies().maxRestarts();
        }

        private long restarts() {
            return state.attempts()
                    .stream()
                    .filter(a -> a.number() > 1 && a.decidedAt().isAfter(now.minus(RESTARTS_WITHIN)))
                    .count();
        }

        private Optional<Incident> asking() {
            return state.incidents().stream().filter(i -> i.open() && i.asks()).reduce((first, last) -> last);
        }

        private void ask(Incident incident) {
            boolean dryRun = incident.decision().action() != Action.ASK;
            emit(
                    new RunEvent.Waiting(
                            now,
                            dryRun ? "dry-run" : "asked",
                            incident.summary() + "; "
                                    + (dryRun ? incident.action() : incident.decision().rule()),
                            dryRun
                                    ? "approve to do that now, or reject to end the run"
                                    : "look at the incident " + incident.id()
                                            + " and mend its cause; then approve to go on from the newest"
                                            + " checkpoint, or reject to end the run"));
        }

        private void answered(RunInput.WaitAnswered input) {
            String code = state.waitingFor()
                    .map(RunState.WaitingFor::code)
                    .orElseThrow(() -> new IllegalStateException("the run waits for nobody, it is "
                            + Responses.lower(state.phase().name())));
            if (code.equals("approval")) {
                RecipeChange proposed = state.changes()
                        .stream()
                        .filter(c -> c.status() == RecipeChange.Status.PROPOSED)
                        .findFirst()
                        .orElseThrow(() -> new IllegalStateException("no recipe change is proposed"));
                answered(new RunInput.ChangeAnswered(proposed.id(), input.approved()));
                return;
            }
            Optional<Incident> incident = state.askedAbout();
            emit(new RunEvent.WaitAnswered(now, input.approved(), incident.map(Incident::id)));
            if (input.approved()) {
                incident.ifPresent(asked -> blame(state.attempt(asked.attempt()), input.node(),
                        MachineBlame.weight(asked.carriedOut()) - MachineBlame.weight(asked),
                        asked.summary()));
                next();
            } else {
                stop();
            }
        }

        private void scored(String change, RunEvent event) {
            if (state.awaitsScore().filter(c -> c.id().equals(change)).isPresent()) {
                emit(event);
                finishIfComplete();
            }
        }

        private void finishIfComplete() {
            if (state.awaitsScore().isEmpty()) {
                emit(new RunEvent.Completed(now));
            }
        }

        private void advised(RunInput.Advised input) {
            if (!state.needsAdvice() || input.attempt() != state.attempts().size() + 1) {
                return;
            }
            if (input.outcome().change().isEmpty()) {
                emit(new RunEvent.AdviceAbstained(now, input.attempt(), input.outcome().explanation()));
                next();
                return;
            }
            RecipeChange change = input.outcome().change().get();
            emit(new RunEvent.ChangeProposed(now, change));
            if (state.spec().policies().adapt() == RunSpec.Policies.Adapt.AUTO) {
                emit(new RunEvent.ChangeDecided(now, change.id(), RecipeChange.Status.APPROVED, "policy"));
                next();
            } else {
                emit(
                        new RunEvent.Waiting(
                                now,
                                "approval",
                                "a change of recipe is proposed: " + change.explanation(),
                                "approve or reject recipe change " + change.id()));
            }
        }

        private void answered(RunInput.ChangeAnswered input) {
            RecipeChange change = state.change(input.change());
            if (state.phase().ended()) {
                throw new IllegalStateException("the run has ended: " + state.reason());
            }
            if (change.status() != RecipeChange.Status.PROPOSED) {
                throw new IllegalStateException(
                        "recipe change " + change.id() + " is " + Responses.lower(change.status().name())
                                + " and can no longer be approved or rejected");
            }
            emit(
                    new RunEvent.ChangeDecided(
                            now,
                            change.id(),
                            input.approved() ? RecipeChange.Status.APPROVED : RecipeChange.Status.REJECTED,
                            "person"));
            next();
        }

        private void stop() {
            if (!state.stopRequested()) {
                emit(new RunEvent.StopRequested(now));
            }
            Optional<Attempt> attempt = state.lastAttempt().filter(Attempt::live);
            if (attempt.isEmpty()) {
                emit(new RunEvent.Stopped(now));
            } else if (attempt.get().stage() != Stage.ENDING) {
                emit(
                        new RunEvent.AttemptEnding(
                                now, attempt.get().number(), "stopped on request",
                                attempt.get().startedAt().isPresent() ? DRAIN_GRACE : STOP_GRACE));
                for (int node : attempt.get().nodesNotExited()) {
                    send(
                            attempt.get(),
                            node,
                            new AgentCommand.Drain(
                                    commandId("drain", attempt.get().number(), node), epoch,
                                    DRAIN_GRACE.minus(STOP_GRACE).toSeconds()));
                }
            }
        }

        /** Decides on the next attempt: from where, with which recipe, without which data. */
        private void next() {
            List<StepRange> skipped = state.skippedNext();
            long resume = state.resumeStep();
            Recipe recipe = state.recipeNext();
            for (RecipeChange change : state.changes()) {
                if (change.status() == RecipeChange.Status.APPROVED) {
                    recipe = change.to();
                    emit(new RunEvent.ChangeDecided(now, change.id(), RecipeChange.Status.APPLIED, "run"));
                }
            }
            PlannedRun plan = state.plan().orElseThrow();
            RankProcess process = launches.process(state, recipe, resume, skipped);
            AttemptKey key = new AttemptKey(state.id(), state.attempts().size() + 1);
            emit(
                    new RunEvent.AttemptDecided(
                            now,
                            new AttemptLaunch(key, epoch, plan.nodes(), plan.ranksPerNode(),
                                    process.command(), environment(process), resume,
                                    state.spec().kubernetes(), launches.avoid(now, blamed()), keptAgents()),
                            recipe,
                            skipped));
        }
    }

    private static String commandId(String kind, int attempt, int node) {
        return kind + "-" + attempt + "-" + node;
    }
}

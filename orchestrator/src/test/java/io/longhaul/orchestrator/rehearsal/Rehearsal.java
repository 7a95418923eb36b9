package io.longhaul.orchestrator.rehearsal;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.monitor.Finding;
import io.longhaul.orchestrator.adapt.AdaptOutcome;
import io.longhaul.orchestrator.adapt.AdaptPort;
import io.longhaul.orchestrator.adapt.AdaptRequest;
import io.longhaul.orchestrator.adapt.CurvePoint;
import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.plan.LaunchContext;
import io.longhaul.orchestrator.plan.PlanPort;
import io.longhaul.orchestrator.plan.PlannedRun;
import io.longhaul.orchestrator.run.Attempt;
import io.longhaul.orchestrator.run.InMemoryRunStore;
import io.longhaul.orchestrator.run.Incident;
import io.longhaul.orchestrator.run.LiveRun;
import io.longhaul.orchestrator.run.Recipe;
import io.longhaul.orchestrator.run.RecipeChange;
import io.longhaul.orchestrator.run.RunEngine;
import io.longhaul.orchestrator.run.RunEvent;
import io.longhaul.orchestrator.run.RunGoodput;
import io.longhaul.orchestrator.run.RunPhase;
import io.longhaul.orchestrator.run.RunSpec;
import io.longhaul.orchestrator.run.RunSpecReader;
import io.longhaul.orchestrator.run.RunState;
import io.longhaul.orchestrator.run.RunStore;
import io.longhaul.orchestrator.run.Runs;
import io.longhaul.orchestrator.telemetry.AgentRecord;
import io.longhaul.planner.layout.ParallelLayout;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.UUID;

/**
 * One run from submission to its end in virtual time, with the real control code, hurt in ways that the seed decides.
 * Checks at every stored event and after every step of the engine that nothing is done to the run that the truth does
 * not justify.
 */
final class Rehearsal implements SimulatedService.Watch {
    private static final Instant START = Instant.parse("2026-01-01T00:00:00Z");
    private static final Duration LIMIT = Duration.ofHours(3);
    private static final Duration STALL = Duration.ofSeconds(30);
    private static final Duration START_TIMEOUT = Duration.ofSeconds(60);
    /** Clocks differ by up to two seconds each way. */
    private static final Duration SKEW = Duration.ofSeconds(4);
    private static final double FAULTS_UNTIL_SECONDS = 200;

    /** What happened, for totals over many seeds. */
    record Outcome(
            RunPhase phase,
            int attempts,
            int incidents,
            int crashes,
            int fenced,
            Set<String> faults) {}

    private final SplittableRandom random;
    private final VirtualTime time = new VirtualTime(START);
    private final UUID id;
    private final InMemoryRunStore store = new InMemoryRunStore();
    private final SimulatedCluster cluster;
    private final SimulatedService service;
    private final RunSpec spec;
    private final Set<String> faults = new HashSet<>();
    private final List<RunEvent> history = new ArrayList<>();
    private RunState state;
    private boolean stopAsked;
    private boolean answers;
    private boolean nothingDiedUntold = true;

    Rehearsal(long seed) {
        random = new SplittableRandom(seed);
        id = new UUID(random.nextLong(), random.nextLong());
        int nodes = 1 + random.nextInt(3);
        int ranksPerNode = 1 + random.nextInt(3);
        int steps = 70 + random.nextInt(90);
        String adapt = List.of("auto", "ask", "\"off\"").get(random.nextInt(3));
        spec = RunSpecReader.read("""
                name: rehearsal
                model: { layers: 2, hiddenSize: 32, attentionHeads: 2, vocabSize: 64, sequenceLength: 16 }
                training: { tokens: %d, globalBatch: 8, learningRate: 0.001, schedule: constant,
                            checkpointEverySteps: %d }
                cluster: { ranks: 0 }
                policies: { adapt: %s, maxRestarts: %d, stallTimeout: %ds, startTimeout: %ds }
                """.formatted(steps * 8 * 16, 5 + random.nextInt(20), adapt, 2 + random.nextInt(8),
                STALL.toSeconds(), START_TIMEOUT.toSeconds()));
        cluster = new SimulatedCluster(time, random.split(), new SimulatedCluster.Workload(
                steps, 8, spec.training().checkpointEverySteps(), 0.5 + random.nextDouble(),
                50 + random.nextInt(150), fault("corrupt shard", 0.3) ? 3 + random.nextInt(4) : -1,
                fault("not finite", 0.1) ? 10 + random.nextInt(steps) : -1),
                fault("refused", 0.1) ? 1 + random.nextInt(2) : 0, seed % 2 == 0);
        PlannedRun plan = new PlannedRun(ParallelLayout.of(1, 1, 1, nodes * ranksPerNode, 1, 1), nodes,
                ranksPerNode, 1, 1,
                "{}");
        service = new SimulatedService(cluster, store, new FixedPlan(plan), new Advice(),
                (state, recipe, resume, skipped) -> new PlanPort.RankProcess(command(skipped), Map.of()), id,
                this);
        planFaults(steps, nodes * ranksPerNode, nodes);
    }

    private static List<String> command(List<io.longhaul.orchestrator.run.StepRange> skipped) {
        List<String> command = new ArrayList<>(List.of("train"));
        skipped.forEach(range -> command.add(range.first() + "-" + range.last()));
        return command;
    }

    private boolean fault(String name, double probability) {
        boolean on = random.nextDouble() < probability;
        if (on) {
            faults.add(name);
        }
        return on;
    }

    /** Lets something happen to the living attempt at some moment, if there is one then. */
    private void maybe(String name, double probability,
            java.util.function.BiConsumer<AttemptKey, SimulatedTraining> harm) {
        if (fault(name, probability)) {
            time.in(random.nextDouble() * FAULTS_UNTIL_SECONDS,
                    () -> cluster.live().ifPresent(live -> harm.accept(live.getKey(), live.getValue())));
        }
    }

    private void planFaults(int steps, int ranks, int nodes) {
        int rank = random.nextInt(ranks);
        int node = random.nextInt(nodes);
        double seconds = random.nextDouble() * 100;
        for (int i = 0; i < 2; i++) {
            maybe("rank killed", 0.3, (key, training) -> training.kill(rank));
            maybe("agent killed", 0.15, (key, training) -> cluster.agent(key, node).die());
            maybe("rank frozen", 0.25, (key, training) -> {
                training.freeze(rank, true);
                time.in(seconds, () -> training.freeze(rank, false));
            });
            maybe("node cut off", 0.3, (key, training) -> {
                SimulatedAgent agent = cluster.agent(key, node);
                agent.partition(true);
                time.in(seconds, () -> agent.partition(false));
            });
            maybe("agent frozen", 0.15, (key, training) -> {
                SimulatedAgent agent = cluster.agent(key, node);
                agent.freeze(true);
                time.in(seconds, () -> agent.freeze(false));
            });
            maybe("rank slow", 0.2, (key, training) -> {
                training.slow(rank, 2);
                time.in(seconds, () -> training.slow(rank, 1));
            });
        }
        maybe("agent frozen for good", 0.03, (key, training) -> cluster.agent(key, node).freeze(true));
        int crashes = random.nextInt(6);
        for (int i = 0; i < crashes; i++) {
            int calls = 1 + random.nextInt(20);
            double down = random.nextDouble() < 0.3 ? 150 * random.nextDouble() : 5 * random.nextDouble();
            time.in(random.nextDouble() * FAULTS_UNTIL_SECONDS, () -> service.crashIn(calls, down));
        }
        if (fault("controller frozen", 0.3)) {
            double takeOver = 10 * random.nextDouble();
            double thaw = 60 * random.nextDouble();
            time.in(random.nextDouble() * FAULTS_UNTIL_SECONDS, () -> service.freeze(takeOver, thaw));
        }
        if (fault("torn checkpoint", 0.2)) {
            long every = spec.training().checkpointEverySteps();
            cluster.storage().tear(every * (1 + random.nextLong(Math.max(1, steps / every))));
        }
        if (fault("stop", 0.1)) {
            time.in(random.nextDouble() * FAULTS_UNTIL_SECONDS, this::stop);
        }
        answers = random.nextDouble() < 0.8;
    }

    private void stop() {
        if (!service.up()) {
            time.in(5, this::stop);
            return;
        }
        stopAsked = true;
        service.act(() -> service.engine().stop(id, time.now()));
    }

    /** Runs to the end of the run and of everything that is still on its way. */
    Outcome play() {
        service.create(spec);
        state = RunState.of(id, store.load(id).orElseThrow().events());
        history.addAll(store.load(id).orElseThrow().events());
        Instant limit = START.plus(LIMIT);
        while (!settled() && time.advance(limit)) {
        }
        checkEnd();
        return new Outcome(state.phase(), state.attempts().size(), state.incidents().size(),
                service.crashes(),
                service.fenced(), faults);
    }

    private boolean settled() {
        boolean over = state.phase().ended() || state.phase() == RunPhase.WAITING && !answers(state);
        return over && service.up()
                && time.now().isAfter(START.plusSeconds((long) FAULTS_UNTIL_SECONDS + 120));
    }

    private boolean answers(RunState now) {
        return answers && now.waitingFor().map(w -> w.code().equals("approval")).orElse(false);
    }

    @Override
    public void committed(List<RunEvent> events) {
        for (RunEvent event : events) {
            justify(event);
            state = state.apply(event);
            history.add(event);
            if (event instanceof RunEvent.Waiting w && answers(state)) {
                time.in(cluster.between(1, 40), this::answer);
            }
        }
    }

    private void answer() {
        if (!service.up()) {
            time.in(5, this::answer);
            return;
        }
        state.changes()
                .stream()
                .filter(c -> c.status() == RecipeChange.Status.PROPOSED && !state.phase().ended())
                .findFirst()
                .ifPresent(c -> service
                        .act(() -> service.engine().answer(id, c.id(), cluster.chance(0.5), time.now())));
    }

    /** Ending an attempt needs a reason in the world, not only in the service's opinion. */
    private void justify(RunEvent event) {
        switch (event) {
            case RunEvent.IncidentOpened e -> justifyDecision(e.incident());
            case RunEvent.IncidentChanged e -> justifyDecision(e.incident());
            case RunEvent.AttemptEnding e when e.cause().equals("all steps done") -> assertThat(
                    cluster.training(key(e.attempt())).orElseThrow().step()).isEqualTo(state.totalSteps());
            case RunEvent.AttemptEnding e when e.cause().equals("stopped on request") -> assertThat(stopAsked)
                    .isTrue();
            case RunEvent.AttemptDecided e -> assertThat(state.lastAttempt().map(Attempt::live).orElse(false))
                    .as("attempt %s begins while another lives", e.launch().key())
                    .isFalse();
            default -> {
            }
        }
    }

    private AttemptKey key(int attempt) {
        return new AttemptKey(id, attempt);
    }

    /** A decision can be made again from what was stored with it; one that ends the attempt needs a reason. */
    private void justifyDecision(Incident incident) {
        assertThat(incident.decision().basis().respond().does()).isEqualTo(incident.decision().does());
        if (incident.rollbackStep().isPresent()) {
            justify(incident);
        }
    }

    private void justify(Incident incident) {
        AttemptKey key = key(incident.attempt());
        Optional<SimulatedTraining> training = cluster.training(key);
        boolean nodeDead = cluster.agentsOf(key).stream().anyMatch(agent -> !agent.alive())
                || cluster.anyPodDead(state.attempt(incident.attempt()).launch());
        boolean justified = switch (incident.kind()) {
            case SPIKE -> faults.contains("corrupt shard");
            case NAN -> faults.contains("not finite");
            case EXITED -> training.isEmpty() || training.get().anyDead() || nodeDead;
            case STALLED -> cluster.agentsOf(key).size() < state.plan().orElseThrow().nodes()
                    || cluster.agentsOf(key).stream().anyMatch(agent -> !agent.alive() || !agent.reachable())
                    || training.get()
                            .longestSilence()
                            .compareTo(
                                    (training.get().begun() ? STALL : START_TIMEOUT).minus(SKEW)) >= 0;
            default -> false;
        };
        assertThat(justified).as("attempt %s is healthy, but is ended: %s; longest silence %s", key, incident,
                training.map(SimulatedTraining::longestSilence)).isTrue();
    }

    @Override
    public void stepped(LiveRun run) {
        RunGoodput goodput = RunGoodput.of(run, time.now());
        double ranks = state.plan().map(p -> p.nodes() * p.ranksPerNode()).orElse(1);
        Instant to = state.endedAt().orElse(time.now());
        double paid = ranks * Duration.between(state.createdAt(), to).toNanos() / 1e9;
        assertThat(goodput.time().accounts().values()).allMatch(value -> value >= 0);
        assertThat(goodput.time().accounts().values().stream().mapToDouble(Double::doubleValue).sum())
                .as("goodput accounts against ranks x age")
                .isCloseTo(paid,
                        org.assertj.core.data.Offset.offset(1e-6 * Math.max(1, paid)));
    }

    private void checkEnd() {
        boolean named = state.phase().ended() || state.waitingFor().isPresent() || state.incidents()
                .stream()
                .anyMatch(i -> i.kind() == Finding.Kind.UNREACHABLE && i.closedAt().isEmpty());
        assertThat(named).as("the run is %s after %s without a reason", state.phase(), LIMIT).isTrue();
        checkNothingLost();
        checkReplay();
        if (state.phase().ended()) {
            cluster.forEachAgent((key, node, agent) -> assertThat(agent.alive())
                    .as("agent %s of %s outlives the run", node, key)
                    .isFalse());
        }
    }

    private void checkNothingLost() {
        assertThat(store.load(id).orElseThrow().events()).isEqualTo(history);
        List<RunStore.Received> received = store.records(id, 0, Integer.MAX_VALUE);
        cluster.forEachAgent((key, node, agent) -> {
            List<AgentRecord> stored = received.stream()
                    .filter(r -> r.attempt() == key.attempt() && r.node() == node)
                    .map(RunStore.Received::message)
                    .toList();
            assertThat(stored).isEqualTo(agent.everything().subList(0, stored.size()));
            nothingDiedUntold &= stored.size() == agent.everything().size();
            if (state.attempt(key.attempt()).completed()) {
                assertThat(stored).hasSameSizeAs(agent.everything());
            }
        });
    }

    /** A new controller that reads the store sees the same run. */
    private void checkReplay() {
        LiveRun replayed = new RunEngine(store, kind -> cluster, new FixedPlan(null), new Advice(),
                (s, recipe, resume, skipped) -> null, Runs.takeOver(store), time.now()).run(id).orElseThrow();
        assertThat(replayed.state().phase()).isEqualTo(state.phase());
        assertThat(replayed.state().attempts()).isEqualTo(state.attempts());
        assertThat(replayed.state().incidents()).isEqualTo(state.incidents());
        assertThat(replayed.state().changes()).isEqualTo(state.changes());
        if (state.phase() == RunPhase.COMPLETED && nothingDiedUntold) {
            long skipped = state.skipped()
                    .stream()
                    .mapToLong(r -> Math.max(0,
                            Math.min(r.last(), state.totalSteps()) - r.first() + 1))
                    .sum();
            // A step that was not finite made no update: it is neither, unless it was rolled back.
            assertThat(replayed.kept().size() + skipped).as("every step is either kept or skipped")
                    .isBetween(state.totalSteps() - (faults.contains("not finite") ? 1 : 0),
                            state.totalSteps());
        }
    }

    private record FixedPlan(PlannedRun plan) implements PlanPort {
        @Override
        public PlannedRun plan(RunSpec asked) {
            return plan;
        }

        @Override
        public RankProcess rankProcess(RunSpec asked, PlannedRun planned, LaunchContext context) {
            throw new UnsupportedOperationException("the rehearsal renders launches itself");
        }
    }

    /** Proposes or abstains by the attempt's number, always the same. */
    private static final class Advice implements AdaptPort {
        @Override
        public AdaptOutcome adapt(AdaptRequest request) {
            if (request.attempt() % 2 == 1 || request.curve().isEmpty()) {
                return new AdaptOutcome(Optional.empty(), "too little evidence");
            }
            Recipe from = request.current();
            Recipe to = new Recipe(from.globalBatch(), from.learningRate() / 2, 0, from.warmupSteps(),
                    from.schedule(), from.decaySteps(), from.wsdDecaySteps(), from.weightDecay(),
                    from.gradientClip());
            return new AdaptOutcome(Optional.of(new RecipeChange("before-attempt-" + request.attempt(),
                    request.attempt(), from, to, "law", "half the rate", 3, 2.9, 2.8, 3, -0.2, -0.1,
                    Optional.empty(), RecipeChange.Status.PROPOSED)), "half the rate");
        }

        @Override
        public RecipeChange score(UUID run, RecipeChange change, long totalSteps, List<CurvePoint> curve) {
            return change.scored(new RecipeChange.Score(2.9, true, -0.1));
        }
    }
}

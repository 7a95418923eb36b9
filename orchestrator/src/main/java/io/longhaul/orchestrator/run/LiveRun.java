package io.longhaul.orchestrator.run;

import io.longhaul.monitor.AttemptMonitor;
import io.longhaul.monitor.Finding;
import io.longhaul.monitor.Thresholds;
import io.longhaul.monitor.health.HealthEvent;
import io.longhaul.monitor.loss.LossPoint;
import io.longhaul.monitor.response.Trouble;
import io.longhaul.monitor.straggler.JobShape;
import io.longhaul.orchestrator.adapt.CurvePoint;
import io.longhaul.orchestrator.attempt.AttemptTrack;
import io.longhaul.orchestrator.attempt.AttemptTrack.StepPoint;
import io.longhaul.orchestrator.telemetry.AgentRecord;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * A run in memory: its state and what its attempts' agents said. Built from the store alone; methods that read or
 * write more than {@link #state} hold the object's lock.
 */
public final class LiveRun {
    private final Map<Integer, AttemptTrack> tracks = new HashMap<>();
    /** Of the newest attempt that told of a rank. */
    private final Map<Integer, Integer> nodeOfRank = new HashMap<>();
    private int placedAttempt;
    private volatile RunState state;
    private long sequence;
    private long cursor;

    LiveRun(RunState state, long sequence) {
        this.state = state;
        this.sequence = sequence;
    }

    public RunState state() {
        return state;
    }

    /** Number of the last event. */
    public synchronized long sequence() {
        return sequence;
    }

    long cursor() {
        return cursor;
    }

    void advance(RunState next, long events, long newCursor) {
        state = next;
        sequence += events;
        cursor = newCursor;
    }

    /** What happened in an attempt; empty before its first record. */
    public synchronized Optional<AttemptTrack> track(int attempt) {
        return Optional.ofNullable(tracks.get(attempt));
    }

    private AttemptTrack trackOf(int attempt) {
        AttemptTrack known = tracks.get(attempt);
        if (known == null) {
            known = new AttemptTrack(monitor(attempt));
            tracks.put(attempt, known);
        }
        return known;
    }

    /** Ranks of one pipeline stage work alike: in Megatron's order, which the stage counts last in. */
    private AttemptMonitor monitor(int attempt) {
        RunSpec.Policies policies = state.spec().policies();
        int ranks = state.attempt(attempt).launch().worldSize();
        int stages = state.plan().map(plan -> plan.layout().pipeline()).orElse(1);
        int ofStage = Math.max(1, ranks / stages);
        List<List<Integer>> peers = IntStream.range(0, stages)
                .mapToObj(stage -> IntStream.range(stage * ofStage, (stage + 1) * ofStage).boxed().toList())
                .toList();
        int microBatches = state.plan().map(plan -> plan.layout().microBatches()).orElse(1);
        return new AttemptMonitor(ranks, new JobShape(peers, false, Math.max(1, microBatches)),
                Thresholds.of(policies.startTimeout(), policies.stallTimeout()), losses(attempt));
    }

    /** Losses of the steps that an attempt goes on from. */
    private List<LossPoint> losses(int attempt) {
        return keptBefore(attempt).values()
                .stream()
                .filter(kept -> kept.point().step() <= state.attempt(attempt).launch().resumeStep())
                .map(kept -> LossPoint.of(kept.point().step(), kept.point().loss()))
                .toList();
    }

    /** Takes in a record that was decided on before: nothing new follows from it. */
    void replay(RunStore.Received received) {
        place(received);
        trackOf(received.attempt()).accept(received.node(), received.message());
        cursor = received.id();
    }

    /** Takes in a new record and says what it means for the run. */
    List<RunInput> accept(RunStore.Received received) {
        if (received.attempt() > state.attempts().size()) {
            throw new RunStore.FencedException(
                    "attempt " + received.attempt() + " was decided by another controller");
        }
        place(received);
        AttemptTrack track = trackOf(received.attempt());
        long before = track.lastStep().map(StepPoint::step).orElse(0L);
        List<Finding> findings = track.accept(received.node(), received.message());
        List<RunInput> inputs = new ArrayList<>();
        inputs.add(new RunInput.Told(received.attempt(), received.node(), received.message()));
        if (received.message() instanceof AgentRecord.LogLine) {
            long after = track.lastStep().map(StepPoint::step).orElse(0L);
            if (after > before) {
                inputs.add(new RunInput.Stepped(received.attempt(), after));
            }
        }
        findings.forEach(finding -> inputs.add(found(received.attempt(), finding)));
        return inputs;
    }

    private void place(RunStore.Received received) {
        if (received.message() instanceof AgentRecord.RankStarted started) {
            if (received.attempt() != placedAttempt) {
                nodeOfRank.clear();
                placedAttempt = received.attempt();
            }
            nodeOfRank.put(started.rank(), received.node());
        }
    }

    /** @param contact when the attempt's agents were last in touch: silence of a trainer is judged up to there */
    List<RunInput> tick(int attempt, Instant contact) {
        List<RunInput> inputs = new ArrayList<>();
        trackOf(attempt).tick(contact).forEach(finding -> inputs.add(found(attempt, finding)));
        return inputs;
    }

    /** What the cluster says of the node that an attempt's agent runs on; told once of each condition. */
    List<RunInput> observed(int attempt, int node, Instant at, HealthEvent event) {
        Finding finding = Finding.ofNode(at, node, event.rule().label(), event.text());
        boolean known = trackOf(attempt).findings()
                .stream()
                .anyMatch(before -> before.kind() == finding.kind()
                        && Integer.toString(node).equals(before.evidence().get(Responses.NODE))
                        && event.rule().label().name().equals(before.evidence().get("label")));
        if (known) {
            return List.of();
        }
        trackOf(attempt).note(finding);
        return List.of(found(attempt, finding));
    }

    /** A person's answer, with the node that the incident which asks is about. */
    synchronized RunInput answered(boolean approved) {
        return new RunInput.WaitAnswered(approved, state.askedAbout()
                .map(i -> node(i.attempt(), i.decision().basis().finding()))
                .orElse(OptionalInt.empty()));
    }

    private RunInput found(int attempt, Finding finding) {
        AttemptTrack track = trackOf(attempt);
        long last = track.lastStep()
                .map(StepPoint::step)
                .orElse(state.attempt(attempt).launch().resumeStep());
        List<Finding> before = track.findings().stream().filter(one -> one != finding).toList();
        return new RunInput.Found(attempt, finding, Trouble.signs(before, finding),
                damage(track, attempt, finding), last, track.stepSeconds(), node(attempt, finding));
    }

    private OptionalInt node(int attempt, Finding finding) {
        OptionalInt told = MachineBlame.node(finding);
        if (told.isPresent()) {
            return told;
        }
        OptionalInt rank = MachineBlame.rank(finding);
        Integer node = rank.isPresent() && attempt == placedAttempt
                ? nodeOfRank.get(rank.getAsInt())
                : null;
        return node == null ? OptionalInt.empty() : OptionalInt.of(node);
    }

    /** A spike's data: the shard that its first step read, or nothing if no shard is known. */
    private Optional<RunInput.Damage> damage(AttemptTrack track, int attempt, Finding finding) {
        if (finding.step().isEmpty()
                || finding.kind() != Finding.Kind.SPIKE && finding.kind() != Finding.Kind.NAN) {
            return Optional.empty();
        }
        long batch = state.attempt(attempt).recipe().globalBatch();
        // The last sample of the step: a bad shard that begins within the step is the one to blame.
        return track.shardOf(finding.step().getAsLong() * batch - 1)
                .map(
                        shard -> new RunInput.Damage(
                                new StepRange(shard.firstSample() / batch + 1,
                                        Math.ceilDiv(shard.endSample(), batch)),
                                Optional.of(shard.name())));
    }

    /** The steps whose update is part of the weights, ascending; skipped ones are absent. */
    public synchronized List<KeptStep> kept() {
        return List.copyOf(keptBefore(state.attempts().size() + 1).values());
    }

    private TreeMap<Long, KeptStep> keptBefore(int number) {
        TreeMap<Long, KeptStep> kept = new TreeMap<>();
        for (Attempt attempt : state.attempts().subList(0, number - 1)) {
            kept.tailMap(attempt.launch().resumeStep(), false).clear();
            track(attempt.number()).ifPresent(
                    track -> track.steps()
                            .stream()
                            .filter(p -> !p.skipped() && Double.isFinite(p.loss()))
                            .forEach(p -> kept.put(p.step(), new KeptStep(attempt.number(), p))));
        }
        return kept;
    }

    /** A step and the attempt that made it. */
    public record KeptStep(int attempt, StepPoint point) {}

    /** Training loss of the kept steps up to a step. */
    synchronized List<CurvePoint> curve(long upTo) {
        return kept().stream()
                .map(KeptStep::point)
                .filter(p -> p.step() <= upTo && Double.isFinite(p.learningRate()))
                .map(p -> new CurvePoint(p.step(), p.learningRate(), p.loss(),
                        p.step() * state.tokensPerStep()))
                .toList();
    }

    synchronized List<CurvePoint> validation(long upTo) {
        TreeMap<Long, CurvePoint> kept = new TreeMap<>();
        for (Attempt attempt : state.attempts()) {
            kept.tailMap(attempt.launch().resumeStep(), false).clear();
            track(attempt.number()).ifPresent(
                    track -> track.validation()
                            .stream()
                            .filter(p -> p.step() <= upTo && Double.isFinite(p.loss()))
                            .forEach(
                                    p -> kept.put(
                                            p.step(),
                                            new CurvePoint(p.step(), 0, p.loss(),
                                                    p.step() * state.tokensPerStep()))));
        }
        return List.copyOf(kept.values());
    }
}

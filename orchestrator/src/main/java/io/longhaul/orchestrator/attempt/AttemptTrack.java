package io.longhaul.orchestrator.attempt;

import io.longhaul.monitor.AttemptMonitor;
import io.longhaul.monitor.Finding;
import io.longhaul.monitor.MegatronLog;
import io.longhaul.monitor.Signal;
import io.longhaul.monitor.hang.RankState;
import io.longhaul.monitor.health.DcgmText;
import io.longhaul.monitor.internals.Internal;
import io.longhaul.monitor.node.Preflight;
import io.longhaul.monitor.watch.Progress;
import io.longhaul.orchestrator.telemetry.AgentRecord;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What is known of one attempt from its agents' records: its curve, its data shards, its detectors. A function of
 * the records in their order, so that it is rebuilt by feeding them again.
 */
public final class AttemptTrack {
    private static final int LAST_LINES = 3;
    /** Findings that are kept, the newest ones. */
    private static final int FINDINGS = 256;
    private static final int PACE = 21;

    private final AttemptMonitor monitor;
    private final List<StepPoint> steps = new ArrayList<>();
    private final List<ValidationPoint> validation = new ArrayList<>();
    private final List<Shard> shards = new ArrayList<>();
    private final Map<Integer, Deque<String>> errors = new HashMap<>();
    private final Deque<Finding> findings = new ArrayDeque<>();
    /** Its lines tell the steps, so that nothing that looks like another trainer's does. */
    private boolean megatron;

    /**
     * A step as the trainer logged it.
     *
     * @param loss nats per token; NaN if the step was skipped or its loss is not a number
     * @param seconds wall-clock length, NaN if not logged
     */
    public record StepPoint(
            long step,
            Instant at,
            double loss,
            double learningRate,
            double seconds,
            boolean skipped) {}

    /** @param loss nats per token on the validation data */
    public record ValidationPoint(long step, double loss) {}

    /** Samples {@code [firstSample, endSample)} of the run's order came from this shard. */
    public record Shard(String name, long firstSample, long endSample) {}

    /** @param monitor has seen nothing of the attempt yet */
    public AttemptTrack(AttemptMonitor monitor) {
        this.monitor = monitor;
    }

    /**
     * Takes in one more record; returns what the detectors conclude from it.
     *
     * @param node whose agent sent it
     */
    public List<Finding> accept(int node, AgentRecord message) {
        return noted(conclusions(node, message));
    }

    /** Keeps what somebody else than the detectors found. */
    public void note(Finding finding) {
        noted(List.of(finding));
    }

    private List<Finding> noted(List<Finding> found) {
        for (Finding finding : found) {
            findings.addLast(finding);
            if (findings.size() > FINDINGS) {
                findings.removeFirst();
            }
        }
        return found;
    }

    private List<Finding> conclusions(int node, AgentRecord message) {
        return switch (message) {
            case AgentRecord.LogLine m when m.stream() == AgentRecord.Stream.KERNEL ->
                monitor.accept(new Signal.NodeLine(m.at(), node, m.line()));
            case AgentRecord.LogLine line -> line(line);
            case AgentRecord.Preflight m -> monitor.accept(new Signal.Preflight(m.at(),
                    new Preflight.Result(node, m.rank(), m.values(), m.wrong(), m.problem())));
            case AgentRecord.Metrics m ->
                monitor.accept(new Signal.ModelInternals(m.at(), m.step(), internals(m)));
            case AgentRecord.Collectives m -> m.groups()
                    .stream()
                    .map(g -> new RankState(m.rank(), g.group(), g.entered(),
                            Math.min(g.finished(), g.entered()), m.phase(), true))
                    .flatMap(state -> monitor.accept(new Signal.CollectiveProgress(m.at(), state)).stream())
                    .toList();
            case AgentRecord.GpuHealth m -> monitor.accept(
                    new Signal.GpuReadings(m.at(), node, DcgmText.parse(m.text())));
            case AgentRecord.RankStep m -> monitor.accept(
                    new Signal.RankStep(
                            m.at(), m.rank(), m.step(), m.computeSeconds(), m.communicationSeconds(),
                            m.totalSeconds()));
            case AgentRecord.RankStarted m -> monitor.accept(new Signal.RankStarted(m.at(), m.rank()));
            case AgentRecord.RankExited m -> monitor.accept(
                    new Signal.RankExited(m.at(), m.rank(), m.code(), m.signal(), lastLines(m.rank())));
            case AgentRecord.DataShard m -> {
                shards.add(new Shard(m.shard(), m.firstSample(), m.endSample()));
                yield List.of();
            }
            case AgentRecord.Registered m -> List.of();
            case AgentRecord.Checkpoint m -> List.of();
            case AgentRecord.AllExited m -> List.of();
        };
    }

    /** Time passed while the agents were in touch. */
    public List<Finding> tick(Instant at) {
        return noted(monitor.accept(new Signal.Tick(at)));
    }

    private List<Finding> line(AgentRecord.LogLine line) {
        Optional<MegatronLog.Line> parsed = line.stream() == AgentRecord.Stream.STDOUT
                ? MegatronLog.parse(line.line())
                : Optional.empty();
        Optional<Progress> other = parsed.isEmpty() && !megatron && line.stream() != AgentRecord.Stream.AGENT
                ? Progress.ofNemoOrTorchtitan(line.line())
                : Optional.empty();
        if (other.isPresent()) {
            return step(line.at(), other.get(), Internal.of(line.line()));
        }
        if (parsed.isEmpty()) {
            if (line.stream() == AgentRecord.Stream.STDERR) {
                Deque<String> last = errors.computeIfAbsent(line.rank(), rank -> new ArrayDeque<>());
                last.addLast(line.line());
                if (last.size() > LAST_LINES) {
                    last.removeFirst();
                }
            }
            return monitor.accept(new Signal.LogLine(line.at(), line.rank(), line.line()));
        }
        return switch (parsed.get()) {
            case MegatronLog.ValidationLine v -> {
                validation.add(new ValidationPoint(v.step(), v.loss()));
                yield List.of();
            }
            case MegatronLog.TrainingLine t -> {
                megatron = true;
                List<Internal.Reading> internals = Internal.of(line.line());
                List<Finding> found = new ArrayList<>(step(line.at(), t));
                if (!internals.isEmpty()) {
                    found.addAll(monitor.accept(new Signal.ModelInternals(line.at(), t.step(), internals)));
                }
                yield found;
            }
        };
    }

    /** Every rank may tell the same step: the first one counts. */
    private List<Finding> step(Instant at, Progress progress, List<Internal.Reading> internals) {
        long step = progress.doneSteps();
        if (!steps.isEmpty() && step <= steps.getLast().step()) {
            return List.of();
        }
        double loss = progress.point().loss().orElse(Double.NaN);
        double rate = progress.learningRate().orElse(Double.NaN);
        double seconds = progress.stepSeconds().orElse(Double.NaN);
        steps.add(new StepPoint(step, at, loss, rate, seconds, false));
        List<Finding> found = new ArrayList<>(monitor.accept(
                new Signal.Step(at, step, loss, progress.point().gradientNorm(), rate, seconds, false)));
        if (!internals.isEmpty()) {
            found.addAll(monitor.accept(new Signal.ModelInternals(at, step, internals)));
        }
        return found;
    }

    private static List<Internal.Reading> internals(AgentRecord.Metrics m) {
        return m.values()
                .entrySet()
                .stream()
                .flatMap(e -> Internal.named(e.getKey())
                        .map(what -> new Internal.Reading(what, e.getValue()))
                        .stream())
                .sorted(Comparator.comparing(Internal.Reading::what))
                .toList();
    }

    private List<Finding> step(Instant at, MegatronLog.TrainingLine t) {
        boolean skipped = t.skippedUpdate() && !t.nan();
        double loss = skipped ? Double.NaN : t.loss().orElse(Double.NaN);
        if (t.loss().isEmpty() && !skipped && !t.nan()) {
            // Progress, but nothing that the curve could show: another line may still tell the step's loss.
            return monitor.accept(
                    new Signal.Step(at, t.step(), loss, t.gradientNorm(), Double.NaN, Double.NaN, true));
        }
        steps.add(
                new StepPoint(
                        t.step(), at, loss, t.learningRate().orElse(Double.NaN),
                        t.stepSeconds().orElse(Double.NaN),
                        skipped));
        return monitor.accept(
                new Signal.Step(
                        at, t.step(), loss, t.gradientNorm(), t.learningRate().orElse(Double.NaN),
                        t.stepSeconds().orElse(Double.NaN), t.lossScale(), t.nanSteps().orElse(0), skipped));
    }

    private String lastLines(int rank) {
        return String.join("\n", errors.getOrDefault(rank, new ArrayDeque<>()));
    }

    /** Steps in the order in which they were logged. */
    public List<StepPoint> steps() {
        return List.copyOf(steps);
    }

    /** The newest findings, oldest first, lesser ones too. */
    public List<Finding> findings() {
        return List.copyOf(findings);
    }

    /** Usual length of the newest steps in seconds, if it was logged. */
    public OptionalDouble stepSeconds() {
        double[] newest = steps.subList(Math.max(0, steps.size() - PACE), steps.size())
                .stream()
                .mapToDouble(StepPoint::seconds)
                .filter(Double::isFinite)
                .sorted()
                .toArray();
        return newest.length == 0 ? OptionalDouble.empty() : OptionalDouble.of(newest[newest.length / 2]);
    }

    public List<ValidationPoint> validation() {
        return List.copyOf(validation);
    }

    /** Last logged step, if any. */
    public Optional<StepPoint> lastStep() {
        return steps.isEmpty() ? Optional.empty() : Optional.of(steps.getLast());
    }

    /** The shard that a sample of the run's order came from, as far as the trainer said. */
    public Optional<Shard> shardOf(long sample) {
        return shards.reversed()
                .stream()
                .filter(s -> s.firstSample() <= sample && sample < s.endSample())
                .findFirst();
    }
}
